"""Queue: a message for everybody whose turn it is, by the first channel that works; or the reason why none does.

A refusal is looked at again at every run while the enrolment is valid: who gives consent, or an address, in time
still gets the message. Each message is decided once; its decision then never changes.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import INTERVAL

from hub.expressions import compile_expression
from hub.ledger import Ledger
from hub.people.scope import person_scope
from hub.project import Project
from hub.recipients import ADDRESS
from hub.stages.decide.channels import choose
from hub.stages.decide.plan import Plan
from hub.stages.decide.turn import WAITS, whose_turn
from hub.warehouse import Transaction
from hub.warehouse.constructs import json_object

NOT_FOR_TEMPLATES = frozenset({"person_id", "record_id", "household_id", "household_head", "records"})

DECISION = (
    "decision_id",
    "enrolment_id",
    "scenario",
    "step",
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


def queue(transaction: Transaction, ledger: Ledger, project: Project, plan: Plan, as_of: datetime) -> Counter[str]:
    """Decide for every active enrolment: queued, refused with the reason, or waiting for another day."""
    waiting, fresh = whose_turn(transaction, project, plan, as_of)
    counts = Counter(waiting=waiting, changed=fresh)
    turn = transaction.hold("turn", _turn(transaction, plan))
    if not transaction.count(turn):
        return counts
    chosen = choose(transaction, ledger, project, plan, turn, as_of)
    news = transaction.hold("news", _news(transaction, plan, chosen))
    counts["queued"] = transaction.count(news, news.c.outcome == "queued")
    counts["refused"] = transaction.count(turn) - counts["queued"]
    counts["changed"] += transaction.count(news)
    _write(transaction, project, plan, news, as_of)
    return counts


def _turn(transaction: Transaction, plan: Plan) -> sa.Select:
    """Give the enrolments whose turn it is, with the person's addresses."""
    enrolment, record, person = (transaction.table(name) for name in ("enrolment", "source_record", "person"))
    columns = dict.fromkeys(column for columns in ADDRESS.values() for column in columns)
    return (
        sa.select(
            enrolment.c.enrolment_id,
            enrolment.c.record_id,
            enrolment.c.entered_at,
            record.c.person_id,
            *(person.c[column] for column in columns),
        )
        .join(record, record.c.record_id == enrolment.c.record_id)
        .join(person, person.c.person_id == record.c.person_id)
        .where(
            enrolment.c.scenario == plan.name,
            enrolment.c.status == "active",
            sa.func.coalesce(enrolment.c.reason, "") != WAITS,
        )
    )


def _news(transaction: Transaction, plan: Plan, chosen: sa.TableClause) -> sa.Select:
    """Give what was chosen, without the refusals that were told before."""
    decision = transaction.table("decision")
    id_ = decision_id(plan, chosen.c.record_id)
    return (
        sa.select(id_.label("decision_id"), chosen)
        .outerjoin(decision, decision.c.decision_id == id_)
        .where(
            sa.or_(
                decision.c.decision_id.is_(None),
                decision.c.outcome != chosen.c.outcome,
                decision.c.reason.is_distinct_from(chosen.c.reason),
            )
        )
    )


def decision_id(plan: Plan, record_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Derive the id of a decision and its message from scenario, step, person and occurrence (there is one)."""
    return sa.func.md5(sa.literal(f"{plan.name}|{plan.step.send}|1|") + record_id, type_=sa.Text())


def _write(transaction: Transaction, project: Project, plan: Plan, news: sa.TableClause, as_of: datetime) -> None:
    decision, message, enrolment = (transaction.table(name) for name in ("decision", "message", "enrolment"))
    transaction.execute(sa.delete(decision).where(decision.c.decision_id.in_(sa.select(news.c.decision_id))))
    transaction.execute(
        sa.insert(decision).from_select(list(DECISION), _decisions(transaction, project, plan, news, as_of))
    )
    queued = news.c.outcome == "queued"
    moment = sa.literal(as_of, sa.DateTime(timezone=True))
    row: dict[str, Any] = {
        "connection": news.c.connection,
        "source_key": news.c.decision_id,
        "source_time": moment,
        "record_id": news.c.record_id,
        "channel": news.c.channel,
        "campaign": sa.literal(plan.step.send),
        "scenario": sa.literal(plan.name),
        "step": sa.literal(plan.step.send),
        "purpose": sa.literal(plan.scenario.purpose),
        "sent_at": moment,
    }
    transaction.execute(sa.insert(message).from_select(list(row), sa.select(*row.values()).where(queued)))
    transaction.execute(
        sa.update(enrolment)
        .where(enrolment.c.enrolment_id.in_(sa.select(news.c.enrolment_id).where(queued)))
        .values(status="done", reason="message queued", ended_at=as_of)
    )


def _decisions(
    transaction: Transaction, project: Project, plan: Plan, news: sa.TableClause, as_of: datetime
) -> sa.Select:
    """Make decision rows. They keep the values for the template as they are now: an attempt repeats the same bytes."""
    everybody = person_scope(transaction, project, as_of)
    person = transaction.schema["person"]
    values: list[Any] = []
    for column in person.all_columns:
        if column.name not in NOT_FOR_TEMPLATES | plan.step.content.keys():
            values += [sa.literal(column.name), everybody.relation.c[column.name]]
    for name, expression in plan.step.content.items():
        values += [sa.literal(name), compile_expression(expression, everybody.scope).element]
    expires = news.c.entered_at + sa.cast(sa.literal(plan.scenario.valid_for, INTERVAL()), INTERVAL())
    queued = news.c.outcome == "queued"
    row: dict[str, sa.ColumnElement[Any]] = {
        "decision_id": news.c.decision_id,
        "enrolment_id": news.c.enrolment_id,
        "scenario": sa.literal(plan.name),
        "step": sa.literal(plan.step.send),
        "record_id": news.c.record_id,
        "outcome": news.c.outcome,
        "channel": news.c.channel,
        "connection": news.c.connection,
        "purpose": sa.literal(plan.scenario.purpose),
        "reason": news.c.reason,
        "consent_key": news.c.consent_key,
        "address": news.c.address,
        "content": sa.case((queued, json_object(*values))),
        "at": sa.literal(as_of, sa.DateTime(timezone=True)),
        "expires_at": expires,
    }
    return sa.select(*(row[name] for name in DECISION)).select_from(
        everybody.relation.join(news, news.c.person_id == everybody.person_id)
    )
