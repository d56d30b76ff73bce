"""Schedules as cron expressions: minute, hour, day, month, weekday."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

_FIELD = re.compile(r"(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?(,(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?)*")


def wrong_schedule(written: str) -> str:
    """Say what is wrong with a schedule; empty where nothing is."""
    from croniter import croniter  # here: the command line starts without it

    fields = written.split()
    if len(fields) == 5 and all(_FIELD.fullmatch(field) for field in fields) and croniter.is_valid(written):
        return ""
    return f"'{written}' is no schedule: minute hour day month weekday, as in \"0 6 * * *\""


def minutes_of(written: str, day: date) -> list[int]:
    """Give the minutes of a local day at which a schedule comes, as the clock shows them; none on other days."""
    from croniter import croniter_range

    start = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - what the clock shows, in whatever zone
    found: list[datetime] = list(croniter_range(start, start + timedelta(days=1, minutes=-1), written))
    return [at.hour * 60 + at.minute for at in found]


def named_minutes(written: str) -> list[int]:
    """Give the minutes of the day that a schedule names, whatever the days on which it comes."""
    minute, hour, *_ = written.split()
    return minutes_of(f"{minute} {hour} * * *", date(2026, 1, 1))
