"""Fallback: where a message did not arrive, the next channel of its send follows while the message is still valid.

What became of messages is in the ledger: `receipts` writes it beside their decisions, so that steps and limits see it.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import sqlalchemy as sa

from hub.ledger import Ledger
from hub.stages.decide.leave import interrupted
from hub.stages.decide.queue import queue_next
from hub.stages.decide.tick import Tick
from hub.stages.decide.when import later
from hub.warehouse import Warehouse
from hub.warehouse.state import fingerprint, remember, seen

STATE = "receipts"
NEXT_AFTER = ("rejected", "bounced", "refused")
"""What a next channel may mend; a message that expired or was cancelled is not wanted any more."""


def receipts(warehouse: Warehouse, ledger: Ledger, as_of: datetime) -> int:
    """Write beside decisions why their messages did not arrive; return how many were told for the first time."""
    with warehouse.begin() as transaction:
        state, decision = transaction.table("stage_state"), transaction.table("decision")
        since = transaction.scalar(sa.select(state.c.at).where(state.c.stage == STATE))
        failed = ledger.outbox.failed(since or datetime.min.replace(tzinfo=UTC))
        number = 0
        if failed:
            import pyarrow as pa

            columns = {"id": pa.array(list(failed), pa.string()), "state": pa.array(list(failed.values()), pa.string())}
            told = transaction.load("told", pa.table(columns))
            fresh = sa.and_(decision.c.decision_id == told.c.id, decision.c.failed.is_distinct_from(told.c.state))
            number = transaction.execute(sa.update(decision).where(fresh).values(failed=told.c.state)).rowcount
        if number or since is None:
            mark = fingerprint(seen(transaction, STATE), as_of, number)
            remember(transaction, STATE, mark, as_of)
    return number


def fall_back(tick: Tick) -> Counter[str]:
    """Send by the next channel for those whose last message did not arrive."""
    enrolment, decision = tick.enrolment, tick.transaction.table("decision")
    counts: Counter[str] = Counter()
    several = {op.name: (op, send) for op, send in tick.plan.program.sends if len(send.by) > 1}
    if not several:
        return counts
    began = later(tick, decision.c.expires_at, rest=-tick.plan.scenario.valid_for)
    failed = tick.transaction.hold(
        "failed_any",
        sa.select(enrolment.c.enrolment_id, decision.c.step, decision.c.channel, began.label("since"))
        .join(decision, decision.c.decision_id == enrolment.c.message_id)
        .where(
            enrolment.c.scenario == tick.plan.name,
            enrolment.c.version == tick.plan.version,
            enrolment.c.status.in_(["active", "done"]),
            decision.c.failed.in_(NEXT_AFTER),
            decision.c.expires_at > tick.now,
        ),
    )
    if not tick.transaction.count(failed):
        return counts
    # whose way has come to its end left it before anybody could interrupt it: they are asked here
    stopped = interrupted(tick, failed.c.enrolment_id)
    held = tick.transaction.hold("failed", sa.select(failed).where(failed.c.enrolment_id.not_in(stopped)))
    where = sa.select(held.c.step, held.c.channel).distinct().order_by(held.c.step, held.c.channel)
    for step, channel in tick.transaction.rows(where):
        if step not in several:
            continue
        op, send = several[step]
        left = send.by[send.by.index(channel) + 1 :] if channel in send.by else []
        if left:
            mine = tick.transaction.hold(
                "failed_there", sa.select(held).where(held.c.step == step, held.c.channel == channel)
            )
            counts.update(queue_next(tick, op, send, left, mine))
    return counts
