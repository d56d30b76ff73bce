"""Waits that take no time: what a test of a busy server, a rate or a Retry-After needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hub import patience


class QuickClock(patience.Clock):
    """The time of this machine, and what has been waited for on top of it. `waited` counts those seconds."""

    def __init__(self) -> None:
        self.waited = 0.0

    def now(self) -> float:
        """Say what time it is, with all waits behind us."""
        return time.time() + self.waited

    def wait(self, seconds: float) -> None:
        """Move the clock, and come back at once."""
        self.waited += max(0.0, seconds)


@contextmanager
def no_waiting() -> Iterator[QuickClock]:
    """Within, nothing that goes by `hub.patience` waits: a clock moves instead."""
    quick, before = QuickClock(), patience.clock
    patience.clock = quick
    try:
        yield quick
    finally:
        patience.clock = before
