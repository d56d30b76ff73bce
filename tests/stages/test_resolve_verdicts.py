"""What people decide by hand goes before all rules: on both engines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.ledger import Ledger, open_ledger
from hub.report import Report
from hub.stages.resolve import resolve
from hub.warehouse import Warehouse
from tests.stages.world import NOON, one, project, record, rows

Decide = Callable[[str, str, bool], None]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger("sqlite", tmp_path / "ledger")
    yield opened
    opened.close()


@pytest.fixture
def decide(ledger: Ledger) -> Decide:
    return lambda low, high, same: ledger.verdicts.give(low, high, same, "an admin", NOON, "seen at the desk")


def people(warehouse: Warehouse) -> list[set[str]]:
    """Give the record ids of each person, by person id."""
    found: dict[int, set[str]] = {}
    for person_id, record_id in rows(warehouse, "source_record", "person_id", "record_id"):
        found.setdefault(person_id, set()).add(record_id)
    return [found[person_id] for person_id in sorted(found)]


def run(warehouse: Warehouse, ledger: Ledger) -> Report:
    return resolve(warehouse, ledger, project(), NOON)


def test_two_records_joined_by_hand_are_one_person_whatever_they_say(
    warehouse: Warehouse, ledger: Ledger, decide: Decide
) -> None:
    record(warehouse, "crm:1", email="anna@example.nl", given_name="Anna")
    record(warehouse, "shop:1", email="bert@example.nl", given_name="Bert")
    record(warehouse, "shop:2", email="bert@example.nl", given_name="Bert")
    run(warehouse, ledger)
    decide("crm:1", "shop:1", True)
    run(warehouse, ledger)
    assert people(warehouse) == [{"crm:1", "shop:1", "shop:2"}]
    assert one(warehouse, "source_record", {"record_id": "shop:1"}, "linked_by", "linked_to") == ("hand", "crm:1")
    ledger.verdicts.withdraw("crm:1", "shop:1", "an admin", NOON, "a mistake")
    run(warehouse, ledger)
    assert people(warehouse) == [{"crm:1"}, {"shop:1", "shop:2"}]


def test_two_records_parted_by_hand_are_never_one_person_and_others_go_to_the_nearer(
    warehouse: Warehouse, ledger: Ledger, decide: Decide
) -> None:
    for number in range(6):
        record(warehouse, f"crm:{number}", email=[f"{number}@example.nl", f"{number + 1}@example.nl"])
    run(warehouse, ledger)
    assert len(people(warehouse)) == 1
    decide("crm:0", "crm:4", False)
    assert run(warehouse, ledger).counts["parted_by_hand"] == 6
    assert people(warehouse) == [{"crm:0", "crm:1", "crm:2"}, {"crm:3", "crm:4", "crm:5"}]
    assert one(warehouse, "source_record", {"record_id": "crm:3"}, "linked_by", "linked_to") == (None, None)
    assert run(warehouse, ledger).skipped


def test_several_pairs_of_one_person_may_be_parted(warehouse: Warehouse, ledger: Ledger, decide: Decide) -> None:
    for key in ("a", "b", "c", "d"):
        record(warehouse, f"crm:{key}", email="info-desk@example.nl")
    for low, high in itertools.combinations("abc", 2):
        decide(f"crm:{low}", f"crm:{high}", False)
    run(warehouse, ledger)
    assert people(warehouse) == [{"crm:a", "crm:d"}, {"crm:b"}, {"crm:c"}]


def test_a_verdict_on_a_record_that_is_not_there_waits_for_it(
    warehouse: Warehouse, ledger: Ledger, decide: Decide
) -> None:
    decide("crm:1", "crm:2", True)
    record(warehouse, "crm:1", given_name="Anna")
    run(warehouse, ledger)
    record(warehouse, "crm:2", given_name="Bert")
    run(warehouse, ledger)
    assert people(warehouse) == [{"crm:1", "crm:2"}]


def test_a_pair_that_was_decided_waits_for_nobody(warehouse: Warehouse, ledger: Ledger, decide: Decide) -> None:
    record(warehouse, "crm:1", phone="+31612345678", given_name="Jan", surname="Valk")
    record(warehouse, "crm:2", phone="+31612345678", given_name="Hans", surname="Valk")
    run(warehouse, ledger)
    assert len(rows(warehouse, "match_candidate", "reason")) == 1
    decide("crm:1", "crm:2", False)
    run(warehouse, ledger)
    assert rows(warehouse, "match_candidate", "reason") == []


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mails=st.lists(st.sets(st.integers(0, 3), max_size=2), min_size=2, max_size=6),
    never=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=4),
)
def test_never_means_never(
    warehouse: Warehouse,
    tmp_path_factory: pytest.TempPathFactory,
    mails: list[set[int]],
    never: set[tuple[int, int]],
) -> None:
    import sqlalchemy as sa

    with warehouse.begin() as transaction:
        for name in ("source_record", "identifier", "person", "household", "match_candidate", "stage_state"):
            transaction.execute(sa.delete(transaction.table(name)))
    ledger = open_ledger("sqlite", tmp_path_factory.mktemp("ledger"))
    pairs = {(f"x:{a}", f"x:{b}") for a, b in never if a < b}
    for number, held in enumerate(mails):
        record(warehouse, f"x:{number}", email=[f"{mail}@example.nl" for mail in sorted(held)])
    for low, high in sorted(pairs):
        ledger.verdicts.give(low, high, False, "an admin", NOON, "two people")
    run(warehouse, ledger)
    ledger.close()
    for person in people(warehouse):
        assert not pairs & set(itertools.product(person, person))
