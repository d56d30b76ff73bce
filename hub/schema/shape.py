"""The form of the schema: tables, columns, references; and its translation into SQLAlchemy.

Stored tables live in the database schema `store`. Beside them, in the default schema, stand views of the same
names for people: they add `person_id` to everything that belongs to a record, so that a merge or a split of two
people changes one row of `store.source_record` and no row of the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import sqlalchemy as sa

Type = Literal["text", "integer", "number", "boolean", "date", "timestamp"]

STORE = "store"

SQL_TYPES: Mapping[Type, sa.types.TypeEngine] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "number": sa.Numeric(18, 4),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": sa.DateTime(timezone=True),
}


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means, and the table whose source key it holds, if it refers to one."""

    name: str
    type: Type
    summary: str = ""
    references: str | None = None


@dataclass(frozen=True)
class Table:
    """One table of the shared schema.

    `mapped`: admins fill it through mappings; it then starts with the columns of `PROVENANCE`.
    `personal`: its rows belong to a record of a person (`record_id`).
    `time`: the column that says when it happened; traits count windows over it and scenarios start from it.
    `key`: the columns that make a row unique.
    """

    name: str
    group: str
    summary: str
    columns: tuple[Column, ...]
    mapped: bool = True
    personal: bool = False
    time: str | None = None
    key: tuple[str, ...] = ("connection", "source_key")
    custom: bool = False

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """Give the columns with those that provenance adds."""
        if not self.mapped:
            return self.columns
        return PROVENANCE + ((RECORD,) if self.personal and self.name != "source_record" else ()) + self.columns

    def column(self, name: str) -> Column | None:
        """Find a column by its name, provenance included."""
        return next((column for column in self.all_columns if column.name == name), None)


PROVENANCE = (
    Column("connection", "text", "The connection that the row came from."),
    Column("source_key", "text", "The row's own key in that system."),
    Column("source_time", "timestamp", "When the system last changed the row; the newest wins."),
    Column("load_id", "text", "The load package in the lake that holds the raw row."),
)
RECORD = Column("record_id", "text", "The record of the person it belongs to: `connection:key`.", "source_record")


class Schema:
    """All tables of a project: the built-in ones with the columns and tables that its admins added."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = {table.name: table for table in tables}

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __getitem__(self, name: str) -> Table:
        return self._tables[name]

    def get(self, name: str) -> Table | None:
        """Return a table, or None."""
        return self._tables.get(name)

    @property
    def mapped(self) -> tuple[Table, ...]:
        """Give the tables that mappings fill."""
        return tuple(table for table in self if table.mapped)

    def extended(self, columns: Mapping[str, Iterable[Column]], tables: Sequence[Table]) -> Schema:
        """Return this schema with further columns on its tables and further tables; itself where there are none."""
        if not (columns or tables):
            return self
        grown = [replace(table, columns=table.columns + tuple(columns.get(table.name, ()))) for table in self]
        return Schema([*grown, *tables])

    @cached_property
    def sql(self) -> sa.MetaData:
        """Give the stored tables as SQLAlchemy tables, by the name `store.<table>`."""
        metadata = sa.MetaData(schema=STORE)
        for table in self:
            sa.Table(
                table.name,
                metadata,
                *(sa.Column(column.name, SQL_TYPES[column.type]) for column in table.all_columns),
                info={"key": table.key},
            )
        return metadata

    def table(self, name: str) -> sa.Table:
        """Return the SQLAlchemy table of a name."""
        return self.sql.tables[f"{STORE}.{name}"]
