"""The segments and the ticks of the other benchmarks on PostgreSQL, beside the same on DuckDB: all must come out equal.

Size counts persons, and instances of the scenario. Both engines start from the same raw files. Every trait of every
person, every membership, every transition and every message are compared. Costs are CPU seconds of the hub for traits
and segments, the next day and the ticks, those of the server included: it stands on this machine too, configured as it
comes but for not waiting for the disk. What single parts take is told in wall seconds.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import duckdb
import psutil
import sqlalchemy as sa

from bench.benchmarks import scenarios, segments
from bench.generator import AS_OF
from bench.measure import Cost, Result, must_agree, python
from bench.segments_reference import outcome
from bench.walk import registry
from hub.people.traits import plan_traits
from hub.pipeline import workspace
from hub.project import Project, load_project
from hub.warehouse.reading import reading
from tests.postgres import admin, server

ENGINES = ("postgresql", "duckdb")
TOMORROW = AS_OF + timedelta(days=1)


@dataclass
class Side:
    """What one engine came to, and what it took."""

    outcome: dict[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    peak_mib: float = 0.0
    walls: dict[str, float] = field(default_factory=dict)

    def add(self, cost: Cost) -> None:
        """Count what a process took."""
        self.cpu_seconds += cost.cpu_seconds
        self.peak_mib = max(self.peak_mib, cost.peak_mib)


def run(size: int, folder: Path) -> Result:
    """Take both engines through the same days, and compare what they came to."""
    shutil.rmtree(folder, ignore_errors=True)
    with server() as url:
        ours, theirs = (_side(engine, size, folder / engine, url) for engine in ENGINES)
    must_agree(ours.outcome, theirs.outcome)
    return Result(
        "engines",
        size,
        ours.cpu_seconds,
        theirs.cpu_seconds,
        ours.peak_mib,
        {
            "equal": len(ours.outcome),
            **{f"{name}_seconds": round(seconds, 3) for name, seconds in ours.walls.items()},
            **{f"duckdb_{name}_seconds": round(seconds, 3) for name, seconds in theirs.walls.items()},
        },
    )


def _side(engine: str, size: int, folder: Path, url: str) -> Side:
    """Walk the days of both benchmarks on one engine."""
    side, report, told = Side(), folder / "report.json", folder / "told.json"
    project, journey = segments.project_in(folder / "segments", size), scenarios.project_in(folder / "scenarios")
    if engine == "postgresql":
        for place in (project, journey):
            _put_on(place, url)
    print(f"{engine}: landing, mapping, resolving ...", flush=True)
    python("-m", "bench.walk", project, report, AS_OF.isoformat(), "land", "map", "resolve")
    side.walls["map_and_resolve"] = _wall(report, "map", "resolve")
    print(f"{engine}: traits, segments, and those of the next day ...", flush=True)
    with _and_its_server(side, engine, url):
        for name, day in (("traits_and_segments", AS_OF), ("next_day", TOMORROW)):
            side.add(python("-m", "bench.walk", project, report, day.isoformat(), "enrich", "segment"))
            side.walls[name] = _wall(report, "enrich", "segment")
    print(f"{engine}: ticks ...", flush=True)
    python("-m", "bench.benchmarks.scenarios", "prepare", journey, str(size))
    with _and_its_server(side, engine, url):
        side.add(python("-m", "bench.benchmarks.scenarios", "hub", journey, report))
    ticked = json.loads(report.read_text("utf-8"))
    side.walls |= {"tick": ticked["tick_seconds"], "idle_tick": ticked["idle_seconds"]}
    python("-m", "bench.benchmarks.engines", project, journey, told)
    print(json.dumps(side.walls), flush=True)
    side.outcome |= json.loads(told.read_text("utf-8"))
    return side


def _put_on(project: Path, url: str) -> None:
    """Give a project a database of its own on a server, for its warehouse and its ledger."""
    engine = admin(url)
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{project.name}"'))
    engine.dispose()
    database = sa.make_url(url).set(database=project.name).render_as_string(hide_password=False)
    with (project / "hub.yaml").open("a", encoding="utf-8") as file:
        file.write(f'engine: "{database}"\nledger: "{database}"\n')


@contextmanager
def _and_its_server(side: Side, engine: str, url: str) -> Iterator[None]:
    """Count what the server takes meanwhile too, where there is one; its sessions have ended when it is looked at."""
    if engine != "postgresql":
        yield
        return
    asking = admin(url)
    with asking.connect() as connection:
        backend = psutil.Process(connection.scalar(sa.text("SELECT pg_backend_pid()")))
        postmaster = backend.parent()
    asking.dispose()
    before = _cpu(postmaster)
    yield
    side.cpu_seconds += _cpu(postmaster) - before


def _cpu(process: psutil.Process) -> float:
    """Give the CPU seconds of a process and of those that it started and that have ended."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _wall(report: Path, *stages: str) -> float:
    told = json.loads(report.read_text("utf-8"))
    return sum(float(told[stage]["wall_seconds"]) for stage in stages)


def came_to(segmented: Path, journey: Path, told: Path) -> None:
    """Sum up what both projects have come to: equal sums of hashes are equal rows."""
    copy = told.parent / "copied.duckdb"
    project = load_project(segmented, registry())
    traits = plan_traits(project, TOMORROW).table()
    schema = project.schema
    _copied(project, copy, {"trait": traits, **{name: schema.table(name) for name in ("membership", "transition")}})
    summed = outcome(copy, [column.name for column in traits.c if column.name != "person_id"])
    ticked = load_project(journey, registry())
    _copied(ticked, copy, {"decision": ticked.schema.table("decision"), "enrolment": ticked.schema.table("enrolment")})
    with duckdb.connect(str(copy)) as connection:
        # engines write the same JSON with other spaces
        connection.execute("UPDATE store.decision SET content = json(content), address = json(address)")
        for name in ("transition", "decision", "enrolment"):
            rows = connection.sql(f"SELECT count(*), sum(hash(COLUMNS(*)) % 1000003) FROM store.{name}")
            for column, total in zip(("rows", *rows.columns[1:]), rows.fetchall()[0], strict=True):
                summed[f"{name}: {column}"] = int(total or 0)
    told.write_text(json.dumps(summed), "utf-8")


def _copied(project: Project, copy: Path, tables: Mapping[str, sa.FromClause]) -> None:
    """Copy tables of a project's warehouse into a file of DuckDB."""
    with workspace(project) as stores:
        stores.warehouse.publish()
    with (
        reading(project.hub.engine, project.schema, project.state) as published,
        duckdb.connect(str(copy)) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA IF NOT EXISTS store")
        for name, table in tables.items():
            connection.register("rows", published.arrow(sa.select(*table.c)))
            connection.execute(f"CREATE TABLE store.{name} AS SELECT * FROM rows")


if __name__ == "__main__":
    came_to(*map(Path, sys.argv[1:]))
