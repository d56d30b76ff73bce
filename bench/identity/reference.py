"""The reference for who is who: the best hand-written way to the same people, from the lake to golden records.

Two parts, timed apart: `normalise` (sql/1) and `resolve` (sql/2, `bench.people`, sql/3). The statements are DuckDB's
own SQL; connected components are label propagation on arrays, and how alike two names are is asked of the hub's own
functions, once per pair of names that meet: the rules are the same, only the road is shorter. What the hub does
besides (grey pairs for people to decide, going on from here the next day) it leaves. Run as
`python -m bench.identity.reference LAKE WAREHOUSE OUTCOME`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bench.people import name_keys, put_together

_SQL = Path(__file__).parent / "sql"


def reference(lake: Path, warehouse: Path) -> dict[str, object]:
    """Walk from the lake to golden records in a new DuckDB file.

    Returns `outcome` (counts and digests by name), `normalise_cpu_seconds` and `resolve_cpu_seconds`.
    """
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET force_compression = 'uncompressed'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET VARIABLE lake = ?", [str(lake)])
        # half of the processors, as the hub takes, and one transaction: both cost less than DuckDB's defaults
        connection.execute(f"SET threads = {max(1, (os.cpu_count() or 1) // 2)}")
        started = time.process_time()
        connection.execute("BEGIN")
        connection.execute(_statements("1_normalise"))
        connection.execute("COMMIT")
        normalised = time.process_time()
        _resolve(connection)
        resolved = time.process_time()
        outcome = {name: int(count) for name, count in connection.execute(_statements("outcome")).fetchall()}
    return {
        "outcome": outcome,
        "normalise_cpu_seconds": normalised - started,
        "resolve_cpu_seconds": resolved - normalised,
    }


def _resolve(connection: duckdb.DuckDBPyConnection) -> None:
    name_keys(connection, "coalesce(nullif(given_name, ''), initials)", "nullif(surname, '')")
    connection.execute(_statements("2_values"))
    records = connection.execute("SELECT max(record) + 1 FROM record").fetchall()[0][0]
    person = put_together(connection, records)
    connection.register("record_person", pa.table({"record": np.arange(records), "person": person}))
    connection.execute(_statements("3_people"))


def _statements(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text("utf-8")


if __name__ == "__main__":
    told = reference(Path(sys.argv[1]), Path(sys.argv[2]))
    Path(sys.argv[3]).write_text(json.dumps(told, indent=1), "utf-8")
