"""A run in a process of its own that is killed (SIGKILL) at a named point. Used by the tests beside it.

    python -m tests.recovery.crash FOLDER ENGINE POINT

The point wraps one step of the real code and kills the process right before or right after it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from hub.contracts import Place
from hub.ledger import open_ledger
from hub.ledger.outbox import Outbox
from hub.ledger.reactions import Reactions
from hub.ledger.suppression import Suppressions
from hub.project import Connection, Project
from hub.schema import BUILT_IN
from hub.stages.activate import activate
from hub.stages.activate.sync import _Run
from hub.stages.decide import decide
from hub.stages.feedback import feedback
from hub.warehouse import open_warehouse
from tests.stages.engagement import CONNECTIONS, KEY, NOW, Recorder, RecorderConfig, gold, project_in

POINTS: dict[str, tuple[Any, str, str]] = {
    "woken, not branched": (import_module("hub.stages.decide.advance"), "_choose", "before"),
    "branched, nothing queued": (import_module("hub.stages.decide.advance"), "_choose", "after"),
    "queued, not committed": (import_module("hub.stages.decide.queue"), "_leave_send", "after"),
    "decided, nothing handed over": (Outbox, "add", "before"),
    "handed over, not marked": (Outbox, "add", "after"),
    "about to say sending": (Outbox, "start", "before"),
    "sending, before the call": (Recorder, "send", "before"),
    "sent, answer not written": (Outbox, "settle", "before"),
    "answer written": (Outbox, "settle", "after"),
    "rows sent, not acknowledged": (_Run, "_remember", "before"),
    "rows acknowledged": (_Run, "_remember", "after"),
    "consent withdrawn, nothing settled": (Suppressions, "add", "before"),
    "suppressed, messages not moved": (Outbox, "move", "before"),
    "moved, not marked as applied": (Reactions, "add", "before"),
    "applied, loads not finished": (Reactions, "finish", "before"),
}


def project(folder: Path, window: timedelta | None) -> Project:
    """Give the same project to the process that is killed and to the one that goes on."""
    made = project_in(folder, syncs=[gold()])
    configs = {**CONNECTIONS, "mail": RecorderConfig(channel="email", window=window, batch_size=2)}
    connections = {
        name: Connection(name, Recorder, config, Place(name, folder, KEY)) for name, config in configs.items()
    }
    return replace(made, connections=connections)


def run(folder: Path, engine: str, window: timedelta | None, later: timedelta = timedelta(0)) -> Any:
    """Walk feedback, decide and activate on the stores in a folder."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    ledger = open_ledger("sqlite" if engine == "duckdb" else engine, folder / ".hub")
    try:
        feedback(warehouse, ledger, project(folder, window), NOW + later)
        decide(warehouse, ledger, project(folder, window), NOW + later)
        return activate(warehouse, ledger, project(folder, window), NOW + later)
    finally:
        ledger.close()
        warehouse.close()


def kill_at(point: str) -> None:
    """Let this process die when it comes to a point."""
    owner, name, when = POINTS[point]
    step: Callable[..., Any] = getattr(owner, name)

    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        if when == "after":
            step(*arguments, **keywords)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    folder, engine, hours, point = sys.argv[1:]
    kill_at(point)
    run(Path(folder), engine, timedelta(hours=float(hours)) if hours != "none" else None)
