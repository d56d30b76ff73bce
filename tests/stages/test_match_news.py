"""Comparing only who changed gives, with one model, what comparing everybody gives; on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.ledger import Ledger, open_ledger
from hub.project.identity import IdentityFile
from hub.report import Report
from hub.stages.resolve import resolve
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.test_match import AUTUMN, HOME, KATELIJNE, SPRING, Person, said, strangers, tell
from tests.stages.world import NOON, project, rows

TABLES = {
    "source_record": ("record_id", "record_no", "person_id", "linked_by", "linked_to"),
    "person": ("person_id", "record_id", "given_name", "surname", "email", "phone", "household_id", "records"),
    "match_link": ("low_record", "high_record", "score", "joined", "reason"),
    "match_profile": ("record_no", "said"),
    "match_key": ("record_no", "key"),
    "match_candidate": ("low_record", "high_record", "found_by", "score", "reason"),
    "resolved_record": ("record_no", "component", "person_id", "facts", "judged"),
}
STORED = ("source_record", "identifier", "address")
EAGER = {
    "match": {"join": 0.4, "review": 0.01, "retrain": 1, "limit": 3},
    "identifiers": {"phone": {"limit": 2}},
}
"""Rules that leave much to the model."""


@dataclass
class World:
    """A warehouse with a model, and the runs that news asks for."""

    warehouse: Warehouse
    ledger: Ledger
    rules: dict[str, Any]
    runs: int = 0

    def run(self, days: int = 0) -> Report:
        self.runs += 1
        with self.warehouse.begin() as transaction:
            remember(transaction, "map", str(self.runs), NOON)
        its = replace(project(), identity=IdentityFile.model_validate(self.rules))
        return resolve(self.warehouse, self.ledger, its, NOON + timedelta(days=days))

    def say(self, *people: Person) -> None:
        """Say it, in place of what the same records said before."""
        known = {id_: (number, person) for id_, number, person in self._numbers()}
        self.take_out(*(id_ for id_, _ in people))
        tell(self.warehouse, *people)
        with self.warehouse.begin() as transaction:
            stored = transaction.table("source_record")
            for id_, _ in people:
                number, person = known.get(id_, (None, None))
                named = stored.c.record_id == id_
                transaction.execute(sa.update(stored).where(named).values(record_no=number, person_id=person))
                for name in STORED:
                    table = transaction.table(name)
                    load = f"{self.runs}.{id_}"
                    transaction.execute(sa.update(table).where(table.c.record_id == id_).values(load_id=load))

    def take_out(self, *ids: str) -> None:
        with self.warehouse.begin() as transaction:
            for name in STORED:
                table = transaction.table(name)
                transaction.execute(sa.delete(table).where(table.c.record_id.in_(ids)))

    def forget(self, *, tables: tuple[str, ...] = ("match_profile", "match_key", "match_link")) -> None:
        """Make the next run look at everything, and compare everybody; the model stays."""
        with self.warehouse.begin() as transaction:
            state = transaction.table("stage_state")
            transaction.execute(sa.delete(state).where(state.c.stage == "resolve:setup"))
            for name in tables:
                transaction.execute(sa.delete(transaction.table(name)))

    def empty(self) -> None:
        """Take everything out except the model."""
        with self.warehouse.begin() as transaction:
            for name in (*TABLES, *STORED, "resolved_key", "resolved_load", "value_set_aside", "person_alias"):
                transaction.execute(sa.delete(transaction.table(name)))
            state = transaction.table("stage_state")
            transaction.execute(sa.delete(state).where(state.c.stage.not_in(["match_model", "schema"])))

    def read(self) -> dict[str, list[tuple[Any, ...]]]:
        return {name: rows(self.warehouse, name, *columns) for name, columns in TABLES.items()}

    @property
    def model(self) -> dict[str, Any]:
        (found,) = (
            mark
            for stage, mark in rows(self.warehouse, "stage_state", "stage", "fingerprint")
            if stage == "match_model"
        )
        model: dict[str, Any] = json.loads(found)
        return model

    def _numbers(self) -> list[tuple[Any, ...]]:
        return rows(self.warehouse, "source_record", "record_id", "record_no", "person_id")


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    ledger = open_ledger("sqlite", tmp_path / "ledger")
    yield World(warehouse, ledger, {"match": {"join": 0.5, "review": 0.1}})
    ledger.close()


def test_a_day_looks_only_at_its_news_and_at_whom_they_are_likely_one_with(world: World) -> None:
    world.say(*strangers(40), KATELIJNE[0])
    assert world.run().rows_in == 41
    world.say(KATELIJNE[1])
    assert world.run().rows_in == 2
    assert len(rows(world.warehouse, "match_link", "joined")) == 1
    world.say(said("erp:1", "Berend", "Zuiderwijk", AUTUMN, home="9999ZZ 1"))
    assert world.run().rows_in == 1
    world.take_out("shop:1")
    assert world.run().rows_in == 1
    assert rows(world.warehouse, "match_link", "joined") == []


def test_a_change_drops_the_pairs_that_it_makes_untrue_and_keeps_the_others(world: World) -> None:
    others = (
        said("crm:2", "Ria", "Zilverkamp", SPRING, phone="+31612345678"),
        said("shop:2", "Marie", "Zilverkamp", date(1980, 4, 2), phone="+31612345678"),
    )
    world.say(*strangers(40), *KATELIJNE, *others)
    world.run()
    pairs = rows(world.warehouse, "match_link", "low_record", "high_record", "score")
    assert [pair[:2] for pair in pairs] == [("crm:1", "shop:1"), ("crm:2", "shop:2")]
    world.say(said("shop:1", "Wubbo", "Xanthos", AUTUMN))
    world.run()
    assert rows(world.warehouse, "match_link", "low_record", "high_record", "score") == pairs[1:]
    assert len({person for (person,) in rows(world.warehouse, "person", "person_id")}) == 43


def test_a_verdict_that_is_withdrawn_lets_the_model_speak_again(world: World) -> None:
    world.say(*strangers(40), *KATELIJNE)
    world.run()
    joined = world.read()
    world.ledger.verdicts.give("crm:1", "shop:1", False, "an admin", NOON, "two sisters-in-law")
    world.run()
    assert rows(world.warehouse, "match_link", "joined") == []
    world.ledger.verdicts.withdraw("crm:1", "shop:1", "an admin", NOON, "one after all")
    world.run()
    assert world.read() == joined


def test_the_model_tells_when_and_of_what_it_was_trained_and_stays_until_the_people_have_grown(world: World) -> None:
    world.say(*strangers(40))
    world.run()
    first = world.model
    assert (first["trained_at"], first["records"], first["people"]) == (NOON.isoformat(), 40, 40)
    world.say(*strangers(60)[40:])
    assert world.run(days=1).rows_in == 20
    assert world.model == first
    world.say(*strangers(61)[60:])
    assert world.run(days=2).rows_in == 61
    assert (world.model["trained_at"], world.model["records"]) == ((NOON + timedelta(days=2)).isoformat(), 61)


def test_what_an_erased_person_was_compared_by_is_gone(world: World) -> None:
    world.say(*strangers(40), *KATELIJNE)
    world.run()
    assert "waterbrug" in repr(rows(world.warehouse, "match_profile", "said"))
    world.take_out("crm:1", "shop:1")
    world.run()
    assert "waterbrug" not in repr(rows(world.warehouse, "match_profile", "said"))
    assert len(rows(world.warehouse, "match_profile", "record_no")) == 40
    assert {number for number, _ in rows(world.warehouse, "match_key", "record_no", "key")} <= {
        number for (number,) in rows(world.warehouse, "match_profile", "record_no")
    }


SAYS = st.fixed_dictionaries(
    {
        "given_name": st.sampled_from(["Katelijne", "Kateline", "Katelijne", "K.", "Koenraad", None]),
        "surname": st.sampled_from(["Waterbrug", "Waterburg", "Waterbrug", None]),
        "born": st.sampled_from([SPRING, SPRING, date(1980, 4, 2), AUTUMN, None]),
        "email": st.sampled_from([None, None, None, "k@example.nl", "w@example.nl"]),
        "phone": st.sampled_from([None, None, "+31611111111", "+31622222222"]),
        "home": st.sampled_from([HOME, HOME, "1234AB 19", None]),
    }
)
KEYS = st.integers(0, 6)
CHANGES = st.one_of(
    st.tuples(st.just("say"), KEYS, SAYS),
    st.tuples(st.just("say"), KEYS, SAYS),
    st.tuples(st.just("say"), KEYS, SAYS),
    st.tuples(st.just("take out"), KEYS, st.none()),
    st.tuples(st.sampled_from(["same", "never", "withdrawn"]), KEYS, KEYS),
)
DAYS = st.lists(st.lists(CHANGES, min_size=1, max_size=6), min_size=2, max_size=4)

ONE = {"given_name": "Katelijne", "surname": "Waterbrug", "born": SPRING, "email": None, "phone": None, "home": HOME}
SLIP = {**ONE, "given_name": "Kateline", "born": date(1980, 4, 2)}
OTHER = {**ONE, "given_name": "Koenraad", "born": AUTUMN}
FITS = {**ONE, "given_name": "K.", "born": None}


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(days=DAYS)
@example(days=[[("say", 0, ONE)], [("say", 1, FITS)], [("say", 2, OTHER)], [("take out", 0, None), ("say", 3, SLIP)]])
@example(days=[[("say", 0, ONE), ("say", 1, SLIP), ("never", 0, 1)], [("say", 2, FITS)], [("withdrawn", 0, 1)]])
def test_comparing_who_changed_gives_what_comparing_everybody_gives(
    world: World, tmp_path_factory: pytest.TempPathFactory, days: list[list[tuple[str, int, Any]]]
) -> None:
    world.rules = EAGER
    if not world.runs:  # one model for all examples
        tell(world.warehouse, *strangers(10))
        world.run()
    world.empty()
    world.ledger.close()
    world.ledger = open_ledger("sqlite", tmp_path_factory.mktemp("ledger"))
    trained = world.model
    for changes in days:
        for what, key, more in changes:
            one, other = f"x:{key}", f"x:{more}"
            if what == "say":
                more = dict(more)
                world.say(said(one, more.pop("given_name"), more.pop("surname"), more.pop("born"), **more))
            elif what == "take out":
                world.take_out(one)
            elif what == "withdrawn":
                if (min(one, other), max(one, other)) in {pair[:2] for pair in world.ledger.verdicts.standing()}:
                    world.ledger.verdicts.withdraw(one, other, "an admin", NOON, "seen again")
            elif key != more:
                world.ledger.verdicts.give(one, other, what == "same", "an admin", NOON, "seen")
        world.run()
    found = world.read()
    world.forget()
    world.run()
    assert world.model == trained
    assert found == world.read()


def at_home(count: int) -> list[Person]:
    """Make people of different names at one address."""
    return [(id_, {**it, "home": HOME, "email": None}) for id_, it in strangers(count)]


def test_a_block_of_too_many_people_compares_nobody_until_it_has_shrunk(world: World) -> None:
    world.rules = {"match": {"join": 0.5, "review": 0.1, "limit": 10, "retrain": 1, "blocks": [["address"]]}}
    world.say(*at_home(8))
    world.run()
    world.say(*KATELIJNE)
    world.run()
    pair = [("crm:1", "shop:1")]
    assert rows(world.warehouse, "match_link", "low_record", "high_record") == pair
    world.say(*at_home(9)[8:])
    world.run()
    assert rows(world.warehouse, "match_link", "low_record", "high_record") == []
    crowded = world.read()
    world.forget()
    world.run()
    assert world.read() == crowded
    world.take_out("town:8")
    world.run()
    assert rows(world.warehouse, "match_link", "low_record", "high_record") == pair
    assert len(rows(world.warehouse, "person", "person_id")) == 9
