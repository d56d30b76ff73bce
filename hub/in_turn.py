"""In turn: a batch that takes several requests; each has its result, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from hub.contracts import Result, Status
from hub.errors import ConfigurationError, RejectedError, TemporaryError
from hub.outgoing import NoAnswerError

Part = TypeVar("Part")

SILENCES = 3
"""After so many requests in a row without an answer, the rest of a batch waits."""


def in_turn(
    parts: Iterable[Part], ids: Callable[[Part], Sequence[str]], hand_over: Callable[[Part], Sequence[Result]]
) -> list[Result]:
    """Hand parts over one after the other; give a result for each of their `ids`, also where `hand_over` raises.

    RejectedError   the part is rejected, and the next one goes
    NoAnswerError   it is unknown; after three in a row the rest is not tried
    TemporaryError  the other side is away or takes nothing now: it is later, and so is the rest, which is not tried

    What an admin must mend is raised before anything went. After that it is why the rest waits: what was taken already
    must not go again.
    """
    results: list[Result] = []
    silences, over, wait = 0, "", None

    def all_are(part: Part, status: Status, reason: str) -> list[Result]:
        return [Result(id_, status, reason=reason, retry_after=wait) for id_ in ids(part)]

    for part in parts:
        if over:
            results += all_are(part, "later", over)
            continue
        try:
            results += hand_over(part)
            silences = 0
        except RejectedError as error:
            results += all_are(part, "rejected", str(error))
        except NoAnswerError as error:
            silences += 1
            over = f"not tried: {error}" if silences == SILENCES else ""
            results += all_are(part, "unknown", str(error))
        except TemporaryError as error:
            over, wait = str(error), error.retry_after
            results += all_are(part, "later", over)
        except ConfigurationError as error:
            if not results:
                raise
            over = str(error)
            results += all_are(part, "later", over)
    return results
