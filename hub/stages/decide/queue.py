"""Queue: a message for everybody whose turn it is, by the first channel that works; or the reason why none goes.

A refusal is looked at again while the message is valid: who gives consent, or an address, in time still gets it. Each
message is decided once; its decision then never changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hub.contracts import Channel
from hub.expressions import compile_expression
from hub.failpoints import reach
from hub.people.instance import Instances
from hub.people.recommendations import recommended
from hub.project.lengths import length, moves
from hub.project.program import Op
from hub.project.scenario import Send
from hub.recipients import ADDRESS
from hub.schema import Schema
from hub.stages.decide.arbitrate import CAPPED, OUTRANKED, arbitrate
from hub.stages.decide.channels import choose
from hub.stages.decide.hand_over import expect_hand_over
from hub.stages.decide.tick import Tick, moment
from hub.stages.decide.when import later
from hub.warehouse.constructs import json_object

NOT_FOR_TEMPLATES = frozenset({"person_id", "record_id", "household_id", "household_head", "records"})

EXPIRED = "too late: nothing could be sent in time"
QUEUED = "message queued"

DECISION = (
    "decision_id",
    "enrolment_id",
    "scenario",
    "step",
    "template",
    "record_id",
    "outcome",
    "channel",
    "connection",
    "purpose",
    "reason",
    "consent_key",
    "address",
    "content",
    "at",
    "expires_at",
)


def queue(tick: Tick, op: Op, send: Send) -> Counter[str]:
    """Decide for every instance at a send: queued, refused or dropped with the reason, or waiting."""
    enrolment, valid_for = tick.enrolment, tick.plan.scenario.valid_for
    too_late = sa.and_(tick.at(op.name), enrolment.c.since <= moment(tick.as_of - valid_for))
    expired = tick.stop(too_late, EXPIRED)
    counts = Counter(expired=expired, changed=expired)
    turn = tick.transaction.hold("turn", turn_of(tick, has_turn(tick, op)))
    if not tick.transaction.count(turn):
        return counts
    found = _found(tick, send, turn)
    decided = tick.transaction.hold("decided", _decided(op, send, found, "1"))
    news = tick.transaction.hold("news", _news(tick, op, decided))
    if tick.transaction.count(news):
        _write(tick, op, send, news)
    counts += _leave_send(tick, op, send, decided, news)
    reach("queued, not committed")
    return counts


def pass_by(tick: Tick, op: Op) -> int:
    """Let go on who meets, after a move to a new version, a send that was decided for them before; return how many."""
    if tick.plan.scenario.when_changed != "move":
        return 0
    decision = tick.transaction.table("decision")
    decided = sa.select(decision.c.decision_id).where(
        decision.c.scenario == tick.plan.name, decision.c.step == op.name, decision.c.outcome != "refused"
    )
    first = decision_id(op, tick.enrolment.c.enrolment_id, "1")
    return tick.go_on(sa.and_(tick.at(op.name), first.in_(decided)), op.after)


def has_turn(tick: Tick, op: Op) -> sa.ColumnElement[bool]:
    """Say who is at a send and has not been moved on to a later moment."""
    return sa.and_(tick.at(op.name), tick.enrolment.c.since <= tick.now)


def _found(tick: Tick, send: Send, turn: sa.TableClause) -> sa.TableClause:
    """Find channels and what holds the messages; where a limit does, the next channel, if the step says so."""
    found = arbitrate(tick, choose(tick, send.by, turn))
    if send.if_capped != "next channel":
        return found
    for place, channel in enumerate(send.by[:-1]):
        first = tick.transaction.hold(f"found_{place}", sa.select(found))
        capped = sa.and_(first.c.channel == channel, first.c.lost == CAPPED)
        if not tick.transaction.count(first, capped):
            continue
        again = turn.c.enrolment_id.in_(sa.select(first.c.enrolment_id).where(capped))
        left = tick.transaction.hold(f"turn_{place}", sa.select(turn).where(again))
        other = arbitrate(tick, choose(tick, send.by[place + 1 :], left))
        goes = sa.and_(other.c.outcome == "queued", other.c.held.is_(None))
        stays = first.c.enrolment_id.not_in(sa.select(other.c.enrolment_id).where(goes))
        why = sa.select(first.c.held).where(first.c.enrolment_id == other.c.enrolment_id).scalar_subquery()
        reason = sa.literal(f"{channel}: ") + why + sa.literal("; ") + other.c.reason
        columns = [reason.label("reason") if column.name == "reason" else column for column in other.c]
        found = tick.transaction.hold(
            f"found_by_another_{place}",
            sa.union_all(sa.select(first).where(stays), sa.select(*columns).where(goes)),
        )
    return found


def queue_next(tick: Tick, op: Op, send: Send, channels: Sequence[Channel], failed: sa.TableClause) -> Counter[str]:
    """Decide again, over the channels that are left, for the instances in `failed`, whose message did not arrive."""
    turn = tick.transaction.hold("turn", turn_of(tick, tick.among(failed), failed))
    found = arbitrate(tick, choose(tick, channels, turn))
    if wakes := tick.transaction.scalar(sa.select(sa.func.min(found.c.until)).where(found.c.outcome == "queued")):
        tick.alarms.append(wakes)
    works = tick.transaction.hold("works", sa.select(found).where(found.c.outcome == "queued", found.c.held.is_(None)))
    news = tick.transaction.hold("news", _decided(op, send, works, str(len(send.by) - len(channels) + 1)))
    number = tick.transaction.count(news)
    if number:
        _write(tick, op, send, news)
        _remember_message(tick, news)
    return Counter(queued=number, changed=number)


def turn_of(tick: Tick, which: sa.ColumnElement[bool], failed: sa.TableClause | None = None) -> sa.Select:
    """Give instances with the person's addresses; those in `failed` as of their turn at the send that failed.

    Who has just become known, and has no traits yet, is looked at when there are.
    """
    enrolment, record = tick.enrolment, tick.transaction.table("source_record")
    person = tick.people.relation
    columns = dict.fromkeys(column for columns in ADDRESS.values() for column in columns)
    source = enrolment.join(record, record.c.record_id == enrolment.c.record_id).join(
        person, person.c.person_id == record.c.person_id
    )
    if failed is not None:
        source = source.join(failed, failed.c.enrolment_id == enrolment.c.enrolment_id)
    return (
        sa.select(
            enrolment.c.enrolment_id,
            enrolment.c.record_id,
            (enrolment if failed is None else failed).c.since,
            record.c.person_id,
            person.c.household_id,
            *(person.c[column] for column in columns),
        )
        .select_from(source)
        .where(which)
    )


def _decided(op: Op, send: Send, found: sa.TableClause, attempt: str) -> sa.Select:
    """Give what was chosen under the decision's id; what loses is dropped where the step says so."""
    dropping = [lost for lost, loses in _losing(send).items() if loses == "drop"]
    is_dropped = sa.func.coalesce(found.c.lost.in_(dropping), sa.false())
    columns = [column for column in found.c if column.name not in ("outcome", "reason", "held")]
    return sa.select(
        decision_id(op, found.c.enrolment_id, attempt).label("decision_id"),
        *columns,
        sa.case((is_dropped, sa.literal("dropped")), else_=found.c.outcome).label("outcome"),
        sa.case((is_dropped, found.c.held), else_=found.c.reason).label("reason"),
        sa.case((sa.not_(is_dropped), found.c.held)).label("held"),
    )


