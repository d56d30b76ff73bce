"""One year of all scenarios, day by day, on the history of so many persons; promised for 100,000.

Size counts persons. Landing, mapping and resolving are done before and not timed. The reference is one hand-written
statement for the same scenario: it knows the whole year at once, and nothing of other scenarios and the traits that
they read, which the hub brings up to every day. Both must tell the same entries and messages.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path

from bench.generator import AS_OF, generate
from bench.measure import Result, must_agree, python
from bench.walk import registry

ROOT = Path(__file__).parent.parent
SQL = ROOT / "sql" / "simulate_reference.sql"
SCENARIO = "after_order"
LAST = AS_OF.date() - timedelta(days=10)
YEAR = 365
PROMISED = {"promised_wall_seconds_per_100000": 300, "promised_peak_mib": 6144}


def run(size: int, folder: Path, days: int = YEAR) -> Result:
    """Prepare the history, simulate a year (or so many days), compare entries and messages."""
    first = LAST - timedelta(days=days - 1)
    project = folder / "project"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "project", project)
    shutil.copytree(ROOT / "simulation", project, dirs_exist_ok=True)
    (project / ".env").write_text("HUB_KEY=signs-links-that-nobody-gets\n", "utf-8")
    print(f"generating {size} persons ...", flush=True)
    generate(project / "raw", size)
    print("landing, mapping, resolving ...", flush=True)
    python("-m", "bench.walk", project, folder / "walk.json", AS_OF.isoformat(), "land", "map", "resolve")
    print(f"simulating {first} to {LAST} ...", flush=True)
    ours = python("-m", "bench.benchmarks.simulate", "hub", project, folder / "hub.json", first)
    theirs = python("-m", "bench.benchmarks.simulate", "reference", project, folder / "reference.json", first)
    found, wanted = (json.loads((folder / f"{side}.json").read_text("utf-8")) for side in ("hub", "reference"))
    must_agree(found["outcome"], wanted["outcome"])
    return Result(
        "simulate",
        size,
        ours.cpu_seconds,
        theirs.cpu_seconds,
        ours.peak_mib,
        {
            **found["outcome"],
            "days": days,
            "wall_seconds": round(ours.wall_seconds, 3),
            "seconds_per_day": round(found["seconds"] / days, 4),
            **PROMISED,
        },
    )


def simulated(folder: Path, first: date) -> dict[str, object]:
    """Simulate with the hub."""
    from hub.project import load_project
    from hub.simulation import simulate

    started = time.perf_counter()
    found = simulate(load_project(folder, registry()), SCENARIO, first, LAST)
    outcome = {"entries": found.entries, "messages": sum(found.messages.values())}
    return {"seconds": time.perf_counter() - started, "outcome": outcome}


def reference(folder: Path, first: date) -> dict[str, object]:
    """Count by hand."""
    import duckdb

    started = time.perf_counter()
    moments = {
        "first": datetime.combine(first, datetime.min.time()),
        "last": datetime.combine(LAST, datetime.min.time()),
    }
    with duckdb.connect(str(folder / ".hub" / "published.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'Europe/Amsterdam'")
        entries, messages = connection.execute(SQL.read_text("utf-8"), moments).fetchall()[0]
    return {"seconds": time.perf_counter() - started, "outcome": {"entries": entries, "messages": messages}}


if __name__ == "__main__":
    told = {"hub": simulated, "reference": reference}[sys.argv[1]](Path(sys.argv[2]), date.fromisoformat(sys.argv[4]))
    Path(sys.argv[3]).write_text(json.dumps(told), "utf-8")
