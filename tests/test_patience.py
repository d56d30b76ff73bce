"""Asking again: as often and as long as told, and only what may get better by itself."""

from __future__ import annotations

import pytest

from hub.errors import RejectedError, TemporaryError
from hub.patience import LONGEST_WAIT, patiently


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Sleep no time, and tell how long it would have been."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


class Answers:
    """Gives one answer after the other; raises those that are errors."""

    def __init__(self, *answers: Exception | str) -> None:
        self.left = list(answers)

    def __call__(self) -> str:
        answer = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_who_is_busy_is_asked_again_after_pauses_that_double(slept: list[float]) -> None:
    busy = TemporaryError("busy")
    assert patiently(4)(Answers(busy, busy, busy, "here")) == "here"
    assert slept == [0.5, 1.0, 2.0]


def test_who_says_how_long_is_left_alone_so_long(slept: list[float]) -> None:
    asked = (TemporaryError("busy", retry_after) for retry_after in (7.0, 0.0, LONGEST_WAIT))
    assert patiently(4)(Answers(*asked, "here")) == "here"
    assert slept == [7.0, 0.0, LONGEST_WAIT]


def test_who_asks_for_longer_than_a_run_waits_is_left_to_the_next_run(slept: list[float]) -> None:
    with pytest.raises(TemporaryError, match="come back tomorrow"):
        patiently(4)(Answers(TemporaryError("come back tomorrow", LONGEST_WAIT + 1), "never asked"))
    assert slept == []


def test_the_last_error_is_raised_when_the_attempts_are_used_up(slept: list[float]) -> None:
    last = TemporaryError("still busy")
    with pytest.raises(TemporaryError) as raised:
        patiently(2, first=0.25)(Answers(TemporaryError("busy"), last, "too late"))
    assert raised.value is last
    assert slept == [0.25]


def test_what_will_not_get_better_is_asked_once(slept: list[float]) -> None:
    with pytest.raises(RejectedError):
        patiently(4)(Answers(RejectedError("no"), "never asked"))
    assert slept == []