def _losing(send: Send) -> dict[str, str]:
    """Say what becomes of a message, by what it loses to."""
    return {CAPPED: send.if_capped, OUTRANKED: send.if_outranked}


def decision_id(op: Op, enrolment_id: sa.ColumnElement[str], attempt: str) -> sa.ColumnElement[str]:
    """Derive the id of a decision and its message: from the instance (scenario, person, occurrence), step and attempt.

    The enrolment's id is derived itself, so the same message always has the same id.
    """
    return sa.func.md5(sa.literal(f"{op.name}|{attempt}|") + enrolment_id, type_=sa.Text())


def _news(tick: Tick, op: Op, decided: sa.TableClause) -> sa.Select:
    """Give what is decided now, without those who wait and the refusals that were told before."""
    decision = tick.transaction.table("decision")
    told_here = sa.and_(decision.c.scenario == tick.plan.name, decision.c.step == op.name)
    return (
        sa.select(decided)
        .outerjoin(decision, sa.and_(decision.c.decision_id == decided.c.decision_id, told_here))
        .where(
            decided.c.held.is_(None),
            sa.or_(
                decision.c.decision_id.is_(None),
                decision.c.outcome != decided.c.outcome,
                decision.c.reason.is_distinct_from(decided.c.reason),
            ),
        )
    )


