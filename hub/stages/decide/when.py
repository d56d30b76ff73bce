"""When: moments that are some calendar time later, in statements. The clock's local time stays over its changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import INTERVAL

from hub.project.calendar import holidays
from hub.project.lengths import length
from hub.project.scenario import WaitFor
from hub.warehouse.constructs import text_constant

if TYPE_CHECKING:
    from hub.stages.decide.tick import Tick

Moment = sa.ColumnElement[datetime]
YEARS_AROUND = 3
"""How far around the moment the calendar of working days reaches."""


def later(tick: Tick, at: Moment, days: int = 0, rest: timedelta | None = None) -> Moment:
    """Give the moment so many local days and so much exact time later."""
    if days:
        at = _moment(tick, _local(tick, at) + _interval(timedelta(days=days)))
    return at + _interval(rest) if rest else at


def due(tick: Tick, wait: WaitFor, start: Moment) -> Moment:
    """Give the moment on which a wait from `start` is over, at the latest where it is until something happens."""
    written = wait.for_ or wait.at_most
    return later(tick, start, *length(written)) if written else start


def on_to(tick: Tick, wait: WaitFor, at: sa.TableClause) -> sa.Select:
    """Move moments (enrolment_id, due_at) on to the wait's time of day and working day."""
    local = _local(tick, at.c.due_at)
    minutes = int(wait.at[:2]) * 60 + int(wait.at[3:]) if wait.at is not None else 0
    clock = _interval(timedelta(minutes=minutes))
    today = sa.cast(local, sa.Date())
    day: Any = today
    if wait.at is not None:
        is_over = local > sa.cast(today, sa.DateTime()) + clock
        day = sa.case(
            (is_over, sa.cast(sa.cast(today, sa.DateTime()) + _interval(timedelta(days=1)), sa.Date())), else_=today
        )
    source: sa.FromClause = at
    if wait.to is not None:
        country: Any = sa.literal("")
        countries: list[str] = []
        if wait.to == "working day of the person":
            homes, countries = _homes(tick, at)
            source = at.join(homes, homes.c.enrolment_id == at.c.enrolment_id)
            country = sa.case((homes.c.country.in_(countries), homes.c.country), else_="")
        working = working_days(tick, countries)
        # a day before the calendar begins is over, whatever day it was; one after it is looked at again until then
        known = sa.func.greatest(day, sa.select(sa.func.min(working.c.day)).scalar_subquery(), type_=sa.Date())
        source = source.join(working, sa.and_(working.c.day == known, working.c.country == country))
        day = working.c.working
    then = _moment(tick, sa.cast(day, sa.DateTime()) + clock)
    stays = sa.false() if wait.at is not None else day == today
    return sa.select(at.c.enrolment_id, sa.case((stays, at.c.due_at), else_=then).label("due_at")).select_from(source)


def working_days(tick: Tick, countries: Sequence[str] = ()) -> sa.TableClause:
    """Give each day of some years around the moment with the first working day from it on, by country.

    The country '' is the project's own.
    """
    import pyarrow as pa

    own = tick.project.calendar
    today = own.day(tick.as_of)
    days = [today + timedelta(days=number) for number in range(-366 * YEARS_AROUND, 366 * YEARS_AROUND)]
    following: list[Any] = []
    for calendar in (own, *(replace(own, country=country) for country in countries)):
        first = days[-1]
        backwards: list[Any] = []
        for day in reversed(days):
            first = day if calendar.is_working_day(day) else first
            backwards.append(first)
        following += backwards[::-1]
    table = pa.table(
        {
            "country": [country for country in ("", *countries) for _ in days],
            "day": pa.array(days * (1 + len(countries)), pa.date32()),
            "working": pa.array(following, pa.date32()),
        }
    )
    return tick.transaction.load("working_days", table)


def _homes(tick: Tick, at: sa.TableClause) -> tuple[sa.TableClause, list[str]]:
    """Hold in which country the person of each instance lives, and give those countries of which holidays are known."""
    enrolment, record = tick.enrolment, tick.transaction.table("source_record")
    person = tick.transaction.table("person")
    homes = tick.transaction.hold(
        "homes",
        sa.select(at.c.enrolment_id, sa.func.upper(person.c.country).label("country")).select_from(
            at.join(enrolment, enrolment.c.enrolment_id == at.c.enrolment_id)
            .outerjoin(record, record.c.record_id == enrolment.c.record_id)
            .outerjoin(person, person.c.person_id == record.c.person_id)
        ),
    )
    found = tick.transaction.rows(sa.select(homes.c.country).distinct().where(homes.c.country.is_not(None)))
    return homes, sorted(row.country for row in found if holidays(row.country, tick.as_of.year))


def start_of_day(tick: Tick, day: sa.ColumnElement[Any]) -> Moment:
    """Give the first moment of a local day."""
    return _moment(tick, sa.cast(day, sa.DateTime()))


def _local(tick: Tick, at: Moment) -> sa.ColumnElement[Any]:
    """Give what the local clock shows at a moment."""
    return sa.func.timezone(text_constant(tick.project.hub.timezone), at, type_=sa.DateTime())


def _moment(tick: Tick, local: sa.ColumnElement[Any]) -> Moment:
    """Give the moment at which the local clock shows a time."""
    return sa.func.timezone(text_constant(tick.project.hub.timezone), local, type_=sa.DateTime(timezone=True))


def _interval(time: timedelta) -> sa.ColumnElement[Any]:
    written = f"{time.days} days {time.seconds} seconds"
    return sa.cast(text_constant(written), INTERVAL())
