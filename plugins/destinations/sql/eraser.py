"""Erasing in a database: rows of the tables that are named are deleted, or made to say nothing of anybody.

All rows of one record go in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from hub.contracts import Erasable, Result
from plugins.destinations.sql.config import ErasedTable


def erase_rows(
    connection: sa.Connection, tables: Mapping[str, tuple[sa.Table, ErasedTable]], records: Sequence[Erasable]
) -> list[Result]:
    """Erase records, each in a transaction of its own. A record of which too little is known is refused."""
    return [_erase(connection, tables, record) for record in records]


def _erase(connection: sa.Connection, tables: Mapping[str, tuple[sa.Table, ErasedTable]], record: Erasable) -> Result:
    statements = []
    for table, said in tables.values():
        found = table.columns[str(said.key or said.email)]
        value = _fitting(found, record.id if said.key is not None else record.email)
        if value is not None:
            same = found == value if said.key is not None else sa.func.lower(found) == value
            statements.append(
                sa.update(table).where(same).values(**said.set) if said.set else sa.delete(table).where(same)
            )
    if not statements:
        return Result(record.key, "rejected", reason="the hub knows neither its key there nor its address")
    try:
        with connection.begin():
            for statement in statements:
                connection.execute(statement)
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        kind = type(error.orig).__name__ if error.orig is not None else type(error).__name__
        return Result(record.key, "rejected", reason=f"the database refuses it ({kind})")
    return Result(record.key, "accepted")


def _fitting(column: sa.Column[Any], value: str) -> Any:
    """Give a value as the column holds it; None where it can't be one of them."""
    if not value:
        return None
    try:
        kind: Callable[[str], Any] = column.type.python_type
        return kind(value)
    except NotImplementedError:
        return value
    except (ValueError, ArithmeticError):
        return None
