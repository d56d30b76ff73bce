"""The reference for who is who: the best hand-written way to the same people, from the lake's files to golden records.

Two parts, timed apart: `normalise` (sql/1) and `resolve` (sql/2 to 5). The statements are DuckDB's own SQL; connected
components are label propagation on arrays, and how alike two names are is asked of the hub's own functions, once per pair
of names that meet: the rules are the same, only the road is shorter. Run as
`python -m bench.identity.reference LAKE WAREHOUSE OUTCOME`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bench.reference import components
from hub.normalise.likeness import given_name_key, given_name_likeness, surname_key, surname_likeness

_SQL = Path(__file__).parent / "sql"
_LIKENESS = {"same": 3, "near": 2, "far": 1, "other": -1}


def reference(lake: Path, warehouse: Path) -> dict[str, object]:
    """Walk from the lake to golden records in a new DuckDB file.

    Returns `outcome` (counts and digests by name), `normalise_cpu_seconds` and `resolve_cpu_seconds`.
    """
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET force_compression = 'uncompressed'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET VARIABLE lake = ?", [str(lake)])
        started = time.process_time()
        connection.execute(_statements("1_normalise"))
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
    _keys(connection, "given_key", "coalesce(nullif(given_name, ''), initials)", given_name_key)
    _keys(connection, "surname_key", "nullif(surname, '')", surname_key)
    connection.execute(_statements("2_values"))
    records = connection.execute("SELECT max(record) + 1 FROM record").fetchall()[0][0]
    pairs = connection.execute(
        "SELECT record, lowest FROM held JOIN shared USING (value) WHERE record > lowest"
    ).fetchnumpy()
    person = components(records, np.asarray(pairs["record"]), np.asarray(pairs["lowest"]))
    connection.register("roots", pa.table({"record": np.arange(records), "root": person}))
    connection.execute("""
        CREATE TEMP TABLE node AS
        SELECT record, root, record AS person, given, surname, born, gender
        FROM who JOIN roots USING (record)
        SEMI JOIN (
            SELECT root FROM who JOIN roots USING (record) GROUP BY root
            HAVING min(given) < max(given) OR min(surname) < max(surname) OR min(born) < max(born) OR min(gender) < max(gender)
        ) AS differing USING (root)""")
    settled = _agree(connection)
    people = connection.execute("SELECT record, root FROM roots WHERE record > 0").fetchnumpy()
    final = np.arange(records, dtype=np.int64)
    final[people["record"]] = people["root"]
    for record, chosen in settled:
        final[record] = chosen
    connection.register("record_person", pa.table({"record": np.arange(records), "person": final}))
    connection.execute(_statements("5_people"))


def _agree(connection: duckdb.DuckDBPyConnection) -> list[tuple[np.ndarray, np.ndarray]]:
    """Put the records of components that tell different names together, round by round; give (records, persons).

    A component in which nobody joined stays as it is: later rounds look only at the others.
    """
    alike: dict[str, dict[tuple[str, str], int]] = {"given": {}, "surname": {}}
    settled = []
    while True:
        connection.execute(_statements("3_round"))
        _compare(connection, "given", given_name_likeness, alike["given"])
        _compare(connection, "surname", surname_likeness, alike["surname"])
        connection.execute(_statements("4_join"))
        nodes = connection.execute("SELECT record, root, person FROM node").fetchnumpy()
        edges = connection.execute("SELECT root, one, other FROM edge").fetchnumpy()
        moving = np.isin(nodes["root"], edges["root"])
        settled.append((nodes["record"][~moving], nodes["person"][~moving]))
        if not len(edges["root"]):
            return settled
        numbers, place = np.unique(np.concatenate([edges["one"], edges["other"]]), return_inverse=True)
        half = len(edges["one"])
        into = numbers[components(len(numbers), place[:half], place[half:])]
        connection.register("joined", pa.table({"person": numbers, "into": into}))
        connection.execute("""
            CREATE OR REPLACE TEMP TABLE node AS
            SELECT record, root, coalesce("into", person) AS person, given, surname, born, gender
            FROM node LEFT JOIN joined USING (person) SEMI JOIN edge USING (root)""")


def _keys(connection: duckdb.DuckDBPyConnection, name: str, column: str, key: Callable[[str], str | None]) -> None:
    """Write a table of (said, key) for every distinct name."""
    distinct = connection.execute(f"SELECT DISTINCT {column} FROM said WHERE {column} IS NOT NULL").fetchall()
    names = [written for (written,) in distinct]
    keys = pa.table({"said": pa.array(names, pa.string()), "key": pa.array(map(key, names), pa.string())})
    connection.register(f"{name}s", keys)
    connection.execute(f"CREATE TEMP TABLE {name} AS SELECT said, key FROM {name}s")


def _compare(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    likeness: Callable[[str, str], str],
    known: dict[tuple[str, str], int],
) -> None:
    """Write a table of (one, other, likeness) for every two names that have met so far."""
    differing = connection.execute(f"SELECT DISTINCT low_{name}, high_{name} FROM met WHERE low_{name} <> high_{name}").fetchall()
    known |= {pair: _LIKENESS[likeness(*pair)] for pair in differing if pair not in known}
    one, other = zip(*known, strict=True) if known else ((), ())
    table = pa.table(
        {
            "one": pa.array(one, pa.string()),
            "other": pa.array(other, pa.string()),
            "likeness": pa.array(known.values(), pa.int64()),
        }
    )
    connection.register(f"{name}_likeness", table)


def _statements(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text("utf-8")


if __name__ == "__main__":
    told = reference(Path(sys.argv[1]), Path(sys.argv[2]))
    Path(sys.argv[3]).write_text(json.dumps(told, indent=1), "utf-8")
