"""Pace: the rates of a destination, and the waits between attempts, on a simulated clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.ledger import Ledger, open_ledger
from hub.stages.activate.pace import FIRST_WAIT, LONGEST_WAIT, PATIENCE, Pace, RunClock, rest_after, wait_before
from hub.units import Rate

START = 1_772_442_000.0


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = START

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger("sqlite", tmp_path)
    yield opened
    opened.close()


def paced(ledger: Ledger, clock: Clock, *rates: Rate) -> Pace:
    return Pace(rates, ledger.allowances, "mail", clock.read, clock.sleep)


def test_no_more_go_than_the_rate_allows_and_hardly_fewer(ledger: Ledger) -> None:
    clock = Clock()
    pace = paced(ledger, clock, Rate(50))
    sent = 0
    while sent < 1000:
        sent += pace.take(min(100, 1000 - sent))
    assert 19.0 <= clock.now - START <= 20.0


def test_a_pause_that_was_not_used_gives_no_more_than_the_number(ledger: Ledger) -> None:
    clock = Clock()
    pace = paced(ledger, clock, Rate(10))
    clock.sleep(3600)
    before = clock.now
    assert pace.take(100) == 10
    assert clock.now == before
    pace.take(10)
    assert clock.now > before + 0.97


def test_without_a_rate_nothing_waits(ledger: Ledger) -> None:
    clock = Clock()
    assert paced(ledger, clock).take(1_000_000) == 1_000_000
    assert clock.now == START


def test_a_rate_per_minute_goes_on_in_the_same_run(ledger: Ledger) -> None:
    clock = Clock()
    pace = paced(ledger, clock, Rate(6, 60))
    assert [pace.take(100) for _ in range(4)] == [6, 6, 6, 6]
    assert 180 <= clock.now - START <= 190


def test_a_rate_per_day_that_is_used_up_ends_the_run_and_says_when_more_may_go(ledger: Ledger) -> None:
    clock = Clock()
    pace = paced(ledger, clock, Rate(40), Rate(100, 86_400))
    assert [pace.take(60) for _ in range(4)] == [40, 40, 20, 0]
    assert clock.now - START <= PATIENCE
    assert 86_000 < pace.wait < 90_000
    clock.sleep(pace.wait)
    assert paced(ledger, clock, Rate(40), Rate(100, 86_400)).take(60) == 40


def test_waits_double_up_to_the_longest_and_are_the_same_in_a_replay() -> None:
    waits = [wait_before(attempts, "m1", None) for attempts in range(30)]
    assert waits == [wait_before(attempts, "m1", None) for attempts in range(30)]
    assert all(
        min(LONGEST_WAIT, FIRST_WAIT * 2**attempts) <= wait <= LONGEST_WAIT * 1.25
        for attempts, wait in enumerate(waits)
    )
    assert wait_before(1, "m1", None) != wait_before(1, "m2", None)


def test_what_an_admin_must_mend_is_looked_at_again_soon() -> None:
    assert wait_before(9, "m1", None, "configuration") <= FIRST_WAIT * 1.25
    assert rest_after(9, "mail", None, "configuration") <= FIRST_WAIT * 1.25
    assert rest_after(9, "mail", None, "later") >= timedelta(hours=1)


def test_a_destination_that_asks_for_longer_gets_it_up_to_a_day() -> None:
    assert wait_before(0, "m1", 86_400.0) == timedelta(days=1)
    assert wait_before(0, "m1", 1e18) == timedelta(days=1)
    assert wait_before(0, "m1", 1.0) >= FIRST_WAIT
    assert rest_after(5, "mail", 20.0, "asked") == timedelta(seconds=20)


def test_the_moment_of_a_run_goes_on_with_it_in_whole_minutes() -> None:
    clock, as_of = Clock(), datetime(2026, 3, 2, 9, tzinfo=UTC)
    run = RunClock(as_of, clock.read)
    clock.sleep(59.0)
    assert run.now() == as_of
    clock.sleep(62.0)
    assert run.now() == as_of + timedelta(minutes=2)
