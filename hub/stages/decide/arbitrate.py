"""Arbitrate: what may go now, over all scenarios. The loser waits, moves or is dropped, and the reason is kept.

Scenarios take their turns in the order of their priority, so what has been queued by now goes first:
- one marketing communication per person and day (R8), but for what follows within the same instance; among scenarios
  of one priority the one that is worth more for the person goes first (see contest);
- so many marketing messages per person in so many days, over all channels (R16), per channel, and per household;
- none in the quiet hours of a channel.
What did not arrive does not count. Service messages are exempt: they neither wait nor make others wait.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.contracts import Channel
from hub.project.limits import Cap, cap
from hub.stages.decide.tick import Tick, moment
from hub.stages.decide.when import later

WAITS = "another scenario goes first today"
WORTH_LESS = "another scenario is worth more today"
OUTRANKED = "outranked"
CAPPED = "capped"


def arbitrate(tick: Tick, chosen: sa.TableClause) -> sa.TableClause:
    """Give `chosen` with `held` (why a message may not go now; null where it may), `lost` and `until`.

    `lost` says to what: `capped` (a limit) or `outranked` (another scenario); null for quiet hours.
    """
    clear = sa.select(
        chosen,
        sa.cast(sa.null(), sa.Text()).label("held"),
        sa.cast(sa.null(), sa.Text()).label("lost"),
        sa.cast(sa.null(), sa.DateTime(timezone=True)).label("until"),
    )
    if not tick.plan.is_marketing:
        return tick.transaction.hold("arbitrated", clear)
    alone = tick.transaction.hold("held_alone", _held_alone(tick, chosen))
    limits = {channel: found for channel, it in tick.project.hub.limits.household.items() if (found := cap(it))}
    if not limits:
        return alone
    return tick.transaction.hold("arbitrated", _held_by_household(tick, alone, limits))


def _held_alone(tick: Tick, chosen: sa.TableClause) -> sa.Select:
    """Hold what the person's own messages, the day and the hour do not allow."""
    calendar, limits = tick.project.calendar, tick.project.hub.limits
    tomorrow = moment(calendar.start(calendar.day(tick.as_of) + timedelta(days=1)))
    checks: list[tuple[sa.ColumnElement[bool], str, str | None, sa.ColumnElement[datetime]]] = []
    source: sa.FromClause = chosen
    for channel in tick.plan.destinations:
        opens = calendar.opens(limits.quiet, channel, tick.as_of)
        if opens is not None:
            checks.append((chosen.c.channel == channel, "quiet hours: no message goes now", None, moment(opens)))
    today = _written_to_today(tick)
    source = source.outerjoin(today, today.c.person_id == chosen.c.person_id)
    by_another = sa.or_(today.c.first != chosen.c.enrolment_id, today.c.last != chosen.c.enrolment_id)
    place = sa.func.row_number().over(
        partition_by=(chosen.c.person_id, chosen.c.outcome), order_by=(chosen.c.since, chosen.c.enrolment_id)
    )
    checks.append((sa.func.coalesce(by_another, sa.false()), WAITS, OUTRANKED, tomorrow))
    if tick.bids is not None:
        checks.append((_outbid(tick, tick.bids, chosen), WORTH_LESS, OUTRANKED, tomorrow))
    caps: list[tuple[Channel | None, Cap | None]] = [(None, cap(limits.marketing))]
    caps += [(channel, cap(it)) for channel, it in limits.channels.items() if channel in tick.plan.destinations]
    for by, allowed in caps:
        if allowed is None:
            continue
        sent = _sent(tick, allowed, by, "person_id", f"sent_by_{by or 'any'}")
        source = source.outerjoin(sent, sent.c.whose == chosen.c.person_id)
        reached = sa.func.coalesce(sent.c.number, 0) >= allowed.number
        if by is not None:
            reached = sa.and_(chosen.c.channel == by, reached)
        checks.append((reached, _told(allowed, by), CAPPED, _frees(tick, sent, allowed)))
    # what holds one of a person's ways here holds the others too: only one that goes makes them wait
    checks.append((place > 1, WAITS, OUTRANKED, tomorrow))
    works = chosen.c.outcome == "queued"
    return sa.select(
        chosen,
        sa.case(*((sa.and_(works, held), sa.literal(why)) for held, why, _, _ in checks)).label("held"),
        sa.case(*((sa.and_(works, held), sa.cast(sa.literal(lost), sa.Text())) for held, _, lost, _ in checks)).label(
            "lost"
        ),
        sa.case(*((sa.and_(works, held), until) for held, _, _, until in checks)).label("until"),
    ).select_from(source)


