"""Windows: the last so many days, weeks, months or years, counted on the calendar of the project.

A window of 14 days reaches back to the first moment of the day 14 days before the as-of day. Months and years go back
to the same day of the month, or to the last day of a shorter month: a year before 29 February is 28 February.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.expressions import ExpressionType

WRITTEN = re.compile(r"([0-9]{1,5}) (day|week|month|year)s?(?: of ([a-z_][a-z0-9_.]*))?")
TOO_FAR = "no calendar reaches back so far"
REMEDY = "write `90 days`, `2 weeks`, `3 months`, `1 year` or `90 days of COLUMN`"


@dataclass(frozen=True)
class Window:
    """So many days, weeks, months or years up to the as-of day; `column` says by which time, where it is not the
    table's own.
    """

    amount: int
    unit: str
    column: str | None = None

    @property
    def suffix(self) -> str:
        """Name it in short: 90d, 2w, 3m, 1y."""
        return f"{self.amount}{self.unit[0]}"

    def first_day(self, today: date) -> date:
        """Give the first day inside. Raises ValueError where the calendar does not reach back so far."""
        if self.unit in ("day", "week"):
            try:
                return today - timedelta(days=self.amount * (7 if self.unit == "week" else 1))
            except OverflowError:
                raise ValueError(TOO_FAR) from None
        months = today.year * 12 + today.month - 1 - self.amount * (12 if self.unit == "year" else 1)
        year, month = divmod(months, 12)
        if year < 1:
            raise ValueError(TOO_FAR)
        return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))

    def reaches(
        self, time: sa.ColumnElement[Any], type_: ExpressionType, today: date, timezone: str
    ) -> sa.ColumnElement[bool]:
        """Give the condition that a time is inside; that it is not after the as-of moment is asked elsewhere."""
        return time >= moment_or_day(self.first_day(today), type_, timezone)


def read_window(written: str) -> Window | None:
    """Read `90 days of due_on`; None where it is none."""
    found = WRITTEN.fullmatch(written.strip())
    return Window(int(found[1]), found[2], found[3]) if found else None


def moment_or_day(day: date, type_: ExpressionType, timezone: str) -> sa.ColumnElement[Any]:
    """Give the first moment of a local day, or the day itself, to compare a column of that type with."""
    if type_ == "date":
        return sa.cast(sa.literal(day, sa.Date()), sa.Date())
    return sa.literal(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)), sa.DateTime(timezone=True))
