"""Who is who, by hand: the hub's rules for records that share values, in as few steps as we know.

Works on these tables of a DuckDB connection, which the caller fills:
`who` (record, given, surname, born, gender): what each record says, names as keys for comparing (`name_keys`);
`held` (record, rank, value): values as numbers, by how telling their kind is (1 customer number, 2 card, 3 e-mail,
4 hash of an e-mail, 5 phone, 6 and more: fields that count together), without blocked ones;
`shared` (value, lowest): those that from 2 to 40 records hold, with the smallest of these.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from hub.normalise.likeness import given_name_key, given_name_likeness, surname_key, surname_likeness

_SQL = Path(__file__).parent / "sql"
_LIKENESS = {"same": 3, "near": 2, "far": 1, "other": -1}


def name_keys(connection: duckdb.DuckDBPyConnection, given: str, surname: str) -> None:
    """Write given_key and surname_key (said, key) for every distinct name in these columns of `said`."""
    for name, column, key in (("given_key", given, given_name_key), ("surname_key", surname, surname_key)):
        distinct = connection.execute(f"SELECT DISTINCT {column} FROM said WHERE {column} IS NOT NULL").fetchall()
        names = [written for (written,) in distinct]
        keys = pa.table({"said": pa.array(names, pa.string()), "key": pa.array(map(key, names), pa.string())})
        connection.register("keys", keys)
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT said, key FROM keys")


def put_together(connection: duckdb.DuckDBPyConnection, records: int) -> np.ndarray:
    """Give each record's person: the smallest record of those that are one with it. Records are below `records`."""
    pairs = connection.execute(
        "SELECT record, lowest FROM held JOIN shared USING (value) WHERE record > lowest"
    ).fetchnumpy()
    person = components(records, np.asarray(pairs["record"]), np.asarray(pairs["lowest"]))
    connection.register("roots", pa.table({"record": np.arange(records), "root": person}))
    connection.execute("""
        CREATE TEMP TABLE node AS
        SELECT record, root, record AS person, given, surname, born, gender
        FROM roots LEFT JOIN who USING (record)
        SEMI JOIN (
            SELECT root FROM who JOIN roots USING (record) GROUP BY root
            HAVING min(given) < max(given) OR min(surname) < max(surname)
                OR min(born) < max(born) OR min(gender) < max(gender)
        ) AS differing USING (root)""")
    for record, chosen in _rounds(connection):
        person[record] = chosen
    return person


def components(nodes: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The smallest node that each node is connected with, by label propagation with pointer jumping."""
    label = np.arange(nodes, dtype=np.int64)
    while True:
        least = np.minimum(label[left], label[right])
        changed = label.copy()
        np.minimum.at(changed, label[left], least)
        np.minimum.at(changed, label[right], least)
        changed = changed[changed]
        if np.array_equal(changed, label):
            return label
        label = changed


def _rounds(connection: duckdb.DuckDBPyConnection) -> list[tuple[np.ndarray, np.ndarray]]:
    """Put the records of components that tell different names together, round by round; give (records, persons).

    A component in which nobody joined stays as it is: later rounds look only at the others.
    """
    alike: dict[str, dict[tuple[str, str], int]] = {"given": {}, "surname": {}}
    settled = []
    while True:
        connection.execute((_SQL / "people_meet.sql").read_text("utf-8"))
        _compare(connection, "given", given_name_likeness, alike["given"])
        _compare(connection, "surname", surname_likeness, alike["surname"])
        connection.execute((_SQL / "people_join.sql").read_text("utf-8"))
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


def _compare(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    likeness: Callable[[str, str], str],
    known: dict[tuple[str, str], int],
) -> None:
    """Write a table of (one, other, likeness) for every two names that have met so far."""
    differing = connection.execute(
        f"SELECT DISTINCT low_{name}, high_{name} FROM met WHERE low_{name} <> high_{name}"
    ).fetchall()
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