def _held_by_household(tick: Tick, alone: sa.TableClause, limits: dict[Channel, Cap]) -> sa.Select:
    """Hold what a household has had enough of; among its people who are left, the first in turn goes."""
    source: sa.FromClause = alone
    place = sa.func.row_number().over(
        partition_by=(alone.c.household_id, alone.c.channel, alone.c.held.is_(None), alone.c.outcome),
        order_by=(alone.c.since, alone.c.enrolment_id),
    )
    held, until = [], []
    for channel, allowed in limits.items():
        sent = _sent(tick, allowed, channel, "household_id", f"household_by_{channel}")
        source = source.outerjoin(sent, sent.c.whose == alone.c.household_id)
        reached = sa.and_(
            alone.c.outcome == "queued",
            alone.c.held.is_(None),
            alone.c.household_id.is_not(None),
            alone.c.channel == channel,
            sa.func.coalesce(sent.c.number, 0) + place > allowed.number,
        )
        held.append((reached, sa.literal(_told(allowed, channel) + " to a household")))
        until.append((reached, sa.func.coalesce(_frees(tick, sent, allowed), later(tick, tick.now, 1))))
    columns = [column for column in alone.c if column.name not in ("held", "lost", "until")]
    return sa.select(
        *columns,
        sa.case(*held, else_=alone.c.held).label("held"),
        sa.case(*((reached, sa.literal(CAPPED)) for reached, _ in held), else_=alone.c.lost).label("lost"),
        sa.case(*until, else_=alone.c.until).label("until"),
    ).select_from(source)


def _outbid(tick: Tick, bids: sa.TableClause, chosen: sa.TableClause) -> sa.ColumnElement[bool]:
    """Say whether another scenario of the same priority wants to write to the person, and is worth more."""
    own, other = bids.alias("own_bid"), bids.alias("other_bid")
    mine = sa.select(sa.func.max(own.c.value)).where(
        own.c.scenario == tick.plan.name, own.c.person_id == chosen.c.person_id
    )
    more = sa.select(other.c.person_id).where(
        other.c.scenario != tick.plan.name,
        other.c.person_id == chosen.c.person_id,
        other.c.value > sa.func.coalesce(mine.scalar_subquery(), 0),
    )
    return sa.exists(more)


def _written_to_today(tick: Tick) -> sa.Subquery:
    """Give the people who were written to today, with the first and last instance that did."""
    calendar = tick.project.calendar
    start = calendar.start(calendar.day(tick.as_of))
    record, message, decision = (tick.transaction.table(name) for name in ("source_record", "message", "decision"))
    return (
        sa.select(
            record.c.person_id,
            sa.func.min(decision.c.enrolment_id).label("first"),
            sa.func.max(decision.c.enrolment_id).label("last"),
        )
        .join_from(message, record, record.c.record_id == message.c.record_id)
        .join(decision, decision.c.decision_id == message.c.source_key)
        .where(
            message.c.scenario.is_not(None),
            message.c.purpose == "marketing",
            message.c.sent_at >= start,
            message.c.sent_at <= tick.now,
            decision.c.failed.is_(None),
        )
        .group_by(record.c.person_id)
        .subquery("today")
    )


def _sent(tick: Tick, allowed: Cap, channel: Channel | None, whose: str, name: str) -> sa.Subquery:
    """Count the marketing messages in a limit's window per person or household, with the moment of the first."""
    record, message, decision = (tick.transaction.table(name) for name in ("source_record", "message", "decision"))
    since = tick.project.calendar.days_before(tick.as_of, allowed.days)
    source = message.join(record, record.c.record_id == message.c.record_id).outerjoin(
        decision, decision.c.decision_id == message.c.source_key
    )
    owner = record.c.person_id
    if whose == "household_id":
        person = tick.transaction.table("person")
        source = source.join(person, person.c.person_id == record.c.person_id)
        owner = person.c.household_id
    conditions = [
        message.c.purpose == "marketing",
        message.c.sent_at > moment(since),
        message.c.sent_at <= tick.now,
        decision.c.failed.is_(None),
    ]
    if channel is not None:
        conditions.append(message.c.channel == channel)
    return (
        sa.select(owner.label("whose"), sa.func.count().label("number"), sa.func.min(message.c.sent_at).label("first"))
        .select_from(source)
        .where(*conditions)
        .group_by(owner)
        .subquery(name)
    )


def _frees(tick: Tick, sent: sa.Subquery, allowed: Cap) -> sa.ColumnElement[datetime]:
    """Give the moment at which the first message leaves the limit's window."""
    return later(tick, sent.c.first, allowed.days)


def _told(allowed: Cap, channel: Channel | None) -> str:
    what = f"{channel} messages" if channel is not None else "marketing messages"
    return f"limit reached: {allowed.number} {what} in {allowed.days} days"
