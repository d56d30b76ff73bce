"""The goal of a scenario: the ways through it, until when each may reach the goal, and the rows that reach it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import INTERVAL

from hub.expressions import Scope, compile_condition, compile_expression
from hub.people.facts import facts
from hub.project import Project
from hub.project.lengths import length
from hub.project.scenario import Goal, Scenario
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

CONTROL = "control"
"""The status of those who are held back to compare with."""

NEVER_SENT = ("refused", "cancelled", "expired", "rejected")
"""Why a message did not go out, in `decision.failed`."""


def ways(transaction: Transaction, project: Project, scenario: Scenario) -> sa.Subquery:
    """Select who entered a scenario: enrolment_id, person_id, variant, entered_at, ends_at, treated."""
    enrolment, record = transaction.table("enrolment"), transaction.table("source_record")
    ends_at: sa.ColumnElement[datetime] = enrolment.c.entered_at
    if scenario.goal is not None:
        days, rest = length(scenario.goal.within)
        local = local_time(project, enrolment.c.entered_at) + _interval(timedelta(days=days))
        ends_at = _moment(project, local) + _interval(rest)
    return (
        sa.select(
            enrolment.c.enrolment_id,
            record.c.person_id,
            enrolment.c.variant,
            enrolment.c.entered_at,
            ends_at.label("ends_at"),
            (enrolment.c.status != CONTROL).label("treated"),
        )
        .join(record, record.c.record_id == enrolment.c.record_id)
        .where(enrolment.c.scenario == scenario.scenario)
        .subquery("ways")
    )


def hits(
    transaction: Transaction, project: Project, found_ways: sa.FromClause, goal: Goal, now: sa.ColumnElement[datetime]
) -> sa.Subquery:
    """Select the rows that reach the goal by now: enrolment_id, at, and the value they are worth."""
    found = facts(project.schema, goal.of)
    record = transaction.table("source_record")
    scope = Scope(found.names, timezone=project.hub.timezone)
    where = compile_condition(goal.where or "true", scope)
    value = compile_expression(goal.value or "0", scope)
    time = found.names[found.table.time or "at"]
    at = _moment(project, sa.cast(time.element, sa.DateTime())) if time.type == "date" else time.element
    return (
        sa.select(found_ways.c.enrolment_id, at.label("at"), sa.cast(value.element, sa.Numeric(18, 4)).label("value"))
        .select_from(found.relation(where.names | value.names))
        .join(record, record.c.record_id == found.rows.c.record_id)
        .join(found_ways, found_ways.c.person_id == record.c.person_id)
        .where(at > found_ways.c.entered_at, at <= found_ways.c.ends_at, at <= now, where.element)
        .subquery("hits")
    )


def went_out(failed: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Say whether a decided message went out, by `decision.failed`: what bounced did, and cost what it costs."""
    return sa.func.coalesce(failed, "").not_in(NEVER_SENT)


def local_time(project: Project, at: sa.ColumnElement[datetime]) -> sa.ColumnElement[Any]:
    """Give a moment as the clock of the project's time zone shows it."""
    return sa.func.timezone(text_constant(project.hub.timezone), at, type_=sa.DateTime())


def _moment(project: Project, local: sa.ColumnElement[Any]) -> sa.ColumnElement[datetime]:
    return sa.func.timezone(text_constant(project.hub.timezone), local, type_=sa.DateTime(timezone=True))


def _interval(time: timedelta) -> sa.ColumnElement[Any]:
    return sa.cast(text_constant(f"{time.days} days {time.seconds} seconds"), INTERVAL())
