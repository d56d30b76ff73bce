"""Generate the benchmark's raw data: six systems' exports of one made-up population.

The population is written by DuckDB from hashes of row numbers (`world.sql`), so a seed gives
the same files on any machine with any number of threads. What is true lies in a folder of its
own (`truth/`), which no pipeline reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
"""The moment all data lies before; `world.sql` counts back from it."""

CROWD_SHARE = 0.001
"""The share of CRM records that hold the shop's own phone number: a crowd, not a person."""

CROWD_LEAST = 60
"""Small populations have at least this many in the crowd, so that a limit of 40 always applies."""

_SQL = Path(__file__).parent / "sql"


def generate(folder: Path, persons: int, seed: int = 1, threads: int | None = None) -> Path:
    """Write the raw files of `persons` people under a folder and return the folder.

    Files: crm/contacts, shop/customers, shop/products, shop/orders, shop/order_lines, mailings/events and web/events as
    Parquet, erp/debtors as CSV (`;`, Dutch amounts), truth/persons and truth/records as Parquet. The same persons and
    seed give the same rows in the same order, whatever the number of threads.
    """
    variables = {"persons": persons, "seed": seed, "crowd": max(CROWD_SHARE, CROWD_LEAST / persons)}
    return draw(folder, [_SQL / "dice.sql", _SQL / "world.sql"], _SQL / "shapes.sql", variables, threads)


def draw(
    folder: Path, scripts: Sequence[Path], shapes: Path, variables: Mapping[str, object], threads: int | None = None
) -> Path:
    """Make a world by SQL scripts in memory, write each of its shapes as a file under a folder, and return the folder.

    A shape is a SELECT below a line `-- folder/file.parquet` (or `.csv`, which is written with `;`).
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if threads is not None:
            connection.execute(f"SET threads = {threads}")
        for name, value in variables.items():
            connection.execute(f"SET VARIABLE {name} = ?", [value])
        for script in scripts:
            connection.execute(script.read_text("utf-8"))
        for name, query in _shapes(shapes).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            form = "FORMAT csv, HEADER, DELIMITER ';'" if path.suffix == ".csv" else "FORMAT parquet, COMPRESSION zstd"
            connection.execute(f"COPY ({query}) TO '{path}' ({form})")
    return folder


def _shapes(path: Path) -> dict[str, str]:
    """The statements of a file of shapes by the file that each one writes."""
    parts = re.split(r"^-- (\S+/\S+\.(?:parquet|csv))$", path.read_text("utf-8"), flags=re.MULTILINE)
    return {name: query.strip().rstrip(";") for name, query in zip(parts[1::2], parts[2::2], strict=True)}
