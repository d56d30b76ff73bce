"""A project's calendar: local days, holidays, and when messages may go."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from hub.project.calendar import Calendar, holidays
from hub.project.cron import wrong_schedule
from hub.project.limits import Quiet

AMSTERDAM = Calendar("Europe/Amsterdam", "NL")
BRUSSELS = Calendar("Europe/Brussels", "BE")
QUIET = Quiet(send="09:00-20:00", not_on=["sunday", "holidays"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Amsterdam")).astimezone(UTC)


@pytest.mark.parametrize(
    ("calendar", "day", "is_holiday"),
    [
        (AMSTERDAM, date(2026, 4, 6), True),  # Easter Monday
        (AMSTERDAM, date(2026, 4, 27), True),  # the King's birthday
        (AMSTERDAM, date(2025, 4, 26), True),  # the day before, where that is a Sunday
        (AMSTERDAM, date(2025, 4, 27), False),
        (AMSTERDAM, date(2026, 5, 14), True),  # Ascension Day
        (AMSTERDAM, date(2026, 7, 21), False),
        (BRUSSELS, date(2026, 7, 21), True),
        (BRUSSELS, date(2026, 11, 11), True),
        (BRUSSELS, date(2026, 4, 27), False),
    ],
)
def test_holidays_are_those_of_the_country(calendar: Calendar, day: date, is_holiday: bool) -> None:
    assert calendar.is_holiday(day) is is_holiday


def test_a_country_without_a_list_has_no_holidays() -> None:
    assert holidays("ZZ", 2026) == frozenset()


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-02 09:00", None),
        ("2026-03-02 19:59", None),
        ("2026-03-02 08:59", "2026-03-02 09:00"),
        ("2026-03-02 20:00", "2026-03-03 09:00"),
        ("2026-12-24 20:00", "2026-12-28 09:00"),  # Christmas, its second day, a Sunday
        ("2026-03-29 01:30", "2026-03-30 09:00"),  # the night on which the clock goes forward
        ("2026-10-25 02:30", "2026-10-26 09:00"),  # and back
    ],
)
def test_messages_go_in_the_hours_and_on_the_days_that_are_given(now: str, opens: str | None) -> None:
    assert AMSTERDAM.opens(QUIET, "sms", at(now)) == (at(opens) if opens else None)


def test_a_letter_wakes_nobody() -> None:
    assert AMSTERDAM.opens(QUIET, "letter", at("2026-03-02 23:00")) is None


def test_without_quiet_hours_messages_always_go() -> None:
    assert AMSTERDAM.opens(None, "sms", at("2026-03-02 03:00")) is None


@pytest.mark.parametrize(
    ("period", "began"),
    [
        ("day", "2026-11-22 00:00"),
        ("week", "2026-11-16 00:00"),
        ("month", "2026-11-01 00:00"),
        ("quarter", "2026-10-01 00:00"),
        ("year", "2026-01-01 00:00"),
    ],
)
def test_a_period_begins_at_local_midnight(period: str, began: str) -> None:
    assert AMSTERDAM.began(period, at("2026-11-22 00:30")) == at(began)  # type: ignore[arg-type]


def test_days_before_keep_the_time_on_the_clock() -> None:
    assert AMSTERDAM.days_before(at("2026-04-02 10:00"), 7) == at("2026-03-26 10:00")


@pytest.mark.parametrize(
    ("cron", "day", "times"),
    [
        ("0 9-12 * * mon-sat", date(2026, 3, 7), ["09:00", "10:00", "11:00", "12:00"]),
        ("0 9-12 * * mon-sat", date(2026, 3, 8), []),  # a Sunday
        ("*/20 9,19 * * *", date(2026, 3, 2), ["09:00", "09:20", "09:40", "19:00", "19:20", "19:40"]),
        ("0 9-19/5 1 * *", date(2026, 3, 1), ["09:00", "14:00", "19:00"]),
        ("30 1-3 * * *", date(2026, 3, 29), ["01:30", "03:30"]),  # half past two is not on the clock
        ("30 1-3 * * *", date(2026, 10, 25), ["01:30", "02:30", "03:30"]),
        (None, date(2026, 3, 8), ["09:00"]),
    ],
)
def test_a_day_has_every_time_at_which_the_schedule_comes(cron: str | None, day: date, times: list[str]) -> None:
    ticks = Calendar("Europe/Amsterdam").ticks(cron, day)
    assert [f"{at.astimezone(ZoneInfo('Europe/Amsterdam')):%H:%M}" for at in ticks] == times


@pytest.mark.parametrize("cron", ["60 9 * * *", "0 25 * * *", "0 9 * * someday", "0 9 * *", "@daily", "0 9 * * 8"])
def test_a_schedule_that_never_comes_is_told_of(cron: str) -> None:
    assert "minute hour day month weekday" in wrong_schedule(cron)
