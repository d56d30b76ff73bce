"""The review queue, read from what was published, on DuckDB and on PostgreSQL (R42)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.ledger import Verdicts, open_ledger
from hub.people import find_person
from hub.people.review import people_of, queue
from hub.project import Project
from hub.warehouse import Warehouse
from tests.stages.world import NOON, add, project, record


@pytest.fixture
def its(engine: str, warehouse: Warehouse) -> Project:
    for number, name in enumerate(("Anna", "Ans", "Bert"), start=1):
        record(warehouse, f"crm:{number}", NOON, given_name=name, record_no=number, person_id=number)
    made = project()
    return replace(made, hub=made.hub.model_copy(update={"engine": engine}))


@pytest.fixture
def verdicts(engine: str, tmp_path: Path) -> Iterator[Verdicts]:
    ledger = open_ledger("sqlite" if engine == "duckdb" else engine, tmp_path / "ledger")
    yield ledger.verdicts
    ledger.close()


def offer(warehouse: Warehouse, low: str, high: str, score: float | None = None) -> None:
    pair = {"low_record": low, "high_record": high, "found_by": "phone", "reason": "names are alike"}
    add(warehouse, "match_candidate", {**pair, "score": score, "as_of": NOON})


def test_the_likeliest_pair_comes_first_and_one_without_a_score_last(
    warehouse: Warehouse, its: Project, verdicts: Verdicts
) -> None:
    offer(warehouse, "crm:1", "crm:2")
    offer(warehouse, "crm:1", "crm:3", 0.4)
    offer(warehouse, "crm:2", "crm:3", 0.9)
    warehouse.publish()
    found, waiting = queue(its, warehouse.query, verdicts, limit=2)
    assert waiting == 3
    assert [(it.low_record, it.high_record, it.score) for it in found] == [
        ("crm:2", "crm:3", 0.9),
        ("crm:1", "crm:3", 0.4),
    ]
    assert (found[0].low, found[0].differs) == ({"given_name": "Ans"}, ("given_name",))


def test_a_pair_with_a_verdict_waits_no_longer_until_it_is_withdrawn(
    warehouse: Warehouse, its: Project, verdicts: Verdicts
) -> None:
    offer(warehouse, "crm:1", "crm:2")
    warehouse.publish()
    verdicts.give("crm:2", "crm:1", False, "anna", NOON, "sisters")
    assert queue(its, warehouse.query, verdicts, limit=9) == ([], 0)
    verdicts.withdraw("crm:2", "crm:1", "anna", NOON, "who knows")
    assert queue(its, warehouse.query, verdicts, limit=9)[1] == 1


def test_a_record_that_has_left_is_shown_empty(warehouse: Warehouse, its: Project, verdicts: Verdicts) -> None:
    offer(warehouse, "crm:1", "crm:9")
    warehouse.publish()
    ((pair,), _) = queue(its, warehouse.query, verdicts, limit=9)
    assert (pair.high, pair.agrees, pair.differs) == ({}, (), ())


def test_what_was_published_by_an_older_hub_has_no_queue_and_no_old_numbers(
    warehouse: Warehouse, its: Project, verdicts: Verdicts
) -> None:
    with warehouse.begin() as transaction:
        for name in ("match_candidate", "person_alias"):
            transaction.connection.exec_driver_sql(f"DROP VIEW {name}")
            transaction.connection.exec_driver_sql(f"DROP TABLE store.{name}")
    warehouse.publish()
    assert queue(its, warehouse.query, verdicts, limit=9) == ([], 0)
    assert find_person(its, warehouse.query, "2") == 2


def test_an_old_number_without_a_record_finds_the_person_of_today(warehouse: Warehouse, its: Project) -> None:
    add(warehouse, "person_alias", {"person_id": 77, "now_person_id": 1, "record_no": 1, "since": NOON})
    warehouse.publish()
    assert find_person(its, warehouse.query, "77") == 1


def test_records_are_told_with_their_people_and_all_that_are_not_there_are_named(
    warehouse: Warehouse, its: Project
) -> None:
    warehouse.publish()
    assert people_of(its, warehouse.query, ["crm:1", "crm:3"]) == {"crm:1": 1, "crm:3": 3}
    with pytest.raises(ConfigurationError, match=r"'crm:8'(.|\n)*'7' is no record"):
        people_of(its, warehouse.query, ["crm:8", "crm:1", "7"])
