"""How much memory DuckDB takes for data: what is beyond it waits on disk, beside the file, until the run ends.

It is the engine's, and grows with the rows that a stage works on, up to this. What the hub itself holds does not grow.
"""

from __future__ import annotations

from functools import cache

import duckdb

MOST = 4_000_000_000
"""Bytes. A million people with 2.4 million records resolve within it; Python and Arrow take half a GB besides."""

_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


@cache
def memory(most: int = MOST) -> str:
    """Give DuckDB's setting: what it would take by itself, which is four fifths of the machine's, but not too much."""
    with duckdb.connect() as plain:
        ((own,),) = plain.execute("SELECT current_setting('memory_limit')").fetchall()
    number, unit = own.split()
    return f"{min(most, int(float(number) * _UNITS[unit]))}B"
