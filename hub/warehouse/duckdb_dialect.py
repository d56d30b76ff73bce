"""SQLAlchemy on DuckDB: PostgreSQL's dialect with the few things that differ.

DuckDB's grammar follows PostgreSQL's, so its compiler serves. What differs is below: every name is quoted (DuckDB
reserves words that PostgreSQL does not), values stand in the statement itself, and a DBAPI cursor must stay inside its
connection's transaction, while `duckdb`'s own `cursor()` opens a connection of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import (
    PGCompiler,
    PGDDLCompiler,
    PGDialect,
    PGIdentifierPreparer,
    PGTypeCompiler,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import LRUCache


class Cursor:
    """A cursor whose results are read to the end at once; large results go through Arrow instead."""

    arraysize = 1

    def __init__(self, raw: duckdb.DuckDBPyConnection) -> None:
        self._raw = raw
        self._rows: deque[tuple[Any, ...]] = deque()
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement and take its result in."""
        self._raw.execute(statement, list(parameters))
        self._rows = deque()
        self.rowcount = -1
        self.description = list(self._raw.description or []) or None
        if self.description is None:
            return
        self._rows.extend(self._raw.fetchall())
        if [column[0] for column in self.description] == ["Count"]:
            self.rowcount = self._rows[0][0] if self._rows else 0
            if statement.lstrip()[:6].upper() != "SELECT":
                self.description = None

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many parameters; for small numbers only."""
        for row in parameters:
            self.execute(statement, row)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Return the next rows."""
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def close(self) -> None:
        """Drop the rows that are left."""
        self._rows.clear()


class Connection:
    """A DBAPI connection whose cursors share its transaction."""

    def __init__(self, raw: duckdb.DuckDBPyConnection) -> None:
        self.raw = raw
        self._active = False

    def begin(self) -> None:
        """Start a transaction."""
        self.raw.begin()
        self._active = True

    def cursor(self) -> Cursor:
        """Return a cursor inside this connection's transaction."""
        return Cursor(self.raw)

    def commit(self) -> None:
        """Commit the transaction, if there is one."""
        if self._active:
            self._active = False
            self.raw.commit()

    def rollback(self) -> None:
        """Roll the transaction back, if there is one that the engine has not ended itself."""
        if self._active:
            self._active = False
            try:
                self.raw.rollback()
            except duckdb.TransactionException:  # a failed COMMIT has ended it already
                return

    def close(self) -> None:
        """Close this connection; the database stays open."""
        self.raw.close()


class Compiler(PGCompiler):
    """PostgreSQL's SQL, without what DuckDB does not know."""

    def for_update_clause(self, select: Any, **keywords: Any) -> str:
        """One process owns the file: there is nobody to lock out."""
        return ""

    def visit_bindparam(self, bindparam: Any, *arguments: Any, **keywords: Any) -> str:
        """Write values into the statement when it runs: the first bound one would make `duckdb` import pandas.

        Only many rows for one statement stay bound, as SQLAlchemy asks.
        """
        if not self.for_executemany:
            keywords["literal_execute"] = True
        written: str = super().visit_bindparam(bindparam, *arguments, **keywords)  # type: ignore[no-untyped-call]
        return written

    def render_literal_value(self, value: Any, type_: Any) -> str:
        """Write a value as a constant of the type that it would have if it were bound."""
        match value:
            case None:
                return "NULL"
            case bool():
                return "true" if value else "false"
            case int():
                return str(value)
            case float():
                return f"CAST('{value!r}' AS DOUBLE)"
            case Decimal():
                return f"{value:f}"
            case datetime():
                return f"CAST('{value.isoformat()}' AS {'TIMESTAMP' if value.tzinfo is None else 'TIMESTAMPTZ'})"
            case date():
                return f"CAST('{value.isoformat()}' AS DATE)"
            case str():
                return "'" + value.replace("\x00", "").replace("'", "''") + "'"
        raise sa.exc.CompileError(f"no constant of DuckDB is known for a {type(value).__name__}")


class Preparer(PGIdentifierPreparer):
    """Quotes every name."""

    def _requires_quotes(self, value: str) -> bool:
        return bool(value)


class TypeCompiler(PGTypeCompiler):
    """PostgreSQL's type names, which DuckDB knows too; JSON is text."""

    def visit_JSON(self, type_: Any, **keywords: Any) -> str:
        """JSON is an extension type; text serves on every build."""
        return "TEXT"


OF_ITS_OWN = frozenset({"source_key", "record_id", "linked_to", "value", "original", "email", "phone", "device"})
"""Texts of which nearly every row has one of its own. Looking for repetition in them costs three times what writing
them does, and the file becomes a third smaller at most; so they are kept as they are."""


class DDLCompiler(PGDDLCompiler):
    """PostgreSQL's, with what DuckDB need not compress."""

    def get_column_specification(self, column: sa.Column[Any], **keywords: Any) -> str:
        """Add how the column is kept."""
        written: str = super().get_column_specification(column, **keywords)  # type: ignore[no-untyped-call]
        return f"{written} USING COMPRESSION uncompressed" if column.name in OF_ITS_OWN else written


class Dialect(PGDialect):
    """`duckdb` for SQLAlchemy, without reflection: the hub knows its tables."""

    name = "duckdb"
    driver = "duckdb"
    default_paramstyle = "qmark"
    paramstyle = "qmark"
    statement_compiler = Compiler
    ddl_compiler = DDLCompiler
    preparer = Preparer
    type_compiler_cls = TypeCompiler
    max_identifier_length = 10_000  # DuckDB has no limit, and systems have long names
    supports_statement_cache = True
    supports_server_side_cursors = False
    use_insertmanyvalues = True
    colspecs: Any = {}  # noqa: RUF012 (DuckDB returns Python values already; SQLAlchemy declares the attribute)

    def __eq__(self, other: object) -> bool:
        """Say that two are one, which they are: there is nothing to set, and nothing that a file tells them."""
        return type(other) is type(self)

    def __hash__(self) -> int:
        """Be found in the cache by what another one put there."""
        return hash(type(self))

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """The `duckdb` package."""
        return duckdb

    def initialize(self, connection: sa.Connection) -> None:
        """Ask the engine nothing: version and isolation are fixed."""

    def do_begin(self, dbapi_connection: Any) -> None:
        """DuckDB is in autocommit mode until told otherwise."""
        dbapi_connection.dbapi_connection.begin() if hasattr(
            dbapi_connection, "dbapi_connection"
        ) else dbapi_connection.begin()

    def on_connect(self) -> None:
        """Nothing to set up per connection."""

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """An embedded engine does not hang up."""
        return False


_COMPILED: LRUCache[Any, Any] = LRUCache(1000)
"""Statements in DuckDB's words, for all files that this process opens: the cases of a project open one each."""


def engine(root: duckdb.DuckDBPyConnection) -> sa.Engine:
    """Make an engine whose connections share one open database."""

    def connect(*_: Any, **__: Any) -> DBAPIConnection:
        raw = root.cursor()
        return Connection(raw)  # type: ignore[return-value]  # the protocol lists far more than SQLAlchemy uses

    return sa.create_engine(
        "duckdb://",
        creator=connect,
        poolclass=QueuePool,
        pool_reset_on_return=None,
        pool_size=4,
        execution_options={"compiled_cache": _COMPILED},
    )


sa.dialects.registry.register("duckdb", "hub.warehouse.duckdb_dialect", "Dialect")
