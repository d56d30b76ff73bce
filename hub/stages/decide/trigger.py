"""Triggers: everything that happened that starts a scenario, as rows of whose record it is, when, and about what row.

What is older than `valid_for` starts nothing any more, and what lies in the future does not yet. What belongs to no
person starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.expressions import Scope, compile_condition, compile_expression, names_in
from hub.people.facts import Facts, facts
from hub.people.instance import EVENT_TABLES
from hub.project.scenario import EventTrigger
from hub.stages.decide.tick import Tick, moment
from hub.stages.decide.when import start_of_day
from hub.warehouse.state import fingerprint

LOOKED = 0
"""The number of nobody, under which it is kept that the hub has looked at a condition before."""


def events(tick: Tick) -> sa.Subquery:
    """Give record_id, at and row_key of everything that counts at this moment."""
    found = [query for trigger in tick.plan.scenario.trigger.any for query in _of(tick, trigger)]
    return sa.union_all(*found).subquery("events")


def tables_of(trigger: EventTrigger) -> tuple[str, ...]:
    """Name the tables that a trigger looks in by their time."""
    if trigger.event is not None:
        return EVENT_TABLES
    return (trigger.of,) if trigger.of is not None else ()


def _of(tick: Tick, trigger: EventTrigger) -> Iterator[sa.Select]:
    if trigger.event is not None or trigger.of is not None:
        yield from _rows(tick, trigger)
    elif trigger.becomes is not None:
        yield _becoming(tick, trigger.becomes)
    elif trigger.date is not None:
        yield _reached(tick, trigger.date)
    elif trigger.every is not None:
        yield _period(tick, trigger)
    else:
        yield _transitions(tick, trigger)


def _rows(tick: Tick, trigger: EventTrigger) -> Iterator[sa.Select]:
    for name in tables_of(trigger):
        happened = facts(tick.project.schema, name)
        if trigger.event is not None and not _can_say(happened, trigger.where):
            continue
        time, record_id = happened.names[happened.table.time or "at"], happened.names["record_id"]
        at = start_of_day(tick, time.element) if time.type == "date" else time.element
        conditions = [_in_time(tick, at)]
        used: frozenset[str] = frozenset()
        if trigger.event is not None:
            conditions.append(happened.names["type"].element == trigger.event)
        if trigger.where is not None:
            scope = Scope(happened.names, timezone=tick.project.hub.timezone, as_of=tick.as_of)
            where = compile_condition(trigger.where, scope)
            conditions.append(where.element)
            used = where.names
        row = happened.rows.c.connection + ":" + happened.rows.c.source_key
        key = row if name == tick.plan.scenario.table else sa.literal("")
        yield _event(record_id.element, at, key).select_from(happened.relation(used)).where(*conditions)


def _can_say(happened: Facts, where: str | None) -> bool:
    """Say whether a table that `event` looks in knows what the condition names; `activity` has to."""
    return where is None or happened.table.name == EVENT_TABLES[0] or names_in(where) <= {*happened.names, "as_of"}


def _transitions(tick: Tick, trigger: EventTrigger) -> sa.Select:
    transition, record = tick.transaction.table("transition"), tick.transaction.table("source_record")
    kind, segment = ("entered", trigger.enters) if trigger.enters is not None else ("left", trigger.leaves)
    return (
        _event(record.c.record_id, transition.c.at)
        .join_from(transition, record, record.c.record_no == transition.c.person_id)
        .where(transition.c.segment == segment, transition.c.kind == kind, _in_time(tick, transition.c.at))
    )


def _becoming(tick: Tick, condition: str) -> sa.Select:
    """Take note of who meets a condition now, and give those for whom it came true; the first look only takes note."""
    met, record = tick.transaction.table("condition_met"), tick.transaction.table("source_record")
    name = fingerprint("becomes", tick.plan.name, condition)
    mine = met.c.condition == name
    is_first = not tick.transaction.count(met, mine)
    holds = compile_condition(condition, tick.people.scope).element
    now = tick.transaction.hold(
        "meets_now",
        sa.select(tick.people.person_id.label("person_id")).select_from(tick.people.relation).where(holds),
    )
    # people who turned out to be one: what was known of either is known of both
    known = sa.select(record.c.person_id).join_from(met, record, record.c.record_no == met.c.person_id).where(mine)
    stay = (
        sa.select(record.c.record_no)
        .join_from(now, record, record.c.person_id == now.c.person_id)
        .where(record.c.record_no.is_not(None))
    )
    tick.transaction.execute(sa.delete(met).where(mine, met.c.person_id != LOOKED, met.c.person_id.not_in(stay)))
    since = sa.cast(sa.null(), sa.DateTime(timezone=True)) if is_first else tick.now
    tick.transaction.execute(
        sa.insert(met).from_select(
            ["condition", "person_id", "since"],
            sa.select(sa.literal(name), now.c.person_id, since).where(now.c.person_id.not_in(known)),
        )
    )
    if is_first:
        # that the hub has looked must be known also where nobody met it
        tick.transaction.execute(sa.insert(met).values(condition=name, person_id=LOOKED))
    return (
        _event(record.c.record_id, met.c.since)
        .join_from(met, record, record.c.record_no == met.c.person_id)
        .where(mine, _in_time(tick, met.c.since))
    )


def _reached(tick: Tick, expression: str) -> sa.Select:
    value = compile_expression(expression, tick.people.scope)
    at = start_of_day(tick, value.element) if value.type == "date" else value.element
    people = tick.people.relation
    return _event(people.c.record_id, at).select_from(people).where(_in_time(tick, at))


def _period(tick: Tick, trigger: EventTrigger) -> sa.Select:
    began = tick.project.calendar.began(trigger.every or "day", tick.as_of)
    people = tick.people.relation
    return _event(people.c.record_id, moment(began)).select_from(people).where(_in_time(tick, moment(began)))


def _event(record_id: Any, at: Any, key: Any = None) -> sa.Select:
    key = sa.literal("") if key is None else key
    return sa.select(record_id.label("record_id"), at.label("at"), sa.type_coerce(key, sa.Text()).label("row_key"))


def _in_time(tick: Tick, at: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    return sa.and_(at > moment(tick.as_of - tick.plan.scenario.valid_for), at <= tick.now)
