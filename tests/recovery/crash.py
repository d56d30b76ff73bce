"""A run in a process of its own, which HUB_KILL_AT kills (SIGKILL) at a fail point. Used by the tests beside it.

HUB_KILL_AT="answer written" python -m tests.recovery.crash FOLDER ENGINE HOURS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hub.contracts import Place
from hub.ledger import open_ledger
from hub.project import Connection, Project
from hub.schema import BUILT_IN
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.feedback import feedback
from hub.warehouse import open_warehouse
from tests.stages.engagement import CONNECTIONS, KEY, NOW, Recorder, RecorderConfig, gold, project_in


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


if __name__ == "__main__":
    folder, engine, hours = sys.argv[1:]
    run(Path(folder), engine, timedelta(hours=float(hours)) if hours != "none" else None)
