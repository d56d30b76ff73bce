"""What the hub's run of the benchmark's project came to, in the same counts as the reference's outcome."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb

_SQL = Path(__file__).parent / "sql" / "hub_outcome.sql"


def outcome(project: Path) -> dict[str, int]:
    """Count in what the hub published, and in its ledger; the names are those of the reference."""
    with duckdb.connect(str(project / ".hub/published.duckdb"), read_only=True) as published:
        counts = {name: int(count) for name, count in published.execute(_SQL.read_text("utf-8")).fetchall()}
    return {**counts, "messages": messages(project)}


def messages(project: Path) -> int:
    """How many messages the hub's destinations have accepted so far."""
    with closing(sqlite3.connect(project / ".hub/ledger.sqlite")) as ledger:
        return int(ledger.execute("SELECT count(*) FROM outbox WHERE state = 'accepted'").fetchone()[0])
