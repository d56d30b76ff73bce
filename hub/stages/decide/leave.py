"""Leave: enrolments that end before anything was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from hub.expressions import Name, compile_condition
from hub.people.scope import person_scope
from hub.project import Project
from hub.stages.decide.plan import Plan
from hub.warehouse import Transaction, Warehouse

EXPIRED = "too late: nothing could be sent in time"
MERGED = "merged: the person is in this scenario already"
RETIRED = "the scenario is no longer there"


def leave(transaction: Transaction, project: Project, plan: Plan, as_of: datetime) -> Counter[str]:
    """End the active enrolments that are too late, that double a person's other one, or that are interrupted."""
    enrolment = transaction.table("enrolment")
    reopened = _reopen(transaction, plan)
    active = sa.and_(enrolment.c.scenario == plan.name, enrolment.c.status == "active")
    if not transaction.count(enrolment, active):
        return Counter()
    too_late = sa.and_(active, enrolment.c.entered_at <= as_of - plan.scenario.valid_for)
    expired = transaction.count(enrolment, too_late)
    if expired:
        _stop(transaction, too_late, EXPIRED, as_of)
    merged = _end(transaction, _doubled(transaction, plan), MERGED, as_of)
    reason = f"interrupted: {plan.scenario.stop_when}"
    interrupted = _end(transaction, _interrupted(transaction, project, plan, as_of), reason, as_of)
    changed = reopened + expired + merged + interrupted
    return Counter(reopened=reopened, expired=expired, merged=merged, interrupted=interrupted, changed=changed)


def retire(warehouse: Warehouse, planned: Sequence[Plan], as_of: datetime) -> int:
    """End the active enrolments of scenarios that the project has no more; return how many."""
    with warehouse.begin() as transaction:
        enrolment = transaction.table("enrolment")
        left = sa.and_(
            enrolment.c.status == "active", enrolment.c.scenario.not_in([plan.name for plan in planned] or [""])
        )
        number = transaction.count(enrolment, left)
        if number:
            _stop(transaction, left, RETIRED, as_of)
    return number


def _doubled(transaction: Transaction, plan: Plan) -> sa.Select:
    """Find active enrolments of people who, after a merge, have another one that goes first."""
    enrolment, record = transaction.table("enrolment"), transaction.table("source_record")
    mine = (
        sa.select(enrolment.c.enrolment_id, enrolment.c.status, enrolment.c.entered_at, record.c.person_id)
        .join(record, record.c.record_id == enrolment.c.record_id)
        .where(enrolment.c.scenario == plan.name)
        .cte("mine")
    )
    other = mine.alias("other")
    goes_first = sa.or_(
        other.c.status.in_(["done", "control"]),
        sa.and_(
            other.c.status == "active",
            sa.or_(
                other.c.entered_at < mine.c.entered_at,
                sa.and_(other.c.entered_at == mine.c.entered_at, other.c.enrolment_id < mine.c.enrolment_id),
            ),
        ),
    )
    return (
        sa.select(mine.c.enrolment_id)
        .join(other, sa.and_(other.c.person_id == mine.c.person_id, other.c.enrolment_id != mine.c.enrolment_id))
        .where(mine.c.status == "active", goes_first)
        .distinct()
    )


def _reopen(transaction: Transaction, plan: Plan) -> int:
    """Let enrolments that a merge ended go on where their person was split off again; return how many.

    Their person then has no enrolment in the scenario but such ones.
    """
    enrolment, record = transaction.table("enrolment"), transaction.table("source_record")
    ended = sa.and_(enrolment.c.status == "stopped", enrolment.c.reason == MERGED, enrolment.c.scenario == plan.name)
    if not transaction.count(enrolment, ended):
        return 0
    other, others_record = enrolment.alias("other"), record.alias("others_record")
    goes_on = (
        sa.select(others_record.c.person_id)
        .join(other, other.c.record_id == others_record.c.record_id)
        .where(
            other.c.scenario == plan.name,
            sa.not_(sa.and_(other.c.status == "stopped", sa.func.coalesce(other.c.reason, "") == MERGED)),
            others_record.c.person_id == record.c.person_id,
        )
    )
    alone = transaction.hold(
        "reopened",
        sa.select(enrolment.c.enrolment_id)
        .join(record, record.c.record_id == enrolment.c.record_id)
        .where(ended, ~sa.exists(goes_on)),
    )
    number = transaction.count(alone)
    if number:
        transaction.execute(
            sa.update(enrolment)
            .where(enrolment.c.enrolment_id.in_(sa.select(alone.c.enrolment_id)))
            .values(status="active", reason=None, ended_at=None)
        )
    return number


def _interrupted(transaction: Transaction, project: Project, plan: Plan, as_of: datetime) -> sa.Select:
    enrolment, record = transaction.table("enrolment"), transaction.table("source_record")
    everybody = person_scope(transaction, project, as_of)
    scope = replace(
        everybody.scope,
        names={**everybody.scope.names, "entered_at": Name(enrolment.c.entered_at, "timestamp")},
    )
    stop_when = compile_condition(plan.scenario.stop_when, scope).element
    return (
        sa.select(enrolment.c.enrolment_id)
        .select_from(
            everybody.relation.join(record, record.c.person_id == everybody.person_id).join(
                enrolment, enrolment.c.record_id == record.c.record_id
            )
        )
        .where(enrolment.c.scenario == plan.name, enrolment.c.status == "active", stop_when)
    )


def _end(transaction: Transaction, found: sa.Select, reason: str, as_of: datetime) -> int:
    leaving = transaction.hold("leaving", found)
    number = transaction.count(leaving)
    if number:
        enrolment = transaction.table("enrolment")
        _stop(transaction, enrolment.c.enrolment_id.in_(sa.select(leaving.c.enrolment_id)), reason, as_of)
    return number


def _stop(transaction: Transaction, which: sa.ColumnElement[bool], reason: str, as_of: datetime) -> None:
    enrolment = transaction.table("enrolment")
    transaction.execute(sa.update(enrolment).where(which).values(status="stopped", reason=reason, ended_at=as_of))
