"""Inserting rows that may be there already, in the one spelling that SQLite and PostgreSQL share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose primary key is not there yet; return how many those were."""
    if not rows:
        return 0
    before = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()) - int(before)
