"""Land: bring what a system says into the lake, as it said it, one load package per run.

Everything new of one connection is written as Parquet and becomes visible at once, when the load package is complete;
a run that is killed is completed by the next one. Nothing is merged and nothing is interpreted here.

Each row carries `_dlt_load_id` and `_row` (its place in the load package). Columns get names by `raw_name`. A value of
another type than its column holds puts its row into the table `_rejected`, as text, with the reason.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from hub.contracts import Destination, Source
from hub.errors import InternalError, TemporaryError
from hub.lake import REJECTED, Lake, Load, raw_name
from hub.stages.land.load import load_new


@dataclass(frozen=True)
class LandReport:
    """What one run brought in: `loads` are the load packages it completed, those of a killed run before it included.

    `rows` counts the rows per table, without those set aside; nothing new gives no load at all.
    """

    connection: str
    as_of: datetime
    loads: tuple[str, ...]
    rows: Mapping[str, int] = field(default_factory=dict)
    set_aside: int = 0
    files: int = 0
    seconds: float = 0.0


def land(lake: Lake, connection: str, plugin: Source | Destination, work: Path, as_of: datetime) -> LandReport:
    """Land everything new of one connection; a destination lands its feedback.

    Writes only below `work` and in the lake. Raises TemporaryError when the system stays away or another run is landing
    the same connection, ConfigurationError when the system refuses what the configuration says, PluginError when the
    plugin fails.
    """
    started = time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work / f"{raw_name(connection)}.lock", connection):
        before = lake.completed(connection)
        passed_on = load_new(lake, connection, plugin, work)
        loads = [load for load in lake.loads(connection) if load.load_id not in before]
    rows = _count(lake, loads)
    _reconcile(connection, passed_on, rows)
    return LandReport(
        connection,
        as_of,
        tuple(load.load_id for load in loads),
        {table: count for table, count in rows.items() if table != REJECTED},
        rows.get(REJECTED, 0),
        sum(len(paths) for load in loads for paths in load.files.values()),
        time.perf_counter() - started,
    )


def _count(lake: Lake, loads: Iterable[Load]) -> Counter[str]:
    rows: Counter[str] = Counter()
    for load in loads:
        for table, paths in load.files.items():
            rows[table] += lake.count(paths)
    return rows


def _reconcile(connection: str, passed_on: Mapping[str, int], landed: Mapping[str, int]) -> None:
    """Hold the stage to its law: what went in is in the lake (a killed run before this one may have brought more)."""
    for table, count in passed_on.items():
        if landed.get(table, 0) < count:
            raise InternalError(
                f"{connection}: {count} rows of {table} were read, {landed.get(table, 0)} are in the lake"
            )


@contextmanager
def _alone(path: Path, connection: str) -> Iterator[None]:
    """Hold the lock of a connection; the operating system frees it when the process ends, however it ends."""
    import fcntl

    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TemporaryError(
                f"{connection}: another run is landing this connection; wait until it has finished"
            ) from None
        yield
