"""How a request that changes nothing is asked again while the other side is busy or away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hub.errors import TemporaryError

if TYPE_CHECKING:
    import tenacity


class Clock:
    """What waits go by."""

    def now(self) -> float:
        """Say how many seconds it is since 1970."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Come back after so many seconds."""
        time.sleep(max(0.0, seconds))


clock = Clock()
"""The clock of this process; `hub.testing.no_waiting` puts one in its place that waiting moves."""

LONGEST_WAIT = 60.0
"""Seconds: what asks to be left alone for longer is left to a next run."""


def patiently(attempts: int, first: float = 0.5) -> tenacity.Retrying:
    """Call something up to `attempts` times while it raises TemporaryError, and raise the last of these.

    It waits as long as the error's `retry_after` says, else `first` seconds, doubling. Any other error ends it at once,
    and so does a `retry_after` of more than LONGEST_WAIT. Use it as `patiently(4)(function, argument)`.
    """
    import tenacity  # not where the module is imported: the command line starts without it

    def pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TemporaryError) else None
        return asked if asked is not None else float(first * 2 ** (state.attempt_number - 1))

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_soon_over),
        stop=tenacity.stop_after_attempt(attempts),
        wait=pause,
        sleep=lambda seconds: clock.wait(seconds),  # the clock of that moment
        reraise=True,
    )


def _soon_over(error: BaseException) -> bool:
    return isinstance(error, TemporaryError) and (error.retry_after or 0.0) <= LONGEST_WAIT
