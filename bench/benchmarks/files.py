"""Landing CSV and Parquet through the source `files`, against DuckDB's own reader writing the same Parquet.

Size counts rows of the web events. Both sides read the same file and leave the same rows as Parquet; what each costs on
a single row (imports, above all) is taken off, because it does not grow with the data.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import duckdb

from bench.generator import AS_OF, generate
from bench.measure import Cost, Result, beyond_startup, must_agree, python

ROWS_PER_PERSON = 10
PROMISED_RATIO = 2.0


def run(size: int, folder: Path) -> Result:
    """Land both formats; `more` has the ratio of each and the rows per CPU second."""
    shutil.rmtree(folder, ignore_errors=True)
    _write_exports(size, folder)
    ours, theirs = {}, {}
    for kind in ("csv", "parquet"):
        print(f"landing {size} rows of {kind} ...", flush=True)
        ours[kind] = _cost("hub", kind, folder)
        theirs[kind] = _cost("duckdb", kind, folder)
        must_agree({kind: _rows(folder / "hub" / kind)}, {kind: _rows(folder / "duckdb" / kind)})
    cpu, reference_cpu = (sum(cost.cpu_seconds for cost in side.values()) for side in (ours, theirs))
    return Result(
        "files",
        size,
        cpu,
        reference_cpu,
        max(cost.peak_mib for cost in ours.values()),
        {
            **{f"{kind}_ratio": round(ours[kind].cpu_seconds / theirs[kind].cpu_seconds, 3) for kind in ours},
            **{f"{kind}_rows_per_cpu_second": round(size / ours[kind].cpu_seconds) for kind in ours},
            "promised_ratio": PROMISED_RATIO,
        },
    )


def _write_exports(size: int, folder: Path) -> None:
    """Write `<folder>/exports/{all,one}/events.{csv,parquet}`: all rows, and a single one to measure the start with."""
    raw = generate(folder / "raw", -(-size // ROWS_PER_PERSON))
    for name, limit in (("all", size), ("one", 1)):
        (folder / "exports" / name).mkdir(parents=True)
        for kind, form in (("csv", "FORMAT csv, HEADER"), ("parquet", "FORMAT parquet")):
            events = f"SELECT * FROM '{raw}/web/events.parquet' LIMIT {limit}"
            duckdb.execute(f"COPY ({events}) TO '{folder}/exports/{name}/events.{kind}' ({form})")


def _cost(side: str, kind: str, folder: Path) -> Cost:
    costs = {}
    for name in ("one", "all"):
        target = folder / side / kind / name
        costs[name] = python("-m", "bench.benchmarks.files", side, folder / f"exports/{name}/events.{kind}", target)
    return beyond_startup(costs["all"], costs["one"])


def _rows(landed: Path) -> int:
    return int(duckdb.sql(f"SELECT count(*) FROM '{landed}/all/raw_web/events/*.parquet'").fetchall()[0][0])


def land_with_hub(file: Path, target: Path) -> None:
    """Land one file as the connection `web`."""
    from hub.contracts import Place
    from hub.lake import Lake
    from hub.stages.land import land
    from plugins.sources.files import Files, FilesConfig

    source = Files(FilesConfig(path=str(file)), Place("web", file.parent))
    land(Lake(target), "web", source, target / "work", AS_OF)


def land_with_duckdb(file: Path, target: Path) -> None:
    """Read one file with DuckDB, CSV as text, and write it as Parquet."""
    rows = f"read_csv('{file}', all_varchar = true)" if file.suffix == ".csv" else f"'{file}'"
    (target / "raw_web/events").mkdir(parents=True)
    duckdb.execute(
        f"COPY (SELECT *, '1' AS _dlt_load_id FROM {rows}) TO '{target}/raw_web/events/1.0.parquet' (FORMAT parquet)"
    )


if __name__ == "__main__":
    {"hub": land_with_hub, "duckdb": land_with_duckdb}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
