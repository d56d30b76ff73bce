"""Pace: no faster than a destination takes, and when to try again what it did not take.

`as_of` says which messages are due; how fast they go is measured by the real clock, as providers do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from hub.ledger import Allowances, Trouble
from hub.units import Rate

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
LONGEST_REST = timedelta(hours=1)
LONGEST_ASKED = timedelta(hours=24)

PATIENCE = 90.0
"""Seconds that a run waits for a rate; where it takes longer, the next run goes on."""

GROWING = ("later", "unknown")
"""Troubles after which the wait doubles; what an admin must mend is looked at again soon."""


class Pace:
    """The rates of a destination, shared with every other sender by the ledger. Without rates it never waits.

    Clock and sleep can be given, for a test on a simulated clock.
    """

    def __init__(
        self,
        rates: Sequence[Rate],
        allowances: Allowances,
        connection: str,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rates = rates
        self._allowances = allowances
        self._connection = connection
        self._clock = clock
        self._sleep = sleep
        self.wait = 0.0
        """After how many seconds more may go, once `take` gave none."""

    def take(self, wanted: int) -> int:
        """Wait until more may go, and say how many of `wanted`: none where that takes longer than PATIENCE."""
        if not self._rates:
            return wanted
        waited = 0.0
        while True:
            grant = self._allowances.take(self._connection, self._rates, wanted, self._clock())
            if grant.number:
                return grant.number
            self.wait = grant.wait
            if waited + grant.wait > PATIENCE:
                return 0
            self._sleep(grant.wait)
            waited += max(grant.wait, 0.01)


class RunClock:
    """The moment of a run as it goes on: `as_of`, and the whole minutes that have passed since.

    It never jumps: it counts on the monotonic clock.
    """

    def __init__(self, as_of: datetime, clock: Callable[[], float] = time.monotonic) -> None:
        self._as_of = as_of
        self._clock = clock
        self._began = clock()

    def now(self) -> datetime:
        """Give the moment."""
        return self._as_of + timedelta(minutes=(self._clock() - self._began) // 60)


def wait_before(attempts: int, id_: str, retry_after: float | None, trouble: Trouble = "later") -> timedelta:
    """Say how long a message waits after so many attempts: doubling, spread by its id, and at least what was asked.

    The spread (up to a quarter more) comes from the id and not from chance, so that a replay is the same.
    """
    doubled = min(LONGEST_WAIT, FIRST_WAIT * (1 << min(attempts, 20))) if trouble in GROWING else FIRST_WAIT
    return max(doubled * _spread(id_, attempts), _asked(retry_after))


def rest_after(failures: int, connection: str, retry_after: float | None, trouble: Trouble) -> timedelta:
    """Say how long a destination is left alone after so many failures in a row, in the same manner."""
    if retry_after is not None:
        return _asked(retry_after)
    doubled = min(LONGEST_REST, FIRST_WAIT * (1 << min(failures, 20))) if trouble in GROWING else FIRST_WAIT
    return doubled * _spread(connection, failures)


def _asked(retry_after: float | None) -> timedelta:
    return min(LONGEST_ASKED, timedelta(seconds=min(retry_after or 0.0, LONGEST_ASKED.total_seconds())))


def _spread(name: str, number: int) -> float:
    share = int.from_bytes(sha256(f"{name}:{number}".encode()).digest()[:4], "big") / 2**32
    return 1 + share / 4
