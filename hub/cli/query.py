"""`hub query`: read-only SQL over what the last run published, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.published import ask

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

SHOWN = 200
"""Rows that the table on the terminal shows; CSV and JSON have all of them."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")
"""What a spreadsheet takes for the start of a formula."""


def query(folder: Path | None, sql: str, as_csv: bool, raw: bool) -> Answer:
    """Run one statement on the published tables."""
    found = ask(open_project(folder), sql)
    if as_csv:
        return Answer(None, lambda _: _csv(found, raw))
    rows = found.to_pylist()
    return Answer(rows, lambda console: _table(console, found.column_names, rows))


def _csv(found: pa.Table, raw: bool) -> None:
    """Write CSV: for people with values that a spreadsheet would run made harmless, for machines unchanged."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.column_names)
    for batch in found.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            writer.writerow([_text(value if raw else harmless(value)) for value in row.values()])


def harmless(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would run as a formula; what is a number stays one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _table(console: Console, names: list[str], rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in names:
        number = any(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in rows[:SHOWN])
        table.add_column(Text(name), justify="right" if number else "left", overflow="fold")
    for row in rows[:SHOWN]:
        table.add_row(*(Text(printable(_text(row[name]))) for name in names))
    console.print(table)
    more = f"; the first {SHOWN} are shown, --format csv has all" if len(rows) > SHOWN else ""
    console.print(f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}{more}")


def printable(text: str) -> str:
    """Take control characters out: values come from strangers, and a terminal obeys them."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
