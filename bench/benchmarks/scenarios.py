"""One tick that advances everybody in a scenario of five steps, against hand-written SQL for the same outcome.

Size counts instances. All are at a wait that is over: one in twenty has ordered and is interrupted, one in five has
clicked and ends, the others are split, and half of them get the reminder. Both sides hand the messages over to an
outbox in SQLite. Then a tick in which nothing is due. Wall seconds of the two ticks are told apart from the start of
the process, which loads the project and opens the stores.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.measure import Result, must_agree, python
from bench.walk import registry

PROJECT = Path(__file__).parent.parent / "ticks"
SQL = Path(__file__).parent.parent / "sql"
AS_OF = datetime(2026, 3, 9, 9, tzinfo=UTC)
PROMISED = {"promised_ratio": 3.0, "promised_idle_seconds": 1.0}


def run(size: int, folder: Path) -> Result:
    """Prepare the same state twice, tick on both sides, compare who came where."""
    shutil.rmtree(folder, ignore_errors=True)
    project = project_in(folder / "project")
    print(f"preparing {size} instances ...", flush=True)
    python("-m", "bench.benchmarks.scenarios", "prepare", project, str(size))
    shutil.copyfile(project / ".hub" / "warehouse.duckdb", folder / "reference.duckdb")
    print("the hub's ticks, and the reference's ...", flush=True)
    ours = python("-m", "bench.benchmarks.scenarios", "hub", project, folder / "hub.json")
    theirs = python("-m", "bench.benchmarks.scenarios", "reference", folder, folder / "reference.json")
    found, wanted = (json.loads((folder / f"{side}.json").read_text("utf-8")) for side in ("hub", "reference"))
    must_agree(found["outcome"], wanted["outcome"])
    return Result(
        "scenarios",
        size,
        ours.cpu_seconds,
        theirs.cpu_seconds,
        ours.peak_mib,
        {
            "messages": found["outcome"]["queued"],
            "tick_seconds": round(found["tick_seconds"], 3),
            "idle_tick_seconds": round(found["idle_seconds"], 3),
            "reference_tick_seconds": round(wanted["tick_seconds"], 3),
            "reference_peak_mib": round(theirs.peak_mib, 1),
            **PROMISED,
        },
    )


def project_in(folder: Path) -> Path:
    """Write the project of the benchmark to a folder, and return the folder."""
    shutil.copytree(PROJECT, folder)
    (folder / ".env").write_text("HUB_KEY=signs-links-that-nobody-gets\n", "utf-8")
    return folder


def prepare(folder: Path, size: int) -> None:
    """Fill the project's warehouse as if everybody had got the first mail a week ago."""
    from hub.pipeline import workspace
    from hub.project import load_project
    from hub.stages.decide import decide
    from hub.stages.decide.plan import plans
    from hub.stages.enrich import enrich

    project = load_project(folder, registry())
    (plan,) = plans(project)
    text = (SQL / "ticks.sql").read_text("utf-8").replace("$size", str(size)).replace("$version", f"'{plan.version}'")
    with workspace(project) as stores:
        enrich(stores.warehouse, project, AS_OF)
        decide(stores.warehouse, stores.ledger, project, AS_OF - timedelta(days=1))
        with stores.warehouse.begin() as transaction:
            for statement in text.split(";\n"):
                transaction.execute(sa.text(statement))
        enrich(stores.warehouse, project, AS_OF)
        stores.warehouse.publish()


def tick(folder: Path, report: Path) -> None:
    """Take the two ticks with the hub."""
    from hub.pipeline import workspace
    from hub.project import load_project
    from hub.stages.decide import decide

    project = load_project(folder, registry())
    with workspace(project) as stores:
        started = time.perf_counter()
        decide(stores.warehouse, stores.ledger, project, AS_OF)
        ticked = time.perf_counter()
        decide(stores.warehouse, stores.ledger, project, AS_OF + timedelta(hours=1))
        told = {"tick_seconds": ticked - started, "idle_seconds": time.perf_counter() - ticked}
        with stores.warehouse.begin() as transaction:
            outcome = _outcome(lambda sql: transaction.scalar(sa.text(sql)))
    report.write_text(json.dumps({**told, "outcome": outcome}), "utf-8")


def reference(folder: Path, report: Path) -> None:
    """Take the tick by hand."""
    import duckdb

    with duckdb.connect(str(folder / "reference.duckdb")) as connection:
        started = time.perf_counter()
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false; BEGIN")
        connection.execute((SQL / "tick_reference.sql").read_text("utf-8"))
        connection.execute("COMMIT")
        queued = connection.execute(
            "SELECT decision_id, record_id, consent_key, expires_at::TEXT FROM store.decision WHERE step = 'reminder'"
        )
        with sqlite3.connect(folder / "reference.sqlite") as outbox:
            outbox.execute(
                "CREATE TABLE outbox (id TEXT PRIMARY KEY, record_id TEXT, consent_key TEXT, expires_at TEXT, "
                "scenario TEXT, step TEXT, connection TEXT, channel TEXT, purpose TEXT, template TEXT, priority INT, "
                "queued_at TEXT, state TEXT, attempts INT, updated_at TEXT)"
            )
            while rows := queued.fetchmany(5_000):
                outbox.executemany(
                    "INSERT INTO outbox VALUES (?, ?, ?, ?, 'journey', 'reminder', 'mail', 'email', 'marketing', "
                    "'reminder', 50, '2026-03-09 09:00', 'queued', 0, '2026-03-09 09:00')",
                    rows,
                )
        told = {"tick_seconds": time.perf_counter() - started}
        outcome = _outcome(lambda sql: connection.sql(sql).fetchall()[0][0])
        report.write_text(json.dumps({**told, "outcome": outcome}), "utf-8")


def _outcome(ask: Callable[[str], Any]) -> dict[str, int]:
    asked = {
        "stopped": "SELECT count(*) FROM store.enrolment WHERE status = 'stopped'",
        "done": "SELECT count(*) FROM store.enrolment WHERE status = 'done'",
        "queued": "SELECT count(*) FROM store.decision WHERE step = 'reminder' AND outcome = 'queued'",
    }
    return {name: int(ask(sql)) for name, sql in asked.items()}


if __name__ == "__main__":
    what, first, second = sys.argv[1:]
    if what == "prepare":
        prepare(Path(first), int(second))
    else:
        {"hub": tick, "reference": reference}[what](Path(first), Path(second))
