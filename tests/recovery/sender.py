"""One of several senders, in a process of its own; it begins when told so on its standard input.

python -m tests.recovery.sender WAREHOUSE_FOLDER LEDGER_FOLDER ENGINE PROVIDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hub.ledger import open_ledger
from hub.schema import BUILT_IN
from hub.stages.activate import activate
from hub.warehouse import open_warehouse
from tests.recovery.mailroom import project
from tests.stages.engagement import NOW


def main(folder: Path, ledger_folder: Path, engine: str, url: str) -> None:
    """Send what is due."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    ledger = open_ledger("sqlite" if engine == "duckdb" else engine, ledger_folder / ".hub")
    print("ready", flush=True)
    sys.stdin.readline()
    report = activate(warehouse, ledger, project(folder, url), NOW)
    print(json.dumps(dict(report.counts)))
    ledger.close()
    warehouse.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