def _leave_send(tick: Tick, op: Op, send: Send, decided: sa.TableClause, news: sa.TableClause) -> Counter[str]:
    """Let go on whose message is queued or dropped; the others stay until something or the clock changes."""
    enrolment = tick.enrolment
    held, is_refused = decided.c.held, sa.and_(decided.c.held.is_(None), decided.c.outcome == "refused")
    counts = Counter(
        queued=tick.transaction.count(news, news.c.outcome == "queued"),
        dropped=tick.transaction.count(news, news.c.outcome == "dropped"),
        waiting=tick.transaction.count(decided, held.is_not(None)),
        refused=tick.transaction.count(decided, is_refused),
        changed=tick.transaction.count(news),
    )
    if counts["waiting"] or counts["refused"]:
        over = later(tick, decided.c.since, rest=tick.plan.scenario.valid_for)
        stays = sa.and_(
            enrolment.c.enrolment_id == decided.c.enrolment_id, sa.or_(decided.c.held.is_not(None), is_refused)
        )
        fresh = enrolment.c.reason.is_distinct_from(decided.c.held)
        counts["changed"] += tick.transaction.execute(
            sa.update(enrolment).where(stays, fresh).values(reason=decided.c.held)
        ).rowcount
        wakes = sa.func.least(over, sa.func.coalesce(decided.c.until, over))
        tick.transaction.execute(sa.update(enrolment).where(stays).values(due_at=wakes))
    counts["changed"] += _move(tick, send, decided)
    if counts["queued"]:
        _remember_message(tick, news)
        reason = None if op.after else QUEUED
        tick.go_on(tick.among(news, news.c.outcome == "queued"), op.after, tick.now, reason=reason)
    if counts["dropped"]:
        tick.go_on(tick.among(news, news.c.outcome == "dropped"), op.after, tick.now)
    return counts


def _move(tick: Tick, send: Send, decided: sa.TableClause) -> int:
    """Move the turn of those who lost on to a later moment, where the step says so; return how many."""
    enrolment, moved = tick.enrolment, 0
    for lost, loses in _losing(send).items():
        by = moves(loses)
        if by is None:
            continue
        turn = later(tick, tick.now, *length(by))
        mine = sa.and_(
            enrolment.c.enrolment_id == decided.c.enrolment_id, decided.c.held.is_not(None), decided.c.lost == lost
        )
        told = decided.c.held + sa.literal(f": moved on by {by}")
        moved += tick.transaction.execute(
            sa.update(enrolment).where(mine).values(since=turn, due_at=turn, reason=told)
        ).rowcount
    return moved


def _remember_message(tick: Tick, news: sa.TableClause) -> None:
    enrolment = tick.enrolment
    tick.transaction.execute(
        sa.update(enrolment)
        .where(enrolment.c.enrolment_id == news.c.enrolment_id, news.c.outcome == "queued")
        .values(message_id=news.c.decision_id)
    )


