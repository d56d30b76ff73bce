"""Enrol: people whose trigger came enter the scenario, each once, ever."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import sqlalchemy as sa

from hub.expressions import Scope, compile_condition, names_in
from hub.people.facts import Facts, facts
from hub.people.scope import person_scope
from hub.project import Project
from hub.project.models import EventTrigger
from hub.stages.decide.plan import Plan
from hub.warehouse import Transaction

EVENT_TABLES = ("activity", "web_event")
"""Where `event: TYPE` looks."""


def enrol(transaction: Transaction, project: Project, plan: Plan, as_of: datetime) -> Counter[str]:
    """Write an enrolment for everybody whose trigger came within `valid_for`, who is in the target, and never was in.

    An event that arrives late still counts while it is within `valid_for`. The first event in that time is the
    moment of entry. Who entered through any record never enters again, also not after a merge.
    """
    came = transaction.hold("came", _came(transaction, project, plan, as_of))
    if not transaction.count(came):
        return Counter()
    everybody = person_scope(transaction, project, as_of)
    target = compile_condition(plan.scenario.target, everybody.scope).element
    entering = transaction.hold(
        "entering",
        sa.select(
            enrolment_id(plan.name, everybody.relation.c.record_id).label("enrolment_id"),
            everybody.relation.c.record_id.label("record_id"),
            came.c.entered_at,
            _in_control_group(plan, everybody.relation.c.record_id).label("control"),
        )
        .select_from(everybody.relation.join(came, came.c.person_id == everybody.person_id))
        .where(target),
    )
    enrolment = transaction.table("enrolment")
    transaction.execute(
        sa.insert(enrolment).from_select(
            ["enrolment_id", "scenario", "version", "record_id", "entered_at", "status", "reason", "ended_at"],
            sa.select(
                entering.c.enrolment_id,
                sa.literal(plan.name),
                sa.literal(plan.version),
                entering.c.record_id,
                entering.c.entered_at,
                sa.case((entering.c.control, sa.literal("control")), else_=sa.literal("active")),
                sa.case((entering.c.control, sa.literal("in the control group: gets nothing, to compare with"))),
                sa.case((entering.c.control, sa.literal(as_of, sa.DateTime(timezone=True)))),
            ),
        )
    )
    return Counter(entered=transaction.count(entering), control=transaction.count(entering, entering.c.control))


def enrolment_id(scenario: str, record_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Derive the id of an enrolment: always the same for a scenario and an anchor record."""
    return sa.func.md5(sa.literal(f"{scenario}|") + record_id, type_=sa.Text())


def _came(transaction: Transaction, project: Project, plan: Plan, as_of: datetime) -> sa.Select:
    """Give person_id and entered_at of everybody who was triggered and never was in the scenario."""
    record, enrolment = transaction.table("source_record"), transaction.table("enrolment")
    events = sa.union_all(
        *(
            query
            for trigger in plan.scenario.trigger.any
            for query in _events(project, trigger, as_of - plan.scenario.valid_for, as_of)
        )
    ).subquery("events")
    enrolled = (
        sa.select(record.c.person_id)
        .join(enrolment, enrolment.c.record_id == record.c.record_id)
        .where(enrolment.c.scenario == plan.name)
        .distinct()
        .subquery("enrolled")
    )
    return (
        sa.select(record.c.person_id, sa.func.min(events.c.at).label("entered_at"))
        .join(events, events.c.record_id == record.c.record_id)
        .outerjoin(enrolled, enrolled.c.person_id == record.c.person_id)
        .where(enrolled.c.person_id.is_(None))
        .group_by(record.c.person_id)
    )


def _events(project: Project, trigger: EventTrigger, after: datetime, until: datetime) -> list[sa.Select]:
    names = EVENT_TABLES if trigger.event is not None else (trigger.of or "",)
    queries = []
    for name in names:
        happened = facts(project.schema, name)
        if trigger.event is not None and not _can_say(happened, trigger.where):
            continue
        time, record_id = happened.names[happened.table.time or "at"], happened.names["record_id"]
        moment = sa.cast(time.element, sa.DateTime(timezone=True))
        conditions = [moment > after, moment <= until]
        used: frozenset[str] = frozenset()
        if trigger.event is not None:
            conditions.append(happened.names["type"].element == trigger.event)
        if trigger.where is not None:
            where = compile_condition(trigger.where, Scope(happened.names, timezone=project.hub.timezone, as_of=until))
            conditions.append(where.element)
            used = where.names
        queries.append(
            sa.select(record_id.element.label("record_id"), moment.label("at"))
            .select_from(happened.relation(used))
            .where(*conditions)
        )
    return queries


def _can_say(happened: Facts, where: str | None) -> bool:
    """Say whether a table that `event` looks in knows what the condition names; `activity` has to."""
    return where is None or happened.table.name == EVENT_TABLES[0] or names_in(where) <= {*happened.names, "as_of"}


def _in_control_group(plan: Plan, record_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Draw the control group by a hash of scenario and person: the draw never changes, and needs no chance."""
    share = plan.scenario.control_group
    if share >= 1:
        return sa.true()
    drawn = sa.func.substr(sa.func.md5(sa.literal(f"control|{plan.name}|") + record_id), 1, 8)
    return drawn < sa.literal(f"{int(share * 2**32):08x}")
