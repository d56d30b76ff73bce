"""Leave: instances that end before their time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from hub.stages.decide.plan import Plan
from hub.stages.decide.tick import Tick
from hub.stages.decide.withdraw import withdraw
from hub.warehouse import Warehouse
from hub.warehouse.state import fingerprint, remember, seen

MERGED = "merged: the person is in this scenario already"
RETIRED = "the scenario is no longer there"


def leave(tick: Tick) -> Counter[str]:
    """End the active instances that double a person's other one, or that are interrupted."""
    of_people = tick.plan.scenario.table is None
    reopened = _reopen(tick) if of_people else 0
    if not tick.transaction.count(tick.enrolment, tick.active):
        return Counter()
    merged = _end(tick, _doubled(tick), MERGED) if of_people else 0
    stopped = 0 if of_people else _end(tick, _rowless(tick), f"interrupted: the {tick.plan.scenario.table} is gone")
    stopped += _end(tick, interrupted(tick), f"interrupted: {tick.plan.scenario.stop_when}")
    changed = reopened + merged + stopped
    return Counter(reopened=reopened, merged=merged, interrupted=stopped, changed=changed)


def retire(warehouse: Warehouse, planned: Sequence[Plan], as_of: datetime) -> int:
    """End the active instances of scenarios that the project has no more; return how many."""
    names = sorted(plan.name for plan in planned)
    mark = fingerprint(names)
    with warehouse.begin() as transaction:
        if seen(transaction, "scenarios") == mark:
            return 0
        enrolment = transaction.table("enrolment")
        left = sa.and_(enrolment.c.status == "active", enrolment.c.scenario.not_in(names or [""]))
        number = transaction.count(enrolment, left)
        if number:
            values = {"status": "stopped", "reason": RETIRED, "due_at": None, "ended_at": as_of}
            transaction.execute(sa.update(enrolment).where(left).values(**values))
            withdraw(transaction, as_of)
        remember(transaction, "scenarios", mark, as_of)
    return number


def _doubled(tick: Tick) -> sa.Select:
    """Find active instances of people who, after a merge, have another one that goes first.

    Where people enter once, one that has ended goes first too. Else only those under way count that came with another
    record: the earlier goes first, or the later where a new trigger starts afresh.
    """
    enrolment, record = tick.enrolment, tick.transaction.table("source_record")
    mine = (
        sa.select(
            enrolment.c.enrolment_id,
            enrolment.c.status,
            enrolment.c.entered_at,
            enrolment.c.version,
            enrolment.c.record_id,
            record.c.person_id,
        )
        .join(record, record.c.record_id == enrolment.c.record_id)
        .where(enrolment.c.scenario == tick.plan.name)
        .cte("mine")
    )
    other = mine.alias("other")
    sooner = other.c.entered_at < mine.c.entered_at
    if tick.plan.scenario.entry == "each time":
        sooner = other.c.entered_at > mine.c.entered_at
    tie = sa.and_(other.c.entered_at == mine.c.entered_at, other.c.enrolment_id < mine.c.enrolment_id)
    goes_first = sa.and_(other.c.status == "active", other.c.record_id != mine.c.record_id, sa.or_(sooner, tie))
    if tick.plan.scenario.entry == "once":
        goes_first = sa.or_(other.c.status.in_(["done", "control"]), goes_first)
    return (
        sa.select(mine.c.enrolment_id)
        .join(other, sa.and_(other.c.person_id == mine.c.person_id, other.c.enrolment_id != mine.c.enrolment_id))
        .where(mine.c.status == "active", mine.c.version == tick.plan.version, goes_first)
        .distinct()
    )


def _reopen(tick: Tick) -> int:
    """Let instances that a merge ended go on where their person was split off again; return how many.

    Their person then has no instance of the scenario but such ones.
    """
    enrolment, record = tick.enrolment, tick.transaction.table("source_record")
    ended = sa.and_(
        enrolment.c.scenario == tick.plan.name,
        enrolment.c.version == tick.plan.version,
        enrolment.c.status == "stopped",
        enrolment.c.reason == MERGED,
    )
    if not tick.transaction.count(enrolment, ended):
        return 0
    other, others_record = enrolment.alias("other"), record.alias("others_record")
    goes_on = (
        sa.select(others_record.c.person_id)
        .join(other, other.c.record_id == others_record.c.record_id)
        .where(
            other.c.scenario == tick.plan.name,
            sa.not_(sa.and_(other.c.status == "stopped", sa.func.coalesce(other.c.reason, "") == MERGED)),
            others_record.c.person_id == record.c.person_id,
        )
    )
    alone = tick.transaction.hold(
        "reopened",
        sa.select(enrolment.c.enrolment_id)
        .join(record, record.c.record_id == enrolment.c.record_id)
        .where(ended, ~sa.exists(goes_on)),
    )
    values = {"status": "active", "reason": None, "ended_at": None, "due_at": None}
    return tick.transaction.execute(sa.update(enrolment).where(tick.among(alone)).values(**values)).rowcount


def interrupted(tick: Tick, among: sa.ColumnElement[str] | None = None) -> sa.Select:
    """Find the instances that are interrupted: of those under way, or `among` others by their ids."""
    under_way = tick.instances()
    enrolment = under_way.enrolment
    which = tick.active if among is None else enrolment.c.enrolment_id.in_(sa.select(among))
    return (
        sa.select(enrolment.c.enrolment_id)
        .select_from(under_way.relation)
        .where(which, under_way.interrupted(tick.plan.scenario))
    )


def _rowless(tick: Tick) -> sa.Select:
    under_way = tick.instances()
    return (
        sa.select(under_way.enrolment.c.enrolment_id)
        .select_from(under_way.relation)
        .where(tick.active, under_way.row_is_gone)
    )


def _end(tick: Tick, found: sa.Select, reason: str) -> int:
    leaving = tick.transaction.hold("leaving", found)
    return tick.stop(tick.among(leaving), reason) if tick.transaction.count(leaving) else 0
