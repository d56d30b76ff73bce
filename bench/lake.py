"""Lay the raw files down as the hub's landing does: one folder per connection, one Parquet file per table and load.

A lake made this way lets the reference and the tests run without the hub.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

LOAD_ID = "1793491200.0"


def lay_down(raw: Path, lake: Path) -> Path:
    """Copy every raw file to `<lake>/raw_<connection>/<table>/<load id>.0.parquet` and return the lake.

    Columns stay as the source gave them, plus `_dlt_load_id`; CSV files become all text.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for path in sorted(raw.glob("*/*")):
            if path.parent.name == "truth":
                continue
            target = lake / f"raw_{path.parent.name}" / path.stem / f"{LOAD_ID}.0.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            rows = f"read_csv('{path}', delim = ';', all_varchar = true)" if path.suffix == ".csv" else f"'{path}'"
            connection.execute(
                f"COPY (SELECT *, '{LOAD_ID}' AS _dlt_load_id FROM {rows}) TO '{target}' (FORMAT parquet)"
            )
    return lake
