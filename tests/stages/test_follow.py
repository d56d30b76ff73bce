"""Whatever merges and splits come one after the other: old numbers and memberships end where they belong (R42)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from random import Random

import pytest
import sqlalchemy as sa

from hub.law import Terms
from hub.stages.resolve.follow import Followed, follow
from hub.warehouse import Warehouse
from tests.stages.world import NOON, add, record, rows

RECORDS = range(1, 11)
STEPS = 12
Whose = Mapping[int, int]
"""The person of each record number."""

ALONE: Whose = {number: number for number in RECORDS}


@pytest.fixture
def alone(warehouse: Warehouse) -> Warehouse:
    """Give ten people with one record each, every second of whom entered a segment."""
    for number in RECORDS:
        record(warehouse, f"crm:{number}", record_no=number, person_id=number)
        if number % 2:
            since = NOON - timedelta(days=number)
            entered = {"person_id": number, "segment": "odd"}
            add(warehouse, "membership", {**entered, "since": since})
            add(warehouse, "transition", {**entered, "kind": "entered", "at": since})
    return warehouse


def parted(chance: Random) -> Whose:
    """Put the records into groups by chance; the smallest number names each."""
    group = {number: chance.randrange(6) for number in RECORDS}
    return {number: min(other for other in RECORDS if group[other] == group[number]) for number in RECORDS}


def become(warehouse: Warehouse, before: Whose, after: Whose, hours: int) -> Followed:
    with warehouse.begin() as transaction:
        stored = transaction.table("source_record")
        changed = {number: (before[number], after[number]) for number in before if before[number] != after[number]}
        for number, (_, person) in changed.items():
            transaction.execute(sa.update(stored).where(stored.c.record_no == number).values(person_id=person))
        nobody = sa.select(stored.c.record_no, stored.c.person_id.label("before"), stored.c.person_id.label("after"))
        moved = transaction.hold("moved_record", nobody.where(sa.false()))
        for number, (old, new) in changed.items():
            transaction.execute(sa.insert(moved).values(record_no=number, before=old, after=new))
        return follow(transaction, Terms(), moved, NOON + timedelta(hours=hours))


def members(warehouse: Warehouse) -> list[int]:
    return [person for (person,) in rows(warehouse, "membership", "person_id")]


@pytest.mark.parametrize("seed", range(3))
def test_every_number_ever_used_leads_to_the_person_who_has_its_record(alone: Warehouse, seed: int) -> None:
    chance, before = Random(seed), ALONE
    for hours in range(STEPS):
        after = parted(chance)
        followed = become(alone, before, after, hours)
        gone, born = set(before.values()) - set(after.values()), set(after.values()) - set(before.values())
        assert (followed.merged, followed.split) == (len(gone), len(born))
        assert rows(alone, "person_alias", "person_id", "now_person_id") == sorted(
            ((number, after[number]) for number in RECORDS if after[number] != number), key=repr
        )
        # whoever has the record of somebody who entered and never left is a member, and nobody else is
        assert sorted(members(alone)) == sorted({after[number] for number in RECORDS if number % 2})
        before = after


@pytest.mark.parametrize("seed", range(3, 6))
def test_when_everybody_is_alone_again_all_is_as_it_was(alone: Warehouse, seed: int) -> None:
    chance, before = Random(seed), ALONE
    at_first = rows(alone, "membership", "person_id", "segment", "since")
    for hours in range(4):
        after = parted(chance)
        become(alone, before, after, hours)
        before = after
    become(alone, before, ALONE, 5)
    assert rows(alone, "membership", "person_id", "segment", "since") == at_first
    assert rows(alone, "person_alias", "person_id") == []


def test_nothing_is_done_where_nobody_moved(alone: Warehouse) -> None:
    assert become(alone, ALONE, ALONE, 1) == Followed(0, 0, 0)
