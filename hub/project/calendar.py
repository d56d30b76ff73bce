"""The calendar of a project: its local days, its public holidays, and when messages may go out.

Days and clock times are local in the project's time zone, so that both nights on which the clock changes are right:
a wait of a day ends at the same time on the clock, whether that day has 23, 24 or 25 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from hub.contracts import Channel
from hub.project.cron import minutes_of, named_minutes
from hub.project.limits import Quiet

Period = Literal["day", "week", "month", "quarter", "year"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NINE = 9 * 60
"""The minute of the day at which days decide that no schedule tells of."""
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

    def ticks(self, cron: str | None, day: date) -> list[datetime]:
        """Give the moments of a local day at which a schedule comes; without one, nine o'clock of every day.

        A time that the clock leaves out in spring comes an hour later; one that it shows twice in autumn, once.
        """
        minutes = minutes_of(cron, day) if cron is not None else [NINE]
        return sorted({self.at(day, minute) for minute in minutes})

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


@cache
def holidays(country: str, year: int) -> frozenset[date]:
    """Give the public holidays of a country (ISO 3166-1 alpha-2) in a year; none where nobody keeps a list of them."""
    import holidays as lists

    if country not in lists.list_supported_countries():
        return frozenset()
    return frozenset(lists.country_holidays(country, years=year))


def clock(cron: str | None) -> int:
    """Give the minute of the day at which a simulated day decides: that of a schedule, or nine o'clock."""
    times = named_minutes(cron) if cron is not None else []
    return times[0] if len(times) == 1 else NINE
