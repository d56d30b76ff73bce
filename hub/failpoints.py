"""Fail points: named steps between which a process may be killed, for the tests that do so.

Off in production: without the environment variable HUB_KILL_AT, which only tests set, `reach` does nothing.

    HUB_KILL_AT="answer written"        dies (SIGKILL) when it comes there
    HUB_KILL_AT="answer written*3"      the third time it comes there
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import Lock

ENGAGING = (
    "consent withdrawn, nothing settled",
    "suppressed, messages not moved",
    "moved, not marked as applied",
    "applied, loads not finished",
    "woken, not branched",
    "branched, nothing queued",
    "queued, not committed",
    "decided, nothing handed over",
    "handed over, not marked",
    "marked as handed over",
    "abandoned, nothing asked",
    "asked, answer not written",
    "about to look",
    "looked, not withdrawn",
    "about to say sending",
    "sending, before the call",
    "sent, answer not written",
    "answer written",
    "destination fails, not written",
    "rows about to be posted",
    "rows posted, answer not written",
    "rows posted, answer written",
    "run of a sync begun, nothing sent",
    "rows about to go",
    "rows taken, not noted",
    "rows sent, not acknowledged",
    "rows written, not committed",
    "rows acknowledged",
    "run of a sync told, not remembered",
    "plan begun, not written",
    "override noted, nothing sent",
    "plan holds, nothing sent",
)
"""The steps of a run, in their order; the last ones are those of a plan and of applying it."""
ERASING = (
    "erasure asked, log not told",
    "erasure asked, nothing done",
    "erased at systems, not here",
    "erased in the warehouse, not in the lake",
    "erased in the lake, not in the ledger",
    "file written anew, not in place",
    "erased everywhere, no receipt",
)
"""The steps of erasing people, in their order."""
RECEIVING = (
    "push judged, not kept",
    "push written, not committed",
    "push kept, not answered",
    "push answered",
    "pushes taken, not read",
    "pushes landed, not let go",
    "pushes let go",
)
"""The steps of what another system pushes, in their order: from its request until it is in the lake."""
POINTS = (*ENGAGING, *ERASING, *RECEIVING)
"""Every step that has a name."""

_lock = Lock()
_armed: dict[str, int] = {}


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


_then: Callable[[], None] = die


def arm(point: str, then: Callable[[], None] = die) -> None:
    """Let this process die at a point, as HUB_KILL_AT names it; or do something else there."""
    global _then
    name, _, times = point.partition("*")
    if name not in POINTS:
        raise ValueError(f"there is no fail point '{name}'")
    _armed[name] = int(times or 1)
    _then = then


def disarm() -> None:
    """Let nothing happen at any point."""
    _armed.clear()


def reach(point: str) -> None:
    """Say that a step is reached."""
    if not _armed:
        return
    with _lock:
        if point not in _armed:
            return
        _armed[point] -= 1
        if _armed[point]:
            return
        del _armed[point]
    _then()


if "HUB_KILL_AT" in os.environ:
    arm(os.environ["HUB_KILL_AT"])
