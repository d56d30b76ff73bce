"""Act: what a step does besides writing to somebody: audiences, fields, tasks, banners, rows for other systems.

Each is a row under an id that follows from the way and its step, written in the transaction of the tick: a step that
is done again, after a kill or under another version of the scenario, finds its row and goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.expressions import compile_condition, compile_expression, compile_text
from hub.people.instance import Instances
from hub.project.actions import Action, AddTo, Banner, Post, RemoveFrom, SetFields, Task
from hub.project.lengths import length
from hub.project.program import Op
from hub.recipients import ADDRESS, NEEDED
from hub.schema.actions import HUB
from hub.stages.decide.channels import suppressed_channels
from hub.stages.decide.listed import listed
from hub.stages.decide.queue import EXPIRED, turn_of
from hub.stages.decide.tick import Tick, moment
from hub.stages.decide.when import later
from hub.warehouse.constructs import json_object

Values = dict[str, sa.ColumnElement[Any]]

ACTED = ("added", "removed", "fields", "tasks", "banners", "posted", "tasks_done")
"""The counts that tell of rows that were written."""


def act(tick: Tick, op: Op, step: Action) -> Counter[str]:
    """Do the step for everybody who is at it, and let them go on. Tasks, banners and rows that come too late end."""
    counts: Counter[str] = Counter()
    if isinstance(step, Task | Banner | Post):
        too_late = sa.and_(
            tick.at(op.name), tick.enrolment.c.since <= moment(tick.as_of - tick.plan.scenario.valid_for)
        )
        counts["expired"] = counts["changed"] = tick.stop(too_late, EXPIRED)
    match step:
        case AddTo():
            counts["added"] = _add(tick, op, step)
        case RemoveFrom():
            counts["removed"] = _remove(tick, op, step)
        case SetFields():
            counts["fields"] = _set(tick, op, step)
        case Task():
            counts.update(_give(tick, op, step))
        case Banner():
            counts["banners"] = _show(tick, op, step)
        case Post():
            counts.update(_post(tick, op, step))
    counts["changed"] += tick.go_on(tick.at(op.name), op.after)
    return counts


def close_tasks(tick: Tick) -> Counter[str]:
    """Close the open tasks of this version of which a condition now tells that they are done."""
    counts: Counter[str] = Counter()
    task = tick.transaction.table("task")
    for op in tick.plan.program.ops:
        if not isinstance(op.step, Task) or op.step.done_when is None:
            continue
        is_open = sa.and_(task.c.scenario == tick.plan.name, task.c.step == op.name, task.c.state == "open")
        if not tick.transaction.count(task, is_open):
            continue
        under_way = tick.instances()
        done = compile_condition(op.step.done_when, under_way.scope).element
        mine = (
            sa.select(under_way.enrolment.c.enrolment_id)
            .select_from(under_way.relation)
            .where(under_way.enrolment.c.version == tick.plan.version, done)
        )
        closed = tick.transaction.execute(
            sa.update(task).where(is_open, task.c.enrolment_id.in_(mine)).values(state="done", closed_at=tick.as_of)
        ).rowcount
        counts += Counter(tasks_done=closed, changed=closed)
    return counts


def _add(tick: Tick, op: Op, step: AddTo) -> int:
    """Add those who are not in it, and let those whose time there would end sooner stay longer."""
    member, record, enrolment = _member(tick), tick.transaction.table("source_record"), tick.enrolment
    until: sa.ColumnElement[Any] = later(tick, tick.now, *length(step.for_)) if step.for_ else _NO_MOMENT
    inside = sa.select(record.c.person_id).join_from(member, record, record.c.record_id == member.c.record_id)
    inside = inside.where(_inside(tick, step.add_to), record.c.person_id.is_not(None))
    coming = (
        sa.select(sa.func.min(enrolment.c.enrolment_id).label("enrolment_id"))
        .join_from(enrolment, record, record.c.record_id == enrolment.c.record_id)
        .where(tick.at(op.name), record.c.person_id.not_in(inside))
        .group_by(record.c.person_id)
    )
    ends_sooner = sa.and_(
        _inside(tick, step.add_to), member.c.until < until if step.for_ else member.c.until.is_not(None)
    )
    longer = tick.transaction.execute(
        sa.update(member).where(ends_sooner, member.c.record_id.in_(_records(tick, op))).values(until=until)
    ).rowcount
    row: Values = {"audience": sa.literal(step.add_to), "since": tick.now, "until": until}
    return longer + _write(
        tick, op, "audience_member", row, enrolment, enrolment.c.enrolment_id.in_(coming.scalar_subquery())
    )


def _remove(tick: Tick, op: Op, step: RemoveFrom) -> int:
    member = _member(tick)
    return tick.transaction.execute(
        sa.update(member)
        .where(_inside(tick, step.remove_from), member.c.record_id.in_(_records(tick, op)))
        .values(until=tick.now)
    ).rowcount


def _set(tick: Tick, op: Op, step: SetFields) -> int:
    under_way = tick.instances()
    written = 0
    for name, text in step.set_.items():
        row: Values = {
            "field": sa.literal(name),
            "value": compile_text(text, under_way.scope).element,
            "at": tick.now,
        }
        written += _write(tick, op, "person_field", row, under_way.relation, tick.at(op.name), part=name)
    return written


def _give(tick: Tick, op: Op, step: Task) -> Counter[str]:
    under_way = tick.instances()
    source, reason = under_way.relation, _NO_REASON
    if step.by is not None:
        source, reason = _allowed(tick, op, under_way, step.by, tick.plan.scenario.purpose)
    is_refused = reason.is_not(None)
    row: Values = {
        "subject": sa.literal(step.task),
        "assigned_to": sa.literal(step.to),
        "channel": sa.cast(sa.literal(step.by), sa.Text()),
        "at": tick.now,
        "due_at": later(tick, tick.now, *length(step.due)) if step.due else _NO_MOMENT,
        "state": sa.case((is_refused, sa.literal("refused")), else_=sa.literal("open")),
        "reason": reason,
        "closed_at": sa.case((is_refused, tick.now)),
        "content": _content(step.content, under_way),
    }
    return _counted(tick, op, "task", "tasks", row, source)


def _show(tick: Tick, op: Op, step: Banner) -> int:
    under_way = tick.instances()
    row: Values = {
        "banner": sa.literal(step.banner),
        "place": sa.literal(step.at),
        "at": tick.now,
        "until": later(tick, tick.now, *length(step.for_)),
        "content": _content(step.content, under_way),
    }
    return _write(tick, op, "banner", row, under_way.relation, tick.at(op.name))


def _post(tick: Tick, op: Op, step: Post) -> Counter[str]:
    under_way = tick.instances()
    source, reason, needed = under_way.relation, _NO_REASON, step.consent
    if needed is not None:
        source, reason = _allowed(tick, op, under_way, needed.channel, needed.purpose)
    is_refused = reason.is_not(None)
    row: Values = {
        "destination": sa.literal(step.to),
        "target": sa.literal(step.post),
        "content": _content(step.content, under_way),
        "at": tick.now,
        "expires_at": later(tick, tick.enrolment.c.since, rest=tick.plan.scenario.valid_for),
        "consent_channel": sa.cast(sa.literal(needed.channel if needed else None), sa.Text()),
        "consent_purpose": sa.cast(sa.literal(needed.purpose if needed else None), sa.Text()),
        "state": sa.case((is_refused, sa.literal("refused")), else_=sa.literal("waiting")),
        "reason": reason,
        "settled_at": sa.case((is_refused, tick.now)),
    }
    return _counted(tick, op, "posted_row", "posted", row, source)


def _counted(tick: Tick, op: Op, table: str, what: str, row: Values, source: sa.FromClause) -> Counter[str]:
    """Write the rows; those that are refused are written too, with the reason."""
    written = _write(tick, op, table, row, source, tick.at(op.name))
    stored = tick.transaction.table(table)
    here = (stored.c.scenario == tick.plan.name, stored.c.step == op.name, stored.c["at"] == tick.now)
    refused = tick.transaction.count(stored, *here, stored.c.state == "refused") if written else 0
    return Counter({what: written - refused, "refused": refused})


def _allowed(
    tick: Tick, op: Op, under_way: Instances, channel: str, purpose: str
) -> tuple[sa.FromClause, sa.ColumnElement[Any]]:
    """Join why the person may not be approached by a channel for a purpose; null where they may. It fails closed."""
    transaction = tick.transaction
    turn = transaction.hold("turn", turn_of(tick, tick.at(op.name)))
    given = transaction.hold("given", consent.in_effect(transaction, tick.project.terms, turn, purpose, tick.as_of))
    mine = sa.and_(given.c.person_id == turn.c.person_id, given.c.channel == channel)
    source: sa.FromClause = turn.outerjoin(given, mine)
    checks: list[tuple[sa.ColumnElement[bool], sa.ColumnElement[str]]] = []
    if channel == "phone":
        checks.append((sa.func.coalesce(turn.c.phone, "") == "", sa.literal("no phone")))
    checks.append((sa.not_(consent.allowed(given.c.given, purpose)), consent.refusal(given.c.given)))
    addressed = next((known for known in ADDRESS if known == channel), None)
    if addressed is not None:
        needed = (sa.func.coalesce(turn.c[name], "") == "" for name in NEEDED[addressed])
        checks.insert(0, (sa.or_(*needed), sa.literal("no address")))
        stopped = suppressed_channels(tick, [addressed], turn, given)
        source = source.outerjoin(stopped, stopped.c.enrolment_id == turn.c.enrolment_id)
        checks.append((stopped.c.enrolment_id.is_not(None), sa.literal("suppressed, ") + stopped.c.reason))
    found = listed(tick, channel, turn, f"{tick.plan.name}/{op.name}") if purpose == "marketing" else None
    if found is not None:
        tick.ledger.consultations.add(found.proofs)
        source = source.outerjoin(found.rows, found.rows.c.enrolment_id == turn.c.enrolment_id)
        checks.append((found.rows.c.enrolment_id.is_not(None), found.rows.c.reason))
    why = sa.case(*((failed, sa.literal(f"{channel}: ") + reason) for failed, reason in checks))
    told = transaction.hold("allowed", sa.select(turn.c.enrolment_id, why.label("reason")).select_from(source))
    joined = under_way.relation.join(told, told.c.enrolment_id == under_way.enrolment.c.enrolment_id)
    return joined, told.c.reason


def _write(
    tick: Tick,
    op: Op,
    table: str,
    row: Values,
    source: sa.FromClause,
    which: sa.ColumnElement[bool],
    part: str = "",
) -> int:
    """Insert a row for each way, but for those that have theirs; return how many."""
    stored, enrolment = tick.transaction.table(table), tick.enrolment
    written: Values = {
        "connection": sa.literal(HUB),
        "source_key": sa.func.md5(sa.literal(f"{table}|{op.name}|{part}|") + enrolment.c.enrolment_id, type_=sa.Text()),
        "source_time": tick.now,
        "record_id": enrolment.c.record_id,
        **row,
        "enrolment_id": enrolment.c.enrolment_id,
        "scenario": sa.literal(tick.plan.name),
        "step": sa.literal(op.name),
    }
    known = sa.select(stored.c.source_key).where(stored.c.scenario == tick.plan.name, stored.c.step == op.name)
    fresh = tick.transaction.hold(
        "acting",
        sa.select(*(value.label(name) for name, value in written.items()))
        .select_from(source)
        .where(which, written["source_key"].not_in(known)),
    )
    tick.transaction.execute(sa.insert(stored).from_select(list(written), sa.select(fresh)))
    return tick.transaction.count(fresh)


def _content(content: Mapping[str, str], under_way: Instances) -> sa.ColumnElement[str]:
    return json_object(*_pairs(content, under_way)) if content else sa.literal("{}")


def _pairs(content: Mapping[str, str], under_way: Instances) -> Iterator[sa.ColumnElement[Any]]:
    for name, text in content.items():
        yield sa.literal(name)
        yield compile_expression(text, under_way.scope).element


def _member(tick: Tick) -> sa.Table:
    return tick.transaction.table("audience_member")


def _inside(tick: Tick, audience: str) -> sa.ColumnElement[bool]:
    """Say which rows tell that somebody is in an audience now."""
    member = _member(tick)
    return sa.and_(member.c.audience == audience, sa.or_(member.c.until.is_(None), member.c.until > tick.now))


def _records(tick: Tick, op: Op) -> sa.Select:
    """Give all records of the people who are at a step."""
    record, enrolment = tick.transaction.table("source_record"), tick.enrolment
    own, other = record.alias(), record.alias()
    return (
        sa.select(other.c.record_id)
        .join_from(enrolment, own, own.c.record_id == enrolment.c.record_id)
        .join(other, other.c.person_id == own.c.person_id)
        .where(tick.at(op.name))
    )


_NO_MOMENT: sa.ColumnElement[Any] = sa.cast(sa.null(), sa.DateTime(timezone=True))
_NO_REASON: sa.ColumnElement[Any] = sa.cast(sa.null(), sa.Text())
