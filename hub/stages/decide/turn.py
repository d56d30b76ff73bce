"""Whose turn it is: one marketing communication per person and day, the higher priority first (R8).

Scenarios are decided in the order of their priority, so whoever was written to today, by whatever scenario, waits.
Service messages neither wait nor make others wait.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.project import Project
from hub.stages.decide.plan import Plan
from hub.warehouse import Transaction

WAITS = "another scenario goes first today"


def whose_turn(transaction: Transaction, project: Project, plan: Plan, as_of: datetime) -> tuple[int, int]:
    """Mark the active enrolments that wait today; return how many those are, and how many marks are new."""
    enrolment = transaction.table("enrolment")
    active = sa.and_(enrolment.c.scenario == plan.name, enrolment.c.status == "active")
    if plan.scenario.purpose == "service" or not transaction.count(enrolment, active):
        return 0, 0
    waiting = transaction.hold("waiting", _written_to_today(transaction, project, plan, as_of))
    among = enrolment.c.enrolment_id.in_(sa.select(waiting.c.enrolment_id))
    marked = enrolment.c.reason == WAITS
    transaction.execute(sa.update(enrolment).where(active, marked, sa.not_(among)).values(reason=None))
    fresh = sa.and_(active, among, enrolment.c.reason.is_distinct_from(WAITS))
    new = transaction.count(enrolment, fresh)
    transaction.execute(sa.update(enrolment).where(fresh).values(reason=WAITS))
    return transaction.count(waiting), new


def _written_to_today(transaction: Transaction, project: Project, plan: Plan, as_of: datetime) -> sa.Select:
    enrolment, record, message = (transaction.table(name) for name in ("enrolment", "source_record", "message"))
    start, end = local_day(as_of, project.hub.timezone)
    sent = (
        sa.select(record.c.person_id)
        .join(message, message.c.record_id == record.c.record_id)
        .where(
            message.c.scenario.is_not(None),
            message.c.scenario != plan.name,
            message.c.purpose == "marketing",
            message.c.sent_at >= start,
            message.c.sent_at < end,
        )
        .distinct()
        .subquery("sent")
    )
    return (
        sa.select(enrolment.c.enrolment_id)
        .join(record, record.c.record_id == enrolment.c.record_id)
        .join(sent, sent.c.person_id == record.c.person_id)
        .where(enrolment.c.scenario == plan.name, enrolment.c.status == "active")
    )


def local_day(moment: datetime, timezone: str) -> tuple[datetime, datetime]:
    """Give the first moment of a moment's calendar day in a time zone, and that of the next day."""
    zone = ZoneInfo(timezone)
    day = moment.astimezone(zone).date()
    start, end = (datetime.combine(date, time(0), zone) for date in (day, day + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)
