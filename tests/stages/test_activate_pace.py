"""Pace: the rate of a destination, and the waits between attempts, on a simulated clock."""

from datetime import timedelta

import pytest

from hub.stages.activate.pace import FIRST_WAIT, LONGEST_WAIT, Pace, wait_before


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_no_more_go_than_the_rate_allows() -> None:
    clock = Clock()
    pace = Pace(50.0, clock.read, clock.sleep)
    for _ in range(20):
        pace.wait_for(pace.batch(100))
    assert pace.batch(100) == 50
    assert clock.now - 100.0 == pytest.approx(20.0)


def test_time_that_passed_unused_gives_one_second_of_credit_and_not_more() -> None:
    clock = Clock()
    pace = Pace(10.0, clock.read, clock.sleep)
    clock.sleep(3600)
    before = clock.now
    pace.wait_for(10)
    assert clock.now == before
    pace.wait_for(10)
    assert clock.now == pytest.approx(before + 1.0)


def test_without_a_rate_nothing_waits() -> None:
    clock = Clock()
    pace = Pace(None, clock.read, clock.sleep)
    pace.wait_for(1_000_000)
    assert clock.now == 100.0
    assert pace.batch(500) == 500


def test_a_rate_below_one_a_second_sends_one_at_a_time() -> None:
    clock = Clock()
    pace = Pace(0.5, clock.read, clock.sleep)
    assert pace.batch(100) == 1
    for _ in range(3):
        pace.wait_for(1)
    assert clock.now - 100.0 == pytest.approx(6.0)


def test_waits_double_up_to_the_longest_and_are_the_same_in_a_replay() -> None:
    waits = [wait_before(attempts, "m1", None) for attempts in range(30)]
    assert waits == [wait_before(attempts, "m1", None) for attempts in range(30)]
    assert all(
        min(LONGEST_WAIT, FIRST_WAIT * 2**attempts) <= wait <= LONGEST_WAIT * 1.25
        for attempts, wait in enumerate(waits)
    )
    assert wait_before(1, "m1", None) != wait_before(1, "m2", None)


def test_a_destination_that_asks_for_longer_gets_it() -> None:
    assert wait_before(0, "m1", 86_400.0) == timedelta(days=1)
    assert wait_before(0, "m1", 1.0) >= FIRST_WAIT
