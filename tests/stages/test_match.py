"""Links by probability: who is one person although no value says so, and who never is; on both engines."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.ledger import Ledger, open_ledger
from hub.people import explain
from hub.project.identity import IdentityFile
from hub.project.matching import MatchRules
from hub.report import Report
from hub.schema import BUILT_IN, Schema
from hub.stages.resolve import resolve
from hub.stages.resolve.match.engine import Engine
from hub.stages.resolve.match.forms import formal_names
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, project, rows

GIVEN = ("Aafke", "Boukje", "Cindy", "Douwe", "Ebbe", "Floor", "Gonda", "Hilde", "Ilona", "Jurre")
FAMILY = ("Koopmans", "Leferink", "Mulder", "Nagtegaal", "Oosterling", "Poelstra", "Quist", "Rozema")
SPRING, AUTUMN = date(1980, 4, 1), date(1991, 10, 31)
HOME = "1234AB 9"

Person = tuple[str, dict[str, Any]]


def said(record_id: str, given_name: str | None, surname: str | None, born: date | None = None, **more: Any) -> Person:
    return record_id, {"given_name": given_name, "surname": surname, "birth_date": born, **more}


def strangers(count: int = 80) -> list[Person]:
    """Make people who have nothing to do with each other, to learn from."""
    return [
        said(
            f"town:{number}",
            GIVEN[number % len(GIVEN)],
            FAMILY[number % len(FAMILY)] + "abcdefghijklmnop"[number % 16] * 2,
            date(1940 + number % 60, 1 + number % 12, 1 + number % 28),
            email=f"{GIVEN[number % len(GIVEN)].lower()}{number}@example.org",
            home=f"{2000 + number}CD {number} {FAMILY[number % 8]}{GIVEN[number % 10]}straat",
        )
        for number in range(count)
    ]


def tell(warehouse: Warehouse, *people: Person) -> None:
    """Add records with their e-mail address, phone number and home (postcode, number, and street if it is not Dorp)."""
    records, identifiers, addresses = [], [], []
    for record_id, given in people:
        connection, key = record_id.split(":")
        row = {"connection": connection, "source_key": key, "load_id": "1", "record_id": record_id}
        columns = dict.fromkeys(("given_name", "surname", "birth_date", "gender"))
        records.append({**row, **columns, **{name: given[name] for name in given if name in columns}})
        for kind in ("email", "phone"):
            if given.get(kind):
                identifiers.append({**row, "type": kind, "value": given[kind]})
        if given.get("home"):
            postcode, number, street = (*given["home"].split(), "Dorp")[:3]
            addresses.append({**row, "postcode": postcode, "house_number": number, "street": street, "city": "Ede"})
    for table, values in (("source_record", records), ("identifier", identifiers), ("address", addresses)):
        if values:
            with warehouse.begin() as transaction:
                transaction.execute(sa.insert(transaction.table(table)), values)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger("sqlite", tmp_path / "ledger")
    yield opened
    opened.close()


@pytest.fixture
def match(warehouse: Warehouse, ledger: Ledger) -> Callable[..., Report]:
    """Resolve as a run does after mapping brought something."""
    runs = iter(range(1000))

    def run(**rules: Any) -> Report:
        with warehouse.begin() as transaction:
            remember(transaction, "map", str(next(runs)), NOON)
        identity = IdentityFile(match=MatchRules.model_validate(rules))
        return resolve(warehouse, ledger, replace(project(), identity=identity), NOON)

    return run


def people(warehouse: Warehouse) -> list[set[str]]:
    """Give the records of everybody who is no stranger, by person."""
    found: dict[int, set[str]] = {}
    for person_id, record_id in rows(warehouse, "source_record", "person_id", "record_id"):
        found.setdefault(person_id, set()).add(record_id)
    return sorted((ids for ids in found.values() if not any(id_.startswith("town:") for id_ in ids)), key=sorted)


ONE_PERSON = [
    pytest.param(
        said("crm:1", "Katelijne", "Waterbrug", SPRING, home=HOME),
        said("shop:1", "Kateline", "Waterburg", SPRING, home=HOME),
        id="names with slips, one birth date and address",
    ),
    pytest.param(
        said("crm:1", "Ria", "Zilverkamp", SPRING, phone="+31612345678"),
        said("shop:1", "Marie", "Zilverkamp", date(1980, 4, 2), phone="+31612345678"),
        id="two short forms of one name, a birth date one digit off",
    ),
    pytest.param(
        said("crm:1", "Hidde", "Zilverkamp", SPRING, email="t@example.nl", phone="+31612345678"),
        said("shop:1", "Hdide", "Vermolen", SPRING, email="t@example.nl", phone="+31612345678"),
        id="another surname, everything else the same",
    ),
    pytest.param(
        said("crm:1", "Hidde", "Zilverkamp", SPRING, home=HOME),
        said("shop:1", "Zilverkamp", "Hidde", SPRING, home="1234AB 19"),
        id="names in each other's field, another house number",
    ),
    pytest.param(
        said("crm:1", "Katelijne", "Waterbrug", SPRING, home="1234AB 9 Molenaarshof"),
        said("shop:1", "Kateline", "Waterburg", SPRING, home="1235AB 9 Molenarshof"),
        id="slips in both names, the street and the postcode",
    ),
    pytest.param(
        said("crm:1", "Hidde", "Zilverkamp", home="1234AB 9 Molenaarshof"),
        said("shop:1", "Zilverkamp", "Hidde", SPRING, home="1235AB 9 Molenarshof"),
        id="names in each other's field, no birth date, slips in the street and the postcode",
    ),
    pytest.param(
        said("crm:1", "Katelijne", "Waterbrug", home="1234AB 9 Molenaarshof"),
        said("shop:1", "Kateline", "Waterbrug", SPRING, home="1234AB 19 Molenarshof"),
        id="a slip in the given name, another house number, a slip in the street",
    ),
]

TWO_PEOPLE = [
    pytest.param(
        said("crm:1", "Sanne", "Zilverkamp", SPRING, home=HOME, phone="+31612345678"),
        said("shop:1", "Lotte", "Zilverkamp", SPRING, home=HOME, phone="+31612345678"),
        id="twins",
    ),
    pytest.param(
        said("crm:1", "Jan", "Zilverkamp", SPRING, home=HOME, phone="+31612345678"),
        said("shop:1", "Jan", "Zilverkamp", AUTUMN, home=HOME, phone="+31612345678"),
        id="a father and his son",
    ),
    pytest.param(
        said("crm:1", "A.", "Zilverkamp", SPRING, home=HOME, gender="F"),
        said("shop:1", "Arie", "Zilverkamp", home=HOME, gender="M"),
        id="an initial that fits, of another sex",
    ),
    pytest.param(
        said("crm:1", "Katelijne", "Waterbrug", SPRING),
        said("shop:1", "Katelijne", "Waterbrug", AUTUMN),
        id="one name, two birth dates",
    ),
    pytest.param(
        said("crm:1", None, None, email="k@example.nl"),
        said("shop:1", "Katelijne", "Waterbrug"),
        id="nothing in common",
    ),
]


@pytest.mark.parametrize(("one", "other"), ONE_PERSON)
def test_much_that_agrees_makes_one_person(
    warehouse: Warehouse, match: Callable[..., Report], one: Person, other: Person
) -> None:
    tell(warehouse, *strangers(), one, other)
    match()
    assert people(warehouse) == [{"crm:1", "shop:1"}]


@pytest.mark.parametrize(("one", "other"), TWO_PEOPLE)
def test_what_contradicts_keeps_two_people_apart(
    warehouse: Warehouse, match: Callable[..., Report], one: Person, other: Person
) -> None:
    tell(warehouse, *strangers(), one, other)
    match()
    assert people(warehouse) == [{"crm:1"}, {"shop:1"}]


def with_another(people: list[Person], **said: Any) -> list[Person]:
    """Give to each of these people a second record of the same surname and address that says something else."""
    alone = [(id_.replace("town", "crm"), {**it, "email": None}) for id_, it in people]
    return alone + [(id_.replace("crm", "shop"), {**it, **said}) for id_, it in alone]


TOLD_OTHERWISE = with_another(strangers(30), given_name="Wubbo")
"""Pairs who have all but the given name in common."""


def test_where_no_families_are_another_given_name_is_a_slip(warehouse: Warehouse, match: Callable[..., Report]) -> None:
    tell(warehouse, *TOLD_OTHERWISE)
    match()
    assert {"crm:3", "shop:3"} in people(warehouse)


def test_where_no_families_are_it_is_learned_how_often_a_given_name_is_told_wrong(
    warehouse: Warehouse, match: Callable[..., Report]
) -> None:
    (one,) = strangers(31)[30:]
    undated = with_another([(one[0], {**one[1], "birth_date": None})], given_name="Wubbo")
    tell(warehouse, *TOLD_OTHERWISE, *undated)
    match()
    assert {"crm:30", "shop:30"} in people(warehouse)


def test_where_families_are_another_given_name_is_another_person(
    warehouse: Warehouse, match: Callable[..., Report]
) -> None:
    relatives = with_another(strangers(90)[30:], given_name="Xanthippe", birth_date=date(1911, 11, 11))
    tell(warehouse, *TOLD_OTHERWISE, *relatives)
    match()
    assert {"crm:3"} in people(warehouse)


KATELIJNE = (
    said("crm:1", "Katelijne", "Waterbrug", SPRING, home=HOME),
    said("shop:1", "Kateline", "Waterburg", date(1980, 4, 2), home=HOME),
)


def test_a_link_tells_its_reason_in_words(warehouse: Warehouse, match: Callable[..., Report]) -> None:
    tell(warehouse, *strangers(), *KATELIJNE)
    report = match(join=0.5)
    ((low, high, score, joined, reason),) = rows(
        warehouse, "match_link", "low_record", "high_record", "score", "joined", "reason"
    )
    assert (low, high, joined) == ("crm:1", "shop:1", True)
    assert 0.5 <= score <= 1
    assert reason == "given name similar 0.95, birth date one digit apart, address equal, surname equal or similar"
    links = rows(warehouse, "source_record", "record_id", "linked_by", "linked_to")
    assert ("shop:1", "match", "crm:1") in links
    assert ("crm:1", None, None) in links
    assert report.counts["matched_pairs"] == 1
    assert report.counts["matched_expected_precision"] == round(100 * float(score))
    assert rows(warehouse, "match_candidate", "found_by") == []


def test_a_persons_file_tells_the_reason_and_how_likely_it_is(
    warehouse: Warehouse, engine: str, match: Callable[..., Report]
) -> None:
    tell(warehouse, *strangers(), *KATELIJNE)
    match(join=0.5)
    warehouse.publish()
    its = project()
    its = replace(its, hub=its.hub.model_copy(update={"engine": engine}))
    ((score, reason),) = rows(warehouse, "match_link", "score", "reason")
    found = explain(its, warehouse.query, "crm:1")
    assert [(it.record_id, it.linked_by, it.agreed, it.likely) for it in found.records] == [
        ("crm:1", None, None, None),
        ("shop:1", "match", reason, float(score)),
    ]


def test_the_grey_zone_goes_to_the_review_queue(warehouse: Warehouse, match: Callable[..., Report]) -> None:
    tell(warehouse, *strangers(), *KATELIJNE)
    report = match(join=1, review=0.01)
    assert people(warehouse) == [{"crm:1"}, {"shop:1"}]
    ((low, high, found_by, score, reason),) = rows(
        warehouse, "match_candidate", "low_record", "high_record", "found_by", "score", "reason"
    )
    assert (low, high, found_by) == ("crm:1", "shop:1", "match")
    assert "birth date one digit apart" in reason
    assert report.counts["pairs_to_review"] == 1
    assert report.counts["review_expected_precision"] == round(100 * float(score))


def test_a_verdict_by_hand_goes_before_the_model(
    warehouse: Warehouse, match: Callable[..., Report], ledger: Ledger
) -> None:
    tell(warehouse, *strangers(), *KATELIJNE)
    match(join=0.5)
    ledger.verdicts.give("crm:1", "shop:1", False, "an admin", NOON, "two sisters-in-law")
    match(join=0.5)
    assert people(warehouse) == [{"crm:1"}, {"shop:1"}]
    assert rows(warehouse, "match_link", "low_record") == []
    assert rows(warehouse, "match_candidate", "low_record") == []


def test_a_third_who_fits_both_does_not_make_one_person_of_two(
    warehouse: Warehouse, match: Callable[..., Report]
) -> None:
    both = said("shop:1", "K.", "Waterburg", SPRING, phone="+31612345678", home=HOME)
    tell(
        warehouse,
        *strangers(),
        said("crm:1", "Katelijne", "Waterbrug", SPRING, home=HOME, phone="+31612345679"),
        said("crm:2", "Koenraad", "Waterbrug", SPRING, home=HOME),
        both,
    )
    match(join=0.3, review=0.01)
    assert {"crm:1", "crm:2"} not in [ids & {"crm:1", "crm:2"} for ids in people(warehouse)]
    refused = [row for row in rows(warehouse, "match_link", "joined", "reason") if not row[0]]
    assert any(reason.startswith("fits several people; ") for _, reason in refused)


def test_two_of_whom_somebody_decided_stay_two_however_many_fit_in_between(
    warehouse: Warehouse, match: Callable[..., Report], ledger: Ledger
) -> None:
    one, other = {"phone": "+31611111111"}, {"phone": "+31622222222"}
    tell(
        warehouse,
        *strangers(),
        said("crm:1", "Ria", "Zilverkamp", SPRING, **one),
        said("crm:2", "Marie", "Zilverkamp", date(1980, 4, 2), home=HOME, **one),
        said("crm:3", "Ria", "Zilverkamp", date(1980, 4, 3), home=HOME, **other),
        said("crm:4", "Marie", "Zilverkamp", date(1980, 4, 4), **other),
    )
    match()
    assert people(warehouse) == [{"crm:1", "crm:2", "crm:3", "crm:4"}]
    ledger.verdicts.give("crm:1", "crm:4", False, "an admin", NOON, "two sisters-in-law")
    match()
    assert people(warehouse) == [{"crm:1", "crm:2"}, {"crm:3", "crm:4"}]
    candidates = rows(warehouse, "match_candidate", "low_record", "high_record", "reason")
    assert [(low, high, reason.split(";")[0]) for low, high, reason in candidates] == [
        ("crm:2", "crm:3", "fits several people")
    ]
    ledger.verdicts.withdraw("crm:1", "crm:4", "an admin", NOON, "a mistake")
    match()
    assert people(warehouse) == [{"crm:1", "crm:2", "crm:3", "crm:4"}]


def test_without_news_no_work_and_a_change_scores_only_its_own_pairs(
    warehouse: Warehouse, match: Callable[..., Report], ledger: Ledger
) -> None:
    tell(warehouse, *strangers(), *KATELIJNE)
    match(join=0.5)
    identity = IdentityFile(match=MatchRules(join=0.5))
    assert resolve(warehouse, ledger, replace(project(), identity=identity), NOON).skipped
    before = dict(rows(warehouse, "match_profile", "record_no", "said"))
    links = rows(warehouse, "match_link", "low_record", "high_record", "score", "reason")
    tell(warehouse, said("erp:1", "Berend", "Zuiderwijk", AUTUMN, home="9999ZZ 1"))
    match(join=0.5)
    after = dict(rows(warehouse, "match_profile", "record_no", "said"))
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    assert rows(warehouse, "match_link", "low_record", "high_record", "score", "reason") == links


def test_scoring_what_changed_gives_what_scoring_everybody_gives(
    warehouse: Warehouse, match: Callable[..., Report]
) -> None:
    tell(warehouse, *strangers(), KATELIJNE[0])
    match(join=0.5)
    tell(warehouse, KATELIJNE[1], said("erp:1", "Kaatje", "Waterbrug", SPRING, home=HOME))
    match(join=0.5)
    found = rows(warehouse, "match_link", "low_record", "high_record", "score", "joined", "reason")
    assert found
    owners = people(warehouse)
    with warehouse.begin() as transaction:
        state = transaction.table("stage_state")
        transaction.execute(sa.delete(state).where(state.c.stage == "resolve:setup"))
        for table in ("match_profile", "match_key", "match_link"):
            transaction.execute(sa.delete(transaction.table(table)))
    match(join=0.5)
    assert rows(warehouse, "match_link", "low_record", "high_record", "score", "joined", "reason") == found
    assert people(warehouse) == owners


def models(warehouse: Warehouse) -> list[Any]:
    return [mark for stage, mark in rows(warehouse, "stage_state", "stage", "fingerprint") if stage == "match_model"]


def test_the_model_is_trained_once_and_again_when_the_people_have_grown_by_enough(
    warehouse: Warehouse, match: Callable[..., Report]
) -> None:
    tell(warehouse, *strangers(40))
    match()
    first = models(warehouse)
    tell(warehouse, *strangers(50)[40:])
    match()
    assert models(warehouse) == first
    tell(warehouse, *strangers(80)[50:])
    match()
    assert models(warehouse) != first


def test_training_twice_gives_the_same_model(open_on_engine: Callable[[Schema], Warehouse], ledger: Ledger) -> None:
    warehouse = open_on_engine(BUILT_IN)
    tell(warehouse, *strangers(), *KATELIJNE)
    identity = replace(project(), identity=IdentityFile(match=MatchRules()))
    resolve(warehouse, ledger, identity, NOON)
    first = models(warehouse)
    with warehouse.begin() as transaction:
        state = transaction.table("stage_state")
        transaction.execute(sa.delete(state).where(state.c.stage.in_(["match_model", "resolve"])))
    resolve(warehouse, ledger, identity, NOON)
    assert models(warehouse) == first


def test_a_few_people_are_too_few_to_learn_from_and_the_prior_holds(
    warehouse: Warehouse, match: Callable[..., Report]
) -> None:
    tell(warehouse, KATELIJNE[0])
    match()
    tell(warehouse, KATELIJNE[1])
    match()
    assert len(people(warehouse)) in (1, 2)


def test_nothing_is_printed_and_no_name_is_logged(
    warehouse: Warehouse,
    match: Callable[..., Report],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    tell(warehouse, *strangers(), *KATELIJNE)
    match(join=0.5)
    printed = capfd.readouterr()
    assert "splink" not in (printed.out + printed.err).lower()
    assert "waterbrug" not in (printed.out + printed.err + caplog.text).lower()


def test_without_the_extra_the_remedy_is_named(
    warehouse: Warehouse, match: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'schakel\[match\]'"):
        match()


def test_a_project_that_matches_no_more_has_only_what_the_rules_say(
    warehouse: Warehouse, match: Callable[..., Report], ledger: Ledger
) -> None:
    tell(warehouse, *strangers(), *KATELIJNE)
    match(join=0.5)
    resolve(warehouse, ledger, project(), NOON)
    assert people(warehouse) == [{"crm:1"}, {"shop:1"}]
    assert rows(warehouse, "match_link", "low_record") == rows(warehouse, "match_profile", "said") == []
    assert models(warehouse) == []


@pytest.mark.parametrize(
    ("name", "formal"),
    [
        ("ria", {"maria"}),
        ("marie", {"maria"}),
        ("jan", {"johannes"}),
        ("jan willem", {"johannes", "wilhelmus", "willem"}),
        ("jw.", set()),
        ("pompoen", set()),
    ],
)
def test_a_given_name_stands_for_its_formal_names(name: str, formal: set[str]) -> None:
    found = {formal_name for _, formal_name in formal_names([name], {})}
    assert formal <= found
    assert not name.endswith(".") or not found


def test_a_project_adds_short_names_of_its_own() -> None:
    found = {formal for _, formal in formal_names(["pompoen"], {"Cucurbita": ["Pompoen"]})}
    assert found == {"cucurbita", "pompoen"}


def test_what_does_not_fit_in_memory_waits_in_a_folder_of_its_own_that_is_empty_again(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "left by a kill").write_text("somebody@example.org")
    with Engine(MatchRules(), room) as engine:
        assert not room.exists()
        engine.connection.execute("SET memory_limit = '40MB'")
        engine.connection.execute(
            "CREATE TABLE much AS SELECT random() AS n, md5(i::VARCHAR) AS t FROM range(900000) r(i)"
        )
        assert list(room.iterdir())
    assert not room.exists()
