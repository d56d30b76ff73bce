"""The hub's side of the identity benchmark: a project that lands, maps and resolves, and what each step cost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from bench.measure import Cost, MeasurementError, python

PROJECTS = Path(__file__).parent
_SPLINK_RECORDS = Path(__file__).parent / "sql" / "splink_records.sql"
_WHOSE = """
    SELECT record_id, min(record_id) OVER (PARTITION BY person_id) AS first FROM source_record ORDER BY record_id"""


@dataclass(frozen=True)
class Steps:
    """What one walk cost: CPU seconds of mapping and of resolving, and the highest peak of memory of both."""

    normalise: float
    resolve: float
    peak_mib: float


def prepare(folder: Path, template: str = "project") -> Path:
    """Copy one of the benchmark's projects to a folder that does not exist yet, and return it."""
    shutil.copytree(PROJECTS / template, folder)
    (folder / ".env").write_text("HUB_KEY=signs-links-that-nobody-gets\n", "utf-8")
    return folder


def walk(project: Path, as_of: datetime) -> Steps:
    """Land what is new, then map and resolve, each in a process of its own."""
    _stages(project, as_of, ["land"])
    mapped, map_cpu = _stages(project, as_of, ["map"])
    resolved, resolve_cpu = _stages(project, as_of, ["resolve"])
    return Steps(map_cpu, resolve_cpu, max(mapped.peak_mib, resolved.peak_mib))


def resolve_again(project: Path, as_of: datetime) -> Steps:
    """Resolve what is mapped once more, in a process of its own, after a change of the rules."""
    cost, cpu = _stages(project, as_of, ["resolve"])
    return Steps(0.0, cpu, cost.peak_mib)


def next_day(project: Path) -> int:
    """Lay what changed the next day beside the first files; return how many rows that is."""
    rows = 0
    for path in sorted((project / "raw/day").glob("*/*.parquet")):
        shutil.copy(path, project / "raw" / path.parent.name / path.name)
        rows += int(duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall()[0][0])
    return rows


def must_be_the_same_people(one: Path, other: Path) -> None:
    """Refuse two projects that put records together differently: raise MeasurementError with the number that differ."""
    with duckdb.connect() as connection:
        for name, project in (("one", one), ("other", other)):
            connection.execute(f"ATTACH '{project}/.hub/published.duckdb' AS {name} (READ_ONLY)")
            connection.execute(f"CREATE TEMP TABLE whose_{name} AS {_WHOSE.replace('FROM ', f'FROM {name}.')}")
        differ = connection.execute(
            "SELECT count(*) FROM whose_one FULL JOIN whose_other USING (record_id) "
            "WHERE whose_one.first IS DISTINCT FROM whose_other.first"
        ).fetchall()[0][0]
    if differ:
        raise MeasurementError(f"what changed in one day and everything at once disagree on {differ} records")


def export(project: Path, records: Path) -> None:
    """Write what the hub resolves as the records that Splink compares."""
    with duckdb.connect(str(project / ".hub/published.duckdb"), read_only=True) as published:
        published.execute(f"COPY ({_SPLINK_RECORDS.read_text('utf-8')}) TO '{records}' (FORMAT parquet)")


def _stages(project: Path, as_of: datetime, stages: Sequence[str]) -> tuple[Cost, float]:
    report = project.parent / f"{project.name}.report.json"
    cost = python("-m", "bench.walk", project, report, as_of.isoformat(), *stages)
    told = json.loads(report.read_text("utf-8"))
    return cost, sum(stage["cpu_seconds"] for stage in told.values())
