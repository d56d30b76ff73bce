"""Pace: no faster than a destination takes, and when to try again what it did not take."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)


class Pace:
    """A token bucket that holds one second's worth: `wait_for(n)` returns when n more may go.

    Without a rate it never waits. Clock and sleep can be given, for a test on a simulated clock.
    """

    def __init__(
        self,
        per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def wait_for(self, number: int) -> None:
        """Wait until `number` more may go."""
        if self._rate is None:
            return
        now = self._clock()
        self._free_at = max(self._free_at, now - 1.0)
        self._free_at += number / self._rate
        if self._free_at > now:
            self._sleep(self._free_at - now)

    def batch(self, size: int) -> int:
        """Say how many may go in one call: not more than one second's worth."""
        return size if self._rate is None else max(1, min(size, int(self._rate)))


def wait_before(attempts: int, id_: str, retry_after: float | None) -> timedelta:
    """Say how long a message waits after so many attempts: doubling, spread by its id, and at least what was asked.

    The spread (up to a quarter more) comes from the id and not from chance, so that a replay is the same.
    """
    doubled = min(LONGEST_WAIT, FIRST_WAIT * (1 << min(attempts, 20)))
    spread = int.from_bytes(sha256(f"{id_}:{attempts}".encode()).digest()[:4], "big") / 2**32
    return max(doubled * (1 + spread / 4), timedelta(seconds=retry_after or 0))
