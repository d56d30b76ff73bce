"""How a request that changes nothing is asked again while the other side is busy or away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import TemporaryError

if TYPE_CHECKING:
    import tenacity

LONGEST_WAIT = 60.0
"""Seconds: who asks for a longer pause than this is asked again after it nevertheless."""


def patiently(attempts: int, first: float = 0.5) -> tenacity.Retrying:
    """Call something up to `attempts` times while it raises TemporaryError, and raise the last of these.

    It waits as long as the error's `retry_after` says, a minute at most; else `first` seconds, doubling. Any other
    error ends it at once. Use it as `patiently(4)(function, argument)`.
    """
    import tenacity  # not where the module is imported: the command line starts without it

    def pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TemporaryError) else None
        return min(asked, LONGEST_WAIT) if asked is not None else float(first * 2 ** (state.attempt_number - 1))

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TemporaryError),
        stop=tenacity.stop_after_attempt(attempts),
        wait=pause,
        reraise=True,
    )