def _write(tick: Tick, op: Op, send: Send, news: sa.TableClause) -> None:
    decision, message = tick.transaction.table("decision"), tick.transaction.table("message")
    tick.transaction.execute(sa.delete(decision).where(decision.c.decision_id.in_(sa.select(news.c.decision_id))))
    tick.transaction.execute(sa.insert(decision).from_select(list(DECISION), _decisions(tick, op, send, news)))
    row: dict[str, Any] = {
        "connection": news.c.connection,
        "source_key": news.c.decision_id,
        "source_time": tick.now,
        "record_id": news.c.record_id,
        "channel": news.c.channel,
        "campaign": sa.literal(send.send),
        "scenario": sa.literal(tick.plan.name),
        "step": sa.literal(op.name),
        "purpose": sa.literal(tick.plan.scenario.purpose),
        "sent_at": tick.now,
    }
    queued = sa.select(*row.values()).where(news.c.outcome == "queued")
    if tick.transaction.execute(sa.insert(message).from_select(list(row), queued)).rowcount:
        expect_hand_over(tick.transaction, tick.as_of)


def content_of(tick: Tick, send: Send, under_way: Instances) -> sa.ColumnElement[str]:
    """Give the values for the template as JSON: the person's columns, recommendations, and what `content:` says."""
    content = send.content or {}
    values: list[Any] = []
    for name in _of_the_person(tick.transaction.schema):
        if name not in content:
            values += [sa.literal(name), tick.people.relation.c[name]]
    if send.recommendations is not None and "recommendations" not in content:
        listed = recommended(tick.transaction.schema, tick.people.person_id, send.recommendations)
        values += [sa.literal("recommendations"), listed]
    for name, expression in content.items():
        values += [sa.literal(name), compile_expression(expression, under_way.scope).element]
    return json_object(*values)


def _kept_content(tick: Tick, send: Send, under_way: Instances) -> sa.ColumnElement[Any]:
    """Give what a decision keeps for the template: nothing where nobody reads it."""
    return content_of(tick, send, under_way) if tick.project.reads is None else sa.cast(sa.null(), sa.Text())


def given_to_templates(schema: Schema, send: Send) -> frozenset[str]:
    """Name the values that `content_of` gives."""
    listed = {"recommendations"} if send.recommendations is not None else set()
    return frozenset({*_of_the_person(schema), *listed, *(send.content or {})})


def _of_the_person(schema: Schema) -> list[str]:
    return [column.name for column in schema["person"].all_columns if column.name not in NOT_FOR_TEMPLATES]


def _decisions(tick: Tick, op: Op, send: Send, news: sa.TableClause) -> sa.Select:
    """Make decision rows. They keep the values for the template as they are now: an attempt repeats the same bytes."""
    under_way = tick.instances()
    row: dict[str, sa.ColumnElement[Any]] = {
        "decision_id": news.c.decision_id,
        "enrolment_id": news.c.enrolment_id,
        "scenario": sa.literal(tick.plan.name),
        "step": sa.literal(op.name),
        "template": sa.literal(send.send),
        "record_id": news.c.record_id,
        "outcome": news.c.outcome,
        "channel": news.c.channel,
        "connection": news.c.connection,
        "purpose": sa.literal(tick.plan.scenario.purpose),
        "reason": news.c.reason,
        "consent_key": news.c.consent_key,
        "address": news.c.address,
        "content": sa.case((news.c.outcome == "queued", _kept_content(tick, send, under_way))),
        "at": tick.now,
        "expires_at": later(tick, news.c.since, rest=tick.plan.scenario.valid_for),
    }
    return sa.select(*(row[name] for name in DECISION)).select_from(
        under_way.relation.join(news, news.c.enrolment_id == under_way.enrolment.c.enrolment_id)
    )
