"""Landing pages of a JSON API through the source `rest`, against a plain loop: httpx, json, Arrow, Parquet.

Size counts rows. The server runs in a process of its own and does not count; neither does what each side costs on a
single row (imports, above all).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bench.generator import AS_OF
from bench.measure import Cost, Result, beyond_startup, must_agree, python
from bench.pages import serving

PROMISED_ROWS_PER_CPU_SECOND = 50_000


def run(size: int, folder: Path) -> Result:
    """Land all pages on both sides; `more` has the rows per CPU second."""
    shutil.rmtree(folder, ignore_errors=True)
    print(f"landing {size} rows of JSON pages ...", flush=True)
    ours, theirs = _cost("hub", size, folder), _cost("loop", size, folder)
    must_agree({"rows": _rows(folder / "hub")}, {"rows": _rows(folder / "loop")})
    return Result(
        "rest",
        size,
        ours.cpu_seconds,
        theirs.cpu_seconds,
        ours.peak_mib,
        {
            "rows_per_cpu_second": round(size / ours.cpu_seconds),
            "reference_rows_per_cpu_second": round(size / theirs.cpu_seconds),
            "promised_rows_per_cpu_second": PROMISED_ROWS_PER_CPU_SECOND,
        },
    )


def _cost(side: str, size: int, folder: Path) -> Cost:
    costs = {}
    for name, rows in (("one", 1), ("all", size)):
        with serving(rows) as url:
            costs[name] = python("-m", "bench.benchmarks.rest", side, url, folder / side / name)
    return beyond_startup(costs["all"], costs["one"])


def _rows(landed: Path) -> int:
    import duckdb

    return int(duckdb.sql(f"SELECT count(DISTINCT id) FROM '{landed}/all/raw_api/events/*.parquet'").fetchall()[0][0])


def land_with_hub(url: str, target: Path) -> None:
    """Land the list `events` of the connection `api`, by its cursor."""
    from hub.contracts import Place
    from hub.lake import Lake
    from hub.stages.land import land
    from plugins.sources.rest import Rest, RestConfig

    config = RestConfig.model_validate(
        {
            "url": url,
            "allow_private": True,
            "resources": {
                "events": {
                    "path": "events",
                    "data": "data",
                    "paginate": {"by": "link", "next": "next"},
                    "cursor": {"field": "updated_at", "param": "updated_since"},
                }
            },
        }
    )
    land(Lake(target), "api", Rest(config, Place("api", target)), target / "work", AS_OF)


def land_with_a_loop(url: str, target: Path) -> None:
    """Read page after page, make each an Arrow table, and write one Parquet file."""
    import httpx
    import pyarrow as pa
    import pyarrow.parquet as parquet

    (target / "raw_api/events").mkdir(parents=True)
    following: str | None = f"{url}/events"
    tables = []
    with httpx.Client(trust_env=False) as client:
        while following:
            page = client.get(following).json()
            tables.append(pa.Table.from_pylist(page["data"]))
            following = page["next"]
    parquet.write_table(pa.concat_tables(tables), target / "raw_api/events/1.0.parquet")


if __name__ == "__main__":
    {"hub": land_with_hub, "loop": land_with_a_loop}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
