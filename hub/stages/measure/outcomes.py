"""Outcomes: what became of each message of a scenario, and what followed it.

A message is looked at again for as long as its goal has time, and `LATE` after that; what comes later changes nothing
any more. So a run costs what the last weeks sent, not what was ever sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.people.goal import hits, local_time, ways, went_out
from hub.people.instance import tells
from hub.project import Project
from hub.project.lengths import length
from hub.project.scenario import Scenario
from hub.warehouse import Transaction

LATE = timedelta(days=30)
"""So long after a message, and after the time of its goal, what happens is still counted."""


@dataclass(frozen=True)
class Outcomes:
    """`rows` (decision_id, new) are the messages of which something changed; `new` of them are measured first now."""

    rows: sa.TableClause
    changed: int
    new: int


def keep_outcomes(
    transaction: Transaction, project: Project, scenario: Scenario, as_of: datetime, again: bool
) -> Outcomes:
    """Look at the messages of a scenario that may have news, `again` at all of them, and keep what is different."""
    kept = transaction.table("message_outcome")
    looked_at = transaction.hold("measured", _looked_at(transaction, scenario, as_of, again))
    found = transaction.hold("found_outcome", _outcomes(transaction, project, scenario, looked_at, as_of))
    names = [column.name for column in kept.c]
    same = sa.and_(*(kept.c[name].is_not_distinct_from(found.c[name]) for name in names if name != "decision_id"))
    changed = transaction.hold(
        "changed_outcome",
        sa.select(found.c.decision_id, kept.c.decision_id.is_(None).label("new"))
        .select_from(found.outerjoin(kept, kept.c.decision_id == found.c.decision_id))
        .where(sa.or_(kept.c.decision_id.is_(None), sa.not_(same))),
    )
    number, new = transaction.count(changed), transaction.count(changed, changed.c.new)
    if number:
        ids = sa.select(changed.c.decision_id)
        if number > new:
            transaction.execute(sa.delete(kept).where(kept.c.decision_id.in_(ids)))
        rows = sa.select(*(found.c[name] for name in names)).where(found.c.decision_id.in_(ids))
        transaction.execute(sa.insert(kept).from_select(names, rows))
    return Outcomes(changed, number, new)


def _looked_at(transaction: Transaction, scenario: Scenario, as_of: datetime, again: bool) -> sa.Select[Any]:
    """Select the messages that may have news."""
    decision = transaction.table("decision")
    columns = ("decision_id", "enrolment_id", "channel", "step", "at", "failed")
    mine = sa.select(*(decision.c[name] for name in columns)).where(
        decision.c.scenario == scenario.scenario, decision.c.outcome == "queued"
    )
    if again:
        return mine
    days, rest = length(scenario.goal.within) if scenario.goal is not None else (0, timedelta())
    return mine.where(decision.c["at"] > as_of - LATE - rest - timedelta(days=days))


def _outcomes(
    transaction: Transaction, project: Project, scenario: Scenario, looked_at: sa.TableClause, as_of: datetime
) -> sa.Select[Any]:
    """Select the outcome of each message, with the columns of `message_outcome`."""
    now = sa.cast(sa.literal(as_of, sa.DateTime(timezone=True)), sa.DateTime(timezone=True))
    found_ways = ways(transaction, project, scenario)
    events = _events(transaction, looked_at)
    local = local_time(project, looked_at.c["at"])
    sent = went_out(looked_at.c.failed)
    bounced = sa.or_(_so(events.c.bounced), sa.func.coalesce(looked_at.c.failed, "") == "bounced")
    source: sa.FromClause = looked_at.join(found_ways, found_ways.c.enrolment_id == looked_at.c.enrolment_id).outerjoin(
        events, events.c.message_key == looked_at.c.decision_id
    )
    converted: sa.ColumnElement[Any] = sa.cast(sa.null(), sa.Boolean())
    revenue: sa.ColumnElement[Any] = sa.cast(sa.null(), sa.Numeric(18, 4))
    if scenario.goal is not None:
        reached = hits(transaction, project, found_ways, scenario.goal, now)
        after = _after(looked_at, reached)
        source = source.outerjoin(after, after.c.decision_id == looked_at.c.decision_id)
        converted = after.c.decision_id.is_not(None)
        if scenario.goal.value is not None:
            revenue = sa.func.coalesce(after.c.value, 0)
    return sa.select(
        looked_at.c.decision_id,
        sa.literal(scenario.scenario).label("scenario"),
        looked_at.c.channel,
        looked_at.c.step,
        found_ways.c.variant,
        looked_at.c["at"],
        sa.cast(sa.extract("isodow", local), sa.BigInteger()).label("weekday"),
        sa.cast(sa.extract("hour", local), sa.BigInteger()).label("hour"),
        sent.label("sent"),
        sa.and_(_so(events.c.delivered), sa.not_(bounced)).label("delivered"),
        *(_so(events.c[name]).label(name) for name in ("opened", "clicked", "unsubscribed")),
        bounced.label("bounced"),
        _so(events.c.complained).label("complained"),
        converted.label("converted"),
        sa.cast(revenue, sa.Numeric(18, 4)).label("revenue"),
    ).select_from(source)


def _events(transaction: Transaction, looked_at: sa.TableClause) -> sa.Subquery:
    """Say of each message which reactions there were."""
    event = transaction.table("message_event")
    told = {name: tells(event, name) for name in ("delivered", "opened", "clicked")}
    told |= {name: event.c.type == name for name in ("unsubscribed", "bounced", "complained")}
    return (
        sa.select(event.c.message_key, *(sa.func.bool_or(it).label(name) for name, it in told.items()))
        .where(event.c.message_key.in_(sa.select(looked_at.c.decision_id)))
        .group_by(event.c.message_key)
        .subquery("events")
    )


def _after(looked_at: sa.TableClause, reached: sa.FromClause) -> sa.Subquery:
    """Give what was reached after each message that went out, and before the next one on the same way."""
    order = [looked_at.c["at"], looked_at.c.decision_id]
    following = sa.func.lead(looked_at.c["at"]).over(partition_by=looked_at.c.enrolment_id, order_by=order)
    sent = (
        sa.select(looked_at.c.decision_id, looked_at.c.enrolment_id, looked_at.c["at"], following.label("next_at"))
        .where(went_out(looked_at.c.failed))
        .subquery("sent")
    )
    return (
        sa.select(sent.c.decision_id, sa.func.sum(reached.c.value).label("value"))
        .join(reached, reached.c.enrolment_id == sent.c.enrolment_id)
        .where(reached.c["at"] > sent.c["at"], sa.or_(sent.c.next_at.is_(None), reached.c["at"] <= sent.c.next_at))
        .group_by(sent.c.decision_id)
        .subquery("after")
    )


def _so(told: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(told, sa.false(), type_=sa.Boolean())
