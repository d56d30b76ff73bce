"""Every kind of source landing the same rows, and whether memory stays when they are ten times as many.

Size counts rows. Each kind lands a tenth of them: JSON lists by page, offset, cursor and link, by GraphQL (a cursor in
a body), and whole (without a cursor of changes); a table of a database (SQLite); a CSV and a Parquet file. A list by
cursor and the table land all of them as well. The references are plain loops: httpx, json and Arrow for a list,
sqlite3 and Arrow for the table, DuckDB for the files. What each costs on a single row is taken off.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

from bench.generator import AS_OF
from bench.measure import Cost, Result, beyond_startup, must_agree, python
from bench.pages import row, serving

SINCE = {"field": "updated_at", "param": "since"}
LISTS: dict[str, dict[str, Any]] = {
    "page": {"paginate": {"by": "page"}, "cursor": SINCE},
    "offset": {"paginate": {"by": "offset", "size": 500}, "cursor": SINCE},
    "cursor": {"paginate": {"by": "cursor", "next": "after", "param": "after"}, "cursor": SINCE},
    "link": {"paginate": {"by": "link", "next": "next"}, "cursor": SINCE},
    "graphql": {
        "body": {"query": "query($after: Int) { events(after: $after) { id } }", "variables": {}},
        "paginate": {"by": "cursor", "next": "after", "param": "variables.after"},
        "cursor": {"field": "updated_at", "param": "variables.since"},
    },
    "whole": {"paginate": {"by": "link", "next": "next"}},
}
REFERENCE = {**dict.fromkeys(LISTS, "loop"), "sql": "sqlite", "csv": "duckdb_csv", "parquet": "duckdb_parquet"}
GROWING = ("cursor", "sql")
TIMES = 10


def run(size: int, folder: Path) -> Result:
    """Land by every kind; `kinds` has rows per CPU second, ratio and peak of each, `peaks` also those of all rows."""
    shutil.rmtree(folder, ignore_errors=True)
    few, many = max(1, size // TIMES), size
    for rows in sorted({1, few, many}):
        _write(rows, folder / str(rows))
    costs = {kind: _cost(kind, few, folder) for kind in REFERENCE}
    references = {name: _cost(name, few, folder) for name in sorted(set(REFERENCE.values()))}
    peaks = {kind: {few: costs[kind].peak_mib, many: _landed(kind, many, folder).peak_mib} for kind in GROWING}
    shutil.rmtree(folder)
    return Result(
        "sources",
        size,
        sum(cost.cpu_seconds for cost in costs.values()),
        sum(references[REFERENCE[kind]].cpu_seconds for kind in costs),
        max(peak for both in peaks.values() for peak in both.values()),
        {
            "kinds": {
                kind: {
                    "rows_per_cpu_second": round(few / cost.cpu_seconds),
                    "ratio": round(cost.cpu_seconds / references[REFERENCE[kind]].cpu_seconds, 2),
                    "peak_mib": round(cost.peak_mib),
                }
                for kind, cost in costs.items()
            },
            "peaks": {kind: {str(rows): round(peak) for rows, peak in both.items()} for kind, both in peaks.items()},
        },
    )


def _cost(kind: str, rows: int, folder: Path) -> Cost:
    print(f"landing {rows} rows: {kind} ...", flush=True)
    whole = _landed(kind, rows, folder)
    return beyond_startup(whole, _landed(kind, 1, folder))


def _landed(kind: str, rows: int, folder: Path) -> Cost:
    target = folder / "landed"
    shutil.rmtree(target, ignore_errors=True)
    given = folder / str(rows)
    if kind in LISTS or kind == "loop":
        with serving(rows) as url:
            cost = python("-m", "bench.benchmarks.sources", kind, url, target)
    else:
        cost = python("-m", "bench.benchmarks.sources", kind, given, target)
    must_agree({kind: rows}, {kind: _count(target)})
    return cost


def _count(landed: Path) -> int:
    import duckdb

    return int(duckdb.sql(f"SELECT count(DISTINCT id) FROM '{landed}/raw_tried/events/*.parquet'").fetchall()[0][0])


def _write(rows: int, folder: Path) -> None:
    """Write so many rows as a database and as files."""
    import duckdb

    folder.mkdir(parents=True)
    database = sqlite3.connect(folder / "events.db")
    database.execute(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, email TEXT, type TEXT, campaign TEXT, amount REAL, "
        "opted_in BOOLEAN, updated_at TEXT)"
    )
    database.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", (tuple(row(number).values()) for number in range(rows))
    )
    database.execute("CREATE INDEX changes ON events (updated_at)")
    database.commit()
    database.close()
    with (folder / "events.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row(number))}\n" for number in range(rows))
    events = f"SELECT * FROM '{folder}/events.jsonl'"
    duckdb.execute(f"COPY ({events}) TO '{folder}/events.csv' (FORMAT csv, HEADER)")
    duckdb.execute(f"COPY ({events}) TO '{folder}/events.parquet' (FORMAT parquet)")
    (folder / "events.jsonl").unlink()


def land(kind: str, given: str, target: Path) -> None:
    """Land the events of the connection `tried` with the hub."""
    from hub.contracts import Place
    from hub.lake import Lake
    from hub.stages.land import land as landing
    from plugins.sources.files import Files, FilesConfig
    from plugins.sources.rest import Rest, RestConfig
    from plugins.sources.sql import Sql, SqlConfig

    place = Place("tried", target)
    if kind in LISTS:
        lists = {"events": {"path": "events", "data": "data", **LISTS[kind]}}
        plugin: Any = Rest(RestConfig.model_validate({"url": given, "allow_private": True, "resources": lists}), place)
    elif kind == "sql":
        url = f"sqlite:///{given}/events.db"
        plugin = Sql(SqlConfig.model_validate({"url": url, "tables": ["events"], "cursor": "updated_at"}), place)
    else:
        plugin = Files(FilesConfig(path=f"{given}/events.{kind}"), place)
    landing(Lake(target), "tried", plugin, target / "work", AS_OF)


def by_hand(kind: str, given: str, target: Path) -> None:
    """Write the same rows as one Parquet file, by a plain loop."""
    out = target / "raw_tried" / "events" / "1.0.parquet"
    out.parent.mkdir(parents=True)
    if kind == "loop":
        _loop(given, out)
    elif kind == "sqlite":
        _from_sqlite(given, out)
    else:
        import duckdb

        format_ = kind.removeprefix("duckdb_")
        read = (
            f"read_csv('{given}/events.csv', all_varchar = true)" if format_ == "csv" else f"'{given}/events.parquet'"
        )
        duckdb.execute(f"COPY (SELECT * FROM {read}) TO '{out}' (FORMAT parquet)")


def _loop(url: str, out: Path) -> None:
    import httpx
    import pyarrow as pa
    import pyarrow.parquet as parquet

    following: str | None = f"{url}/events"
    writer = None
    with httpx.Client(trust_env=False) as client:
        while following:
            page = client.get(following).json()
            table = pa.Table.from_pylist(page["data"])
            writer = writer or parquet.ParquetWriter(out, table.schema)
            writer.write_table(table)
            following = page["next"]
    assert writer is not None
    writer.close()


def _from_sqlite(given: str, out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    found = sqlite3.connect(f"{given}/events.db").execute("SELECT * FROM events ORDER BY updated_at")
    names = [column[0] for column in found.description]
    writer = None
    while rows := found.fetchmany(10_000):
        table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
        writer = writer or parquet.ParquetWriter(out, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


if __name__ == "__main__":
    (land if sys.argv[1] in {*LISTS, "sql", "csv", "parquet"} else by_hand)(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
