"""Hand over: decided messages go to the ledger's outbox, each once, by its deterministic id.

The warehouse remembers, in the transaction that decides, that something is to be handed over. A run that is killed
before the ledger has all of it leaves that mark; the next run begins where the mark says and hands over again what
may be missing, and the ledger keeps what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from hub.ledger import Intent, Ledger
from hub.project import Project
from hub.stages.decide.plan import Plan
from hub.templates import load_template
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import remember, seen

MARK = "hand_over"
PENDING = "pending"
DONE = "done"
BATCH = 5_000


def expect_hand_over(transaction: Transaction, as_of: datetime) -> None:
    """Mark that decisions from this moment on are to be handed over; an earlier mark stays."""
    if seen(transaction, MARK) != PENDING:
        remember(transaction, MARK, PENDING, as_of)


def hand_over(warehouse: Warehouse, ledger: Ledger, project: Project, planned: Sequence[Plan]) -> int:
    """Give the ledger every queued decision that it may not have; return how many were given."""
    with warehouse.begin() as transaction:
        if seen(transaction, MARK) != PENDING:
            return 0
        state = transaction.table("stage_state")
        since = transaction.scalar(sa.select(state.c.at).where(state.c.stage == MARK))
        given = _give(transaction, ledger, project, {plan.name: plan for plan in planned}, since)
    with warehouse.begin() as transaction:
        remember(transaction, MARK, DONE, since)
    return given


def _give(transaction: Transaction, ledger: Ledger, project: Project, planned: dict[str, Plan], since: datetime) -> int:
    decision = transaction.table("decision")
    columns = [
        decision.c[name]
        for name in (
            "decision_id",
            "scenario",
            "step",
            "template",
            "connection",
            "channel",
            "purpose",
            "record_id",
            "consent_key",
            "at",
            "expires_at",
        )
    ]
    statement = sa.select(*columns).where(decision.c.outcome == "queued", decision.c.at >= since)
    pinned: dict[tuple[str, str], str] = {}
    given = 0
    for batch in transaction.arrow(statement, BATCH):
        rows = batch.to_pylist()
        for row in rows:
            part = (row["template"], row["channel"])
            if part not in pinned:
                template = load_template(project.templates, *part)
                ledger.pin({template.hash: template.text})
                pinned[part] = template.hash
        ledger.outbox.add(
            [
                Intent(
                    id=row["decision_id"],
                    scenario=row["scenario"],
                    step=row["step"],
                    connection=row["connection"],
                    channel=row["channel"],
                    purpose=row["purpose"],
                    record_id=row["record_id"],
                    template=pinned[row["template"], row["channel"]],
                    priority=planned[row["scenario"]].scenario.priority if row["scenario"] in planned else 0,
                    consent_key=row["consent_key"],
                    queued_at=row["at"],
                    expires_at=row["expires_at"],
                )
                for row in rows
            ]
        )
        given += len(rows)
    return given
