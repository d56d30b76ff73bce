"""The reference: the best hand-written SQL for the main job, from the lake's Parquet files to deliveries.

The statements lie in `sql/`, one file per stage, in the order of their numbers. Identity alone leaves SQL: connected
components by label propagation on arrays are several times cheaper than the same in joins. Run as
`python -m bench.reference LAKE WAREHOUSE OUTCOME [THREADS]`; DuckDB chooses their number where it is left out.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from bench.generator import AS_OF
from bench.people import name_keys, put_together

BATCH = 1000
Key = tuple[str, int]
_SQL = Path(__file__).parent / "sql"


def reference(lake: Path, warehouse: Path, as_of: datetime = AS_OF, threads: int | None = None) -> dict[str, int]:
    """Walk from the lake to deliveries in a new DuckDB file and return the outcome: counts by name.

    A `warehouse` that exists already is refused by its first CREATE TABLE: the reference knows only the full run.
    """
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if threads is not None:
            connection.execute(f"SET threads = {threads}")
        connection.execute("SET force_compression = 'uncompressed'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET VARIABLE lake = ?", [str(lake)])
        connection.execute("SET VARIABLE as_of = ?::TIMESTAMPTZ", [as_of])
        connection.execute(_statements("1_records"))
        _identify(connection)
        for stage in ("3_facts", "4_metrics", "5_profile", "6_segments", "7_deliveries"):
            connection.execute(_statements(stage))
        _deliver(connection)
        return {name: int(count) for name, count in connection.execute(_statements("outcome")).fetchall()}


def _identify(connection: duckdb.DuckDBPyConnection) -> None:
    """Write record_person: each record's person is the smallest record number among those that are one with it."""
    name_keys(connection, "nullif(given_name, '')", "nullif(surname, '')")
    connection.execute(_statements("2_links"))
    records = connection.execute("SELECT count(*) FROM said").fetchall()[0][0]
    person = put_together(connection, records)
    pairs = pa.table({"record": np.arange(records, dtype=np.int64), "person": person})
    connection.register("pairs", pairs)
    connection.execute("CREATE TABLE record_person AS SELECT record, person FROM pairs")


def _deliver(connection: duckdb.DuckDBPyConnection) -> None:
    """Hand every difference and every message to a destination that accepts all of it; keep what it took."""
    taken: list[Key] = []
    rows = connection.execute(
        "SELECT audience, person, operation, email, phone, given_name FROM delivery LEFT JOIN person USING (person)"
    )
    while page := rows.fetchmany(BATCH):
        taken += _accept(
            [
                ((audience, person), {"operation": operation, "email": email, "phone": phone, "first_name": name})
                for audience, person, operation, email, phone, name in page
            ]
        )
    accepted = pa.table({"audience": [audience for audience, _ in taken], "person": [person for _, person in taken]})
    connection.register("accepted", accepted)
    connection.execute(_statements("8_acknowledge"))
    messages = connection.execute(
        "SELECT scenario, person, address, given_name, content FROM message JOIN person USING (person)"
    )
    while page := messages.fetchmany(BATCH):
        _accept([((scenario, person), _render(*rest)) for scenario, person, *rest in page])


def _accept(batch: list[tuple[Key, dict[str, Any]]]) -> list[Key]:
    """Stand for a destination: take everything, and tell the keys."""
    return [key for key, _ in batch]


def _render(address: str, name: str | None, content: str) -> dict[str, Any]:
    category = json.loads(content)["category"]
    offer = f" op {category}" if category != "any" else ""
    text = f"Beste {name or ''},\n\nOp je eerste bestelling krijg je 15% korting{offer}.\n"
    return {"to": address, "subject": "Welkom", "text": text}


def _statements(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text("utf-8")


if __name__ == "__main__":
    outcome = reference(Path(sys.argv[1]), Path(sys.argv[2]), threads=int(sys.argv[4]) if sys.argv[4:] else None)
    Path(sys.argv[3]).write_text(json.dumps(outcome, indent=1), "utf-8")
