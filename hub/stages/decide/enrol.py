"""Enrol: people whose trigger came enter the scenario, as often as `per` says; or rows of a table do, such as carts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.expressions import Name, compile_condition
from hub.people.instance import row_of
from hub.project.lengths import length
from hub.stages.decide.tick import Tick
from hub.stages.decide.trigger import events
from hub.stages.decide.when import later

RESTARTED = "started afresh: triggered again"


def enrol(tick: Tick) -> Counter[str]:
    """Write an instance for everybody whose trigger came within `valid_for`, who is in the target, and may enter.

    An event that arrives late still counts while it is within `valid_for`. Each counts once: an entry is later than
    the one before it, and its moment is that of its event. Who may enter once never enters again, also not after a
    merge.
    """
    happened = tick.transaction.hold("happened", sa.select(events(tick)))
    counts: Counter[str] = Counter()
    while entered := _once_more(tick, happened):
        counts.update(entered)
        if tick.plan.scenario.entry != "again":
            break
    return counts


def _once_more(tick: Tick, happened: sa.TableClause) -> Counter[str]:
    came = tick.transaction.hold("came", _came(tick, happened))
    if not tick.transaction.count(came):
        return Counter()
    entering = tick.transaction.hold("entering", _entering(tick, came))
    number = tick.transaction.count(entering)
    if not number:
        return Counter()
    restarted = _restart(tick, entering) if tick.plan.scenario.entry == "each time" else 0
    control = entering.c.control
    row: dict[str, sa.ColumnElement[Any]] = {
        "enrolment_id": entering.c.enrolment_id,
        "scenario": sa.literal(tick.plan.name),
        "version": sa.literal(tick.plan.version),
        "record_id": entering.c.record_id,
        "row_key": entering.c.row_key,
        "occurrence": entering.c.occurrence,
        "entered_at": entering.c.entered_at,
        "step": sa.literal(tick.plan.program.first),
        "since": entering.c.entered_at,
        "status": sa.case((control, sa.literal("control")), else_=sa.literal("active")),
        "reason": sa.case((control, sa.literal("in the control group: gets nothing, to compare with"))),
        "ended_at": sa.case((control, tick.now)),
    }
    tick.transaction.execute(sa.insert(tick.enrolment).from_select(list(row), sa.select(*row.values())))
    return Counter(
        entered=number, control=tick.transaction.count(entering, control), restarted=restarted, changed=number
    )


def _came(tick: Tick, happened: sa.TableClause) -> sa.Select:
    """Give person_id, row_key, entered_at and occurrence of all who were triggered and may enter."""
    record, enrolment = tick.transaction.table("source_record"), tick.enrolment
    whose = enrolment.c.row_key if tick.plan.scenario.table is not None else record.c.person_id
    last = (
        sa.select(
            whose.label("whose"),
            sa.func.max(enrolment.c.entered_at).label("entered_at"),
            sa.func.max(enrolment.c.occurrence).label("occurrence"),
        )
        .join_from(enrolment, record, record.c.record_id == enrolment.c.record_id)
        .where(enrolment.c.scenario == tick.plan.name)
        .group_by(whose)
        .subquery("last")
    )
    mine = happened.c.row_key if tick.plan.scenario.table is not None else record.c.person_id
    first = tick.plan.scenario.entry != "each time"
    entered_at = sa.func.min(happened.c.at) if first else sa.func.max(happened.c.at)
    return (
        sa.select(
            record.c.person_id,
            happened.c.row_key,
            entered_at.label("entered_at"),
            (sa.func.coalesce(sa.func.max(last.c.occurrence), 0) + 1).label("occurrence"),
        )
        .join_from(happened, record, record.c.record_id == happened.c.record_id)
        .outerjoin(last, last.c.whose == mine)
        .where(record.c.person_id.is_not(None), _may_enter(tick, happened.c.at, last.c.entered_at))
        .group_by(record.c.person_id, happened.c.row_key)
    )


def _may_enter(tick: Tick, at: sa.ColumnElement[datetime], last: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    scenario = tick.plan.scenario
    if scenario.again_after is not None:
        days, _ = length(scenario.again_after)
        return sa.or_(last.is_(None), at >= later(tick, last, days))
    return sa.or_(last.is_(None), at > last) if scenario.entry == "each time" else last.is_(None)


def _entering(tick: Tick, came: sa.TableClause) -> sa.Select:
    """Give those who came and are in the target, with the anchor record that their way goes by."""
    people, row = tick.people, row_of(tick.project, tick.plan.scenario)
    names = {**people.scope.names, "entered_at": Name(came.c.entered_at, "timestamp")}
    relation = people.relation.join(came, came.c.person_id == people.person_id)
    if row is not None:
        names |= row.names
        relation = relation.join(row.rows, row.key == came.c.row_key)
    target = compile_condition(tick.plan.scenario.target, replace(people.scope, names=names)).element
    record_id = people.relation.c.record_id
    return (
        sa.select(
            _enrolment_id(tick, came, record_id).label("enrolment_id"),
            record_id.label("record_id"),
            came.c.row_key,
            came.c.occurrence,
            came.c.entered_at,
            _in_control_group(tick, record_id).label("control"),
        )
        .select_from(relation)
        .where(target)
    )


def _enrolment_id(tick: Tick, came: sa.TableClause, record_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Derive the id of an instance: the same scenario, person, row and occurrence always give the same."""
    parts = (sa.literal(f"{tick.plan.name}|"), sa.cast(came.c.occurrence, sa.Text()), sa.literal("|"), came.c.row_key)
    return sa.func.md5(sa.func.concat(*parts, sa.literal("|"), record_id), type_=sa.Text())


def _restart(tick: Tick, entering: sa.TableClause) -> int:
    """End the running ones of those who enter again."""
    enrolment = tick.enrolment
    running = sa.and_(enrolment.c.scenario == tick.plan.name, enrolment.c.status == "active")
    if tick.plan.scenario.table is not None:
        return tick.stop(sa.and_(running, enrolment.c.row_key.in_(sa.select(entering.c.row_key))), RESTARTED)
    record = tick.transaction.table("source_record")
    own, anchor = record.alias("own"), record.alias("anchor")
    records = (
        sa.select(own.c.record_id)
        .join(anchor, anchor.c.person_id == own.c.person_id)
        .join(entering, entering.c.record_id == anchor.c.record_id)
    )
    return tick.stop(sa.and_(running, enrolment.c.record_id.in_(records)), RESTARTED)


def _in_control_group(tick: Tick, record_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Draw the control group by a hash of scenario and person: the draw never changes, and needs no chance."""
    share = tick.plan.scenario.control_group
    if share >= 1:
        return sa.true()
    return drawn(f"control|{tick.plan.name}|", record_id) < sa.literal(f"{int(share * 2**32):08x}")


def drawn(purpose: str, record_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Draw a number from 00000000 to ffffffff for a person: always the same one for a purpose."""
    return sa.func.substr(sa.func.md5(sa.literal(purpose) + record_id), 1, 8, type_=sa.Text())
