"""Terms: what a project asks of a yes beyond the law, so that it can be proven."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from hub.law.rules import Stricter, changing_days

_SPAN = re.compile(r"(\d{1,3}) (day|week|month|year)s?")


@dataclass(frozen=True)
class Span:
    """A length of time as people write it: 24 months."""

    number: int
    unit: str

    @classmethod
    def parse(cls, written: str) -> Span:
        """Read `24 months`, `2 years`, `90 days`. Raises ValueError for anything else."""
        found = _SPAN.fullmatch(written.strip())
        if found is None or int(found[1]) == 0:
            raise ValueError("write a length of time as a number and a unit: 24 months, 2 years, 90 days")
        return cls(int(found[1]), found[2])

    def before(self, moment: datetime) -> datetime:
        """Give the moment that lies so long before another; the last day of a shorter month stands for the 31st."""
        if self.unit in ("day", "week"):
            return moment - timedelta(days=self.number * (7 if self.unit == "week" else 1))
        months = moment.year * 12 + moment.month - 1 - self.number * (12 if self.unit == "year" else 1)
        year, month = divmod(months, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)


@dataclass(frozen=True)
class Text:
    """A text that people agree to: by which channels and for what, and the moments between which it was shown."""

    name: str
    channels: tuple[str, ...]
    purpose: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True)
class Terms:
    """What a yes must meet: one of `texts` where there are any (None: none are declared), its age, stricter rules."""

    texts: tuple[Text, ...] | None = None
    valid_for: Span | None = None
    stricter: tuple[Stricter, ...] = ()
    timezone: str = "UTC"

    def day(self, moment: datetime) -> date:
        """Give the day, where the project is, by which the law's dates are read."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def until(self, as_of: datetime) -> datetime:
        """Give the first moment after this one at which the terms alone may change what a yes is worth."""
        if self.valid_for is not None:
            return as_of + timedelta(days=1)
        zone = ZoneInfo(self.timezone)
        changes = (datetime.combine(day, time(), zone) for day in changing_days())
        return min((moment for moment in changes if moment > as_of), default=datetime.max.replace(tzinfo=UTC))

    @property
    def mark(self) -> str:
        """Name them: other terms have another name."""
        stricter = [(one.channels, one.countries, sorted(one.without), one.age) for one in self.stricter]
        return sha256(repr((self.texts, self.valid_for, stricter, self.timezone)).encode()).hexdigest()[:16]
