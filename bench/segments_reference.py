"""The reference of the benchmark `segments`: hand-written SQL on a mapped warehouse, and what either side came to.

Run as `python -m bench.segments_reference WAREHOUSE AS_OF [THREADS]`.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import duckdb

from bench.generator import AS_OF

_SQL = Path(__file__).parent / "segments" / "reference.sql"


def reference(warehouse: Path, as_of: datetime = AS_OF, threads: int | None = None) -> None:
    """Compute traits, memberships and transitions into a warehouse that has none yet."""
    with duckdb.connect(str(warehouse)) as connection:
        if threads is not None:
            connection.execute(f"SET threads = {threads}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET checkpoint_threshold = '1GB'")
        connection.execute("SET VARIABLE as_of = ?::TIMESTAMPTZ", [as_of])
        connection.execute("BEGIN")
        connection.execute(_SQL.read_text("utf-8"))
        connection.execute("COMMIT")


def outcome(warehouse: Path, traits: list[str]) -> dict[str, int]:
    """Sum up, over everybody, each trait and each segment: equal sums of hashes are equal values."""
    kinds = "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'store' AND table_name = 'trait'"
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        known = dict(connection.execute(kinds).fetchall())
        sums = ", ".join(f"sum(hash(person_id, {_plain(name, known[name])}) % 1000003)" for name in traits)
        found = connection.execute(f"SELECT {sums} FROM store.trait").fetchone() or ()
        members = connection.execute(
            "SELECT segment, count(*), sum(hash(person_id) % 1000003) FROM store.membership GROUP BY ALL"
        ).fetchall()
        transitions = connection.execute("SELECT count(*) FROM store.transition").fetchall()[0][0]
    told = {f"trait {name}": int(total) for name, total in zip(traits, found, strict=True)}
    told |= {f"members of {segment}": int(count) for segment, count, _ in members}
    told |= {f"who is in {segment}": int(total) for segment, _, total in members}
    return {**told, "transitions": int(transitions)}


def _plain(name: str, kind: str) -> str:
    """Write numbers of every kind in one, since 2 and 2.0000 have different hashes."""
    numeric = kind.startswith("DECIMAL") or kind in ("BIGINT", "DOUBLE", "INTEGER", "HUGEINT")
    return f'"{name}"::DECIMAL(18, 4)' if numeric else f'"{name}"'


if __name__ == "__main__":
    reference(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
