"""Reading what the last run published, in sets of any size, beside a run that writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from hub.schema import Schema
from hub.schema.shape import STORE
from hub.warehouse.warehouse import Transaction


@contextmanager
def reading(engine: str, schema: Schema, state: Path) -> Iterator[Transaction]:
    """Open what was published of a project's warehouse; what it gives can't be written to.

    Raises ConfigurationError when nothing is published yet, TemporaryError when the server does not answer.
    """
    if engine == "duckdb":
        from hub.warehouse import duckdb

        with duckdb.published(state / duckdb.PUBLISHED) as connection, connection.begin():
            yield duckdb.DuckDBTransaction(connection, schema)
        return
    from hub.warehouse.postgresql import PostgreSQLTransaction, PostgreSQLWarehouse

    warehouse = PostgreSQLWarehouse(schema, engine)
    try:
        with warehouse.engine.connect() as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            yield PostgreSQLTransaction(connection, schema)
            connection.rollback()
    finally:
        warehouse.close()


def columns_of(transaction: Transaction, table: str) -> frozenset[str]:
    """Name the columns that a stored table really has: a project may have grown since the last run."""
    column = sa.table("columns", *map(sa.column, ("table_schema", "table_name", "column_name")), schema=INFORMATION)
    mine = sa.and_(column.c.table_schema == STORE, column.c.table_name == table)
    return frozenset(row[0] for row in transaction.rows(sa.select(column.c.column_name).where(mine)))


INFORMATION = "information_schema"
