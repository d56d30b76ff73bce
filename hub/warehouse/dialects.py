"""Dialects: how a project's engine spells a statement, for readers that have no connection."""

from __future__ import annotations

import sqlalchemy as sa


def dialect_of(engine: str) -> sa.Dialect:
    """Give the dialect of an engine as hub.yaml names it."""
    if engine == "duckdb":
        from hub.warehouse.duckdb_dialect import Dialect

        return Dialect()  # type: ignore[no-untyped-call]
    from sqlalchemy.dialects import postgresql

    return postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
