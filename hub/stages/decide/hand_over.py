"""Hand over: decided messages go to the ledger's outbox, each once, by its deterministic id.

The warehouse remembers, in the transaction that decides, that something is to be handed over. A run that is killed
before the ledger has all of it leaves that mark; the next run begins where the mark says and hands over again what
may be missing, and the ledger keeps what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from hub.failpoints import reach
from hub.ledger import Ledger
from hub.project import Project
from hub.stages.decide.plan import Plan
from hub.templates import load_template
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import remember, seen

MARK = "hand_over"
PENDING = "pending"
DONE = "done"


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
    reach("marked as handed over")
    return given


def _give(transaction: Transaction, ledger: Ledger, project: Project, planned: dict[str, Plan], since: datetime) -> int:
    decision = transaction.table("decision")
    due = sa.and_(decision.c.outcome == "queued", decision.c.at >= since)
    parts = _parts(transaction, ledger, project, planned, due)
    statement = (
        sa.select(
            decision.c.decision_id.label("id"),
            decision.c.scenario,
            decision.c.step,
            decision.c.connection,
            decision.c.channel,
            decision.c.purpose,
            # the ledger holds no personal data, and the name of a record may be an address
            sa.func.md5(decision.c.record_id, type_=sa.Text()).label("record"),
            parts.c.hash.label("template"),
            parts.c.priority,
            decision.c.consent_key,
            decision.c.at.label("queued_at"),
            decision.c.expires_at,
        )
        .join(
            parts,
            sa.and_(
                parts.c.scenario == decision.c.scenario,
                parts.c.template == decision.c.template,
                parts.c.channel == decision.c.channel,
            ),
        )
        .where(due)
        # ids are hashes: in their order each falls beside the one before it in the ledger's index
        .order_by(decision.c.decision_id)
    )
    given = 0
    for batch in transaction.arrow(statement):
        reach("decided, nothing handed over")
        ledger.outbox.add(batch)
        reach("handed over, not marked")
        given += batch.num_rows
    return given


def _parts(
    transaction: Transaction, ledger: Ledger, project: Project, planned: dict[str, Plan], due: sa.ColumnElement[bool]
) -> sa.TableClause:
    """Pin the templates of what is due; give hash and priority per scenario, template and channel."""
    import pyarrow as pa

    from hub.warehouse.arrow import numbers, texts

    decision = transaction.table("decision")
    columns = (decision.c.scenario, decision.c.template, decision.c.channel)
    rows: list[tuple[str, str, str, str]] = []
    priorities: list[int] = []
    for scenario, name, channel in transaction.rows(sa.select(*columns).where(due).distinct().order_by(*columns)):
        template = load_template(project.templates, name, channel)
        ledger.pin({template.hash: template.text})
        rows.append((scenario, name, channel, template.hash))
        priorities.append(planned[scenario].scenario.priority if scenario in planned else 0)
    said = ("scenario", "template", "channel", "hash")
    values = {column: texts([row[place] for row in rows]) for place, column in enumerate(said)}
    return transaction.load("parts", pa.table({**values, "priority": numbers(priorities)}))
