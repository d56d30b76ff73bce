"""The calendar of a project: its local days, its public holidays, and when messages may go out.

Days and clock times are local in the project's time zone, so that both nights on which the clock changes are right:
a wait of a day ends at the same time on the clock, whether that day has 23, 24 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from hub.contracts import Channel
from hub.project.limits import Quiet

Period = Literal["day", "week", "month", "quarter", "year"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FARTHEST = 60
"""Days within which every calendar has one on which messages may go."""


@dataclass(frozen=True)
class Calendar:
    """The calendar of a time zone and a country (ISO 3166-1 alpha-2)."""

    timezone: str
    country: str = "NL"

    def day(self, moment: datetime) -> date:
        """Give the local day of a moment."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def start(self, day: date) -> datetime:
        """Give the first moment of a local day."""
        return self.at(day, 0)

    def at(self, day: date, minute: int) -> datetime:
        """Give the moment at which the clock of a local day shows a minute of the day."""
        clock = datetime.combine(day + timedelta(days=minute // 1440), time(minute % 1440 // 60, minute % 60))
        return clock.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)

    def days_before(self, moment: datetime, days: int) -> datetime:
        """Give the moment so many local days earlier, at the same time on the clock."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        return (local - timedelta(days=days)).astimezone(UTC)

    def began(self, period: Period, moment: datetime) -> datetime:
        """Give the first moment of the local day, week, month, quarter or year that a moment is in."""
        day = self.day(moment)
        first = {
            "day": day,
            "week": day - timedelta(days=day.weekday()),
            "month": day.replace(day=1),
            "quarter": day.replace(month=day.month - (day.month - 1) % 3, day=1),
            "year": day.replace(month=1, day=1),
        }[period]
        return self.start(first)

    def is_holiday(self, day: date) -> bool:
        """Say whether a day is a public holiday of the country."""
        return day in holidays(self.country, day.year)

    def is_working_day(self, day: date) -> bool:
        """Say whether a day is none of Saturday, Sunday and public holiday."""
        return day.weekday() < 5 and not self.is_holiday(day)

    def opens(self, quiet: Quiet | None, channel: Channel, moment: datetime) -> datetime | None:
        """Say from when on a marketing message may go by a channel; None where it may go now."""
        if quiet is None or channel not in quiet.channels:
            return None
        start, end = quiet.minutes
        today = self.day(moment)
        for day in (today + timedelta(days=number) for number in range(FARTHEST)):
            if WEEKDAYS[day.weekday()] in quiet.not_on or ("holidays" in quiet.not_on and self.is_holiday(day)):
                continue
            if moment < self.at(day, start):
                return self.at(day, start)
            if moment < self.at(day, end):
                return None
        return self.start(today + timedelta(days=FARTHEST))


def holidays(country: str, year: int) -> frozenset[date]:
    """Give the public holidays of the Netherlands or Belgium in a year; of no other country.

    Netherlands: the days of the Algemene termijnenwet (article 3) without Good Friday, and Liberation Day, on which
    many are off every fifth year only. Belgium: the ten days of the law of 4 January 1974.
    """
    return frozenset(_HOLIDAYS.get(country, lambda _: iter(()))(year))


def _dutch(year: int) -> Iterator[date]:
    easter = _easter(year)
    kings_day = date(year, 4, 27)
    yield date(year, 1, 1)
    yield kings_day if kings_day.weekday() != 6 else date(year, 4, 26)
    if year % 5 == 0:
        yield date(year, 5, 5)
    for days in (0, 1, 39, 49, 50):
        yield easter + timedelta(days=days)
    yield date(year, 12, 25)
    yield date(year, 12, 26)


def _belgian(year: int) -> Iterator[date]:
    easter = _easter(year)
    for days in (1, 39, 50):
        yield easter + timedelta(days=days)
    for month, day in ((1, 1), (5, 1), (7, 21), (8, 15), (11, 1), (11, 11), (12, 25)):
        yield date(year, month, day)


_HOLIDAYS = {"NL": _dutch, "BE": _belgian}


def _easter(year: int) -> date:
    """Give Easter Sunday of the Gregorian calendar (Meeus, Jones, Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    l_ = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * l_) // 451
    month, day = divmod(h + l_ - 7 * m + 114, 31)
    return date(year, month, day + 1)
