"""Advance: bring every instance as far along its steps as time and facts allow.

Steps lead forward only, so one pass over the program in its order is all: who leaves a step here is looked at again
when the pass comes to the next one.
"""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from hub.expressions import compile_condition, compile_expression
from hub.failpoints import reach
from hub.project.program import Op
from hub.project.scenario import End, If, Send, Split, Wait, WaitFor
from hub.stages.decide.act import act
from hub.stages.decide.contest import bid
from hub.stages.decide.enrol import drawn
from hub.stages.decide.queue import pass_by, queue
from hub.stages.decide.tick import Tick
from hub.stages.decide.when import due, on_to, start_of_day

UNDATED = "has no date to wait for"


def advance(tick: Tick, bids: list[sa.TableClause] | None = None) -> Counter[str]:
    """Walk the steps in their order; counts say what became of those at each, `changed` how many went on or ended.

    With `bids`, nothing is sent: what the sends are worth is added to them (see contest).
    """
    counts: Counter[str] = Counter()
    for op in tick.plan.program.ops:
        if not tick.transaction.count(tick.enrolment, tick.at(op.name)):
            continue
        if isinstance(op.step, Send):
            counts["changed"] += pass_by(tick, op)
        match op.step:
            case Send() if bids is not None:
                found = bid(tick, op, op.step, len(bids))
                bids += [found] if found is not None else []
            case Send():
                counts.update(queue(tick, op, op.step))
            case Wait():
                counts["changed"] += _wait(tick, op, op.step)
            case If():
                reach("woken, not branched")
                counts["changed"] += _choose(tick, op, op.step)
                reach("branched, nothing queued")
            case Split():
                counts["changed"] += _split(tick, op, op.step)
            case End():
                counts["changed"] += tick.go_on(tick.at(op.name), None, reason=op.step.end or None)
            case _:
                counts.update(act(tick, op, op.step))
    return counts


def _wait(tick: Tick, op: Op, step: Wait) -> int:
    """Set the alarm of those who just came, and let go on for whom it is over or what they wait for has happened."""
    at, enrolment = tick.at(op.name), tick.enrolment
    moved = _set_alarms(tick, sa.and_(at, enrolment.c.due_at.is_(None)), step.wait)
    if step.wait.until is not None:
        under_way = tick.instances()
        until = compile_condition(step.wait.until, under_way.scope).element
        happened = tick.transaction.hold(
            "happened_now", sa.select(enrolment.c.enrolment_id).select_from(under_way.relation).where(at, until)
        )
        moved += tick.go_on(tick.among(happened), op.after, sa.func.least(enrolment.c.due_at, tick.now))
    over = sa.func.greatest(enrolment.c.due_at, enrolment.c.since)
    return moved + tick.go_on(sa.and_(at, enrolment.c.due_at <= tick.now), op.after, over)


def _set_alarms(tick: Tick, fresh: sa.ColumnElement[bool], wait: WaitFor) -> int:
    """Write down until when they wait. Who has no date to wait for ends here: return how many."""
    enrolment = tick.enrolment
    if not tick.transaction.count(enrolment, fresh):
        return 0
    if wait.date is not None:
        alarms = tick.transaction.hold("alarms", _dates(tick, fresh, wait.date))
    else:
        over = due(tick, wait, enrolment.c.since).label("due_at")
        alarms = tick.transaction.hold("alarms", sa.select(enrolment.c.enrolment_id, over).where(fresh))
    undated = tick.stop(tick.among(alarms, alarms.c.due_at.is_(None)), UNDATED) if wait.date is not None else 0
    if wait.to is not None or wait.at is not None:
        alarms = tick.transaction.hold("alarms_later", on_to(tick, wait, alarms))
    tick.transaction.execute(
        sa.update(enrolment)
        .where(enrolment.c.enrolment_id == alarms.c.enrolment_id, fresh)
        .values(due_at=alarms.c.due_at)
    )
    return undated


def _dates(tick: Tick, fresh: sa.ColumnElement[bool], written: str) -> sa.Select:
    under_way, enrolment = tick.instances(), tick.enrolment
    value = compile_expression(written, under_way.scope)
    at = start_of_day(tick, value.element) if value.type == "date" else value.element
    return sa.select(enrolment.c.enrolment_id, at.label("due_at")).select_from(under_way.relation).where(fresh)


def _choose(tick: Tick, op: Op, step: If) -> int:
    """Send those who meet the condition one way, and all others the other."""
    under_way, enrolment = tick.instances(), tick.enrolment
    condition = compile_condition(step.if_, under_way.scope).element
    told = tick.transaction.hold(
        "told",
        sa.select(enrolment.c.enrolment_id, sa.func.coalesce(condition, sa.false()).label("meets"))
        .select_from(under_way.relation)
        .where(tick.at(op.name)),
    )
    moved = tick.go_on(sa.and_(tick.at(op.name), tick.among(told, told.c.meets)), op.ways["then"])
    return moved + tick.go_on(sa.and_(tick.at(op.name), tick.among(told)), op.ways["else"])


def _split(tick: Tick, op: Op, step: Split) -> int:
    """Send each person the way that was drawn; the draw follows from scenario, step and person."""
    draw = drawn(f"split|{tick.plan.name}|{op.name}|", tick.enrolment.c.record_id)
    moved, below = 0, 0.0
    for number, (way, branch) in enumerate(step.split.items(), 1):
        below += branch.share
        mine = draw < f"{int(below * 2**32):08x}" if number < len(step.split) and below < 1 else sa.true()
        moved += tick.go_on(sa.and_(tick.at(op.name), mine), op.ways[way], variant=way)
    return moved
