"""The warehouse: the shared schema and everything derived from it, on one of several engines.

Stages work in a `Transaction`: they build SQLAlchemy Core statements and the engine does the work. What engines do
differently (reading the lake's Parquet, streaming Arrow in and out, publishing to readers) is behind it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.schema import CreateSchema, CreateTable

from hub.schema import Schema, Table
from hub.schema.shape import STORE

if TYPE_CHECKING:
    import pyarrow as pa


class Transaction(ABC):
    """One unit of work: all of it becomes visible, or nothing."""

    TEMPORARY: ClassVar[str] = ""
    """What goes before the name of a temporary table where a view may have the same: a table of the project's own."""

    def __init__(self, connection: sa.Connection, schema: Schema) -> None:
        self.connection = connection
        self.schema = schema
        self._held_once: dict[str, sa.TableClause] = {}
        self._held_rows: dict[str, int] = {}
        self._held: set[str] = set()

    def table(self, name: str) -> sa.Table:
        """Return a stored table of the shared schema."""
        return self.schema.table(name)

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run a statement; small results only."""
        if isinstance(statement, sa.UpdateBase) and isinstance(statement.table, sa.TableClause):
            self._held_rows.pop(statement.table.name, None)
        return self.connection.execute(statement, parameters)

    def scalar(self, statement: sa.Executable) -> Any:
        """Return the first column of the first row, or None."""
        return self.connection.execute(statement).scalar()

    def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """Return a small result as rows."""
        return self.connection.execute(statement).all()

    def count(self, source: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> int:
        """Count rows; those of a table as `hold` left it are known."""
        if not conditions and type(source) is sa.TableClause and source.name in self._held_rows:
            return self._held_rows[source.name]
        return int(self.scalar(sa.select(sa.func.count()).select_from(source).where(*conditions)) or 0)

    @abstractmethod
    def arrow(self, statement: sa.Select[Any] | sa.CompoundSelect[Any], batch: int = 50_000) -> pa.RecordBatchReader:
        """Stream a result of any size as Arrow record batches; read it to its end inside the transaction."""

    @abstractmethod
    def load(self, name: str, data: pa.Table | pa.RecordBatchReader) -> sa.TableClause:
        """Put Arrow data into a temporary table `name`, replacing an earlier one, and return it."""

    @abstractmethod
    def raw(self, name: str, files: Sequence[str], columns: Mapping[str, pa.DataType]) -> sa.FromClause:
        """Give Parquet files of the lake as a relation; columns that a file lacks are null."""

    @abstractmethod
    def exists(self, name: str, stored: bool = False) -> bool:
        """Say whether a table exists: a temporary one, or one in `store`."""

    def hold(self, name: str, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> sa.TableClause:
        """Keep the result of a query in a temporary table `name`, replacing an earlier one, and return it."""
        self._held_rows[name] = self._renew(name, query)
        self._held.add(name)
        self._analyze(name)
        return clause(name, query)

    def hold_once(self, name: str, parts: Callable[[], Sequence[sa.Select[Any]]]) -> sa.TableClause:
        """Keep the results of queries, put together, that come to the same throughout this transaction: asked once."""
        if name not in self._held_once:
            first, *others = parts()
            held = self.hold(name, first)
            for query in others:
                self.execute(sa.insert(held).from_select([column.name for column in held.c], query))
            if others:
                self._analyze(name)
            self._held_once[name] = held
        return self._held_once[name]

    def forget_held_once(self) -> None:
        """Let go of what was held once: nobody asks for it again in this transaction."""
        self.let_go(*self._held_once.values())
        self._held_once.clear()

    def end_part(self) -> None:
        """Commit what was done so far and go on: what was let go gives its memory back, what is held stays.

        For transactions that write nothing but temporary tables: an engine keeps those that were dropped until the end.
        """
        own: Any = self.connection.connection.dbapi_connection
        own.commit()
        self._begin_again(own)

    def _begin_again(self, own: Any) -> None:  # noqa: B027 (most drivers begin by themselves)
        """Begin a transaction of the driver."""

    def recall(self, name: str, query: sa.Select[Any]) -> sa.TableClause:
        """Give the result of a query that only reads: kept, or read anew each time where that is cheaper."""
        return self.hold(name, query)

    def let_go(self, *held: sa.TableClause) -> None:
        """Drop temporary tables that are needed no longer, before the transaction ends."""
        for table in held:
            self.connection.execute(sa.text(f'DROP TABLE IF EXISTS {self.TEMPORARY}"{table.name}"'))

    def let_go_all(self) -> None:
        """Drop every temporary table of this transaction: they would outlive it, and take memory."""
        self.let_go(*map(sa.table, sorted(self._held)))
        self._held.clear()

    def view(self, name: str, query: sa.Select[Any]) -> sa.FromClause:
        """Give a query without parameters a name, under which later statements of this transaction read it."""
        return query.subquery(name)

    def replace(self, name: str, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> None:
        """Make the result of a query the stored table `name`, in place of what it held (its columns may change)."""
        self.connection.execute(sa.text(f'DROP VIEW IF EXISTS "{name}"'))
        self.connection.execute(sa.text(f'DROP TABLE IF EXISTS "{STORE}"."{name}__next"'))
        self._create_as(f'TABLE "{STORE}"."{name}__next"', query)
        self.connection.execute(sa.text(f'DROP TABLE IF EXISTS "{STORE}"."{name}"'))
        self.connection.execute(sa.text(f'ALTER TABLE "{STORE}"."{name}__next" RENAME TO "{name}"'))
        self.connection.execute(sa.text(f'CREATE VIEW "{name}" AS SELECT * FROM "{STORE}"."{name}"'))

    def merge(
        self,
        table: sa.Table,
        source: sa.FromClause,
        newer: str | None = None,
        older: str | None = None,
        insert_only: bool = False,
    ) -> None:
        """Bring rows into a stored table by its key: insert what is new, update what differs.

        `source` has columns of `table` (those it lacks stay as they are, or null) and at most one row per key.
        With `newer`, a stored row whose value there is greater than the source's stays as it is; with `older`, one
        whose value there is not greater.
        """
        key: tuple[str, ...] = table.info["key"]
        given = [column.name for column in source.c if column.name in table.c]
        rest = [name for name in given if name not in key]
        quote = self.connection.dialect.identifier_preparer.quote
        on = " AND ".join(f"t.{quote(name)} = s.{quote(name)}" for name in key)
        text = f"MERGE INTO {STORE}.{quote(table.name)} AS t USING {self._relation(source)} AS s ON {on}"
        if rest and not insert_only:
            changed = " OR ".join(f"t.{quote(name)} IS DISTINCT FROM s.{quote(name)}" for name in rest)
            guard = ""
            if newer is not None:
                guard = f" AND (t.{quote(newer)} IS NULL OR s.{quote(newer)} >= t.{quote(newer)})"
            elif older is not None:
                guard = f" AND s.{quote(older)} < t.{quote(older)}"
            updates = ", ".join(f"{quote(name)} = s.{quote(name)}" for name in rest)
            text += f" WHEN MATCHED AND ({changed}){guard} THEN UPDATE SET {updates}"
        names = ", ".join(quote(name) for name in given)
        values = ", ".join(f"s.{quote(name)}" for name in given)
        text += f" WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        self.connection.exec_driver_sql(text)

    def _relation(self, source: sa.FromClause) -> str:
        if isinstance(source, sa.TableClause):
            return self.connection.dialect.identifier_preparer.format_table(source)
        return f"({self._literal(source)})"

    def _literal(self, query: sa.ClauseElement) -> str:
        return str(query.compile(dialect=self.connection.dialect, compile_kwargs={"literal_binds": True}))

    @abstractmethod
    def _create_as(self, what: str, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> int: ...

    def _renew(self, name: str, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> int:
        """Make a temporary table in place of an earlier one of its name; return how many rows it has."""
        self.connection.execute(sa.text(f'DROP TABLE IF EXISTS {self.TEMPORARY}"{name}"'))
        return self._create_as(f'TEMPORARY TABLE "{name}"', query)

    def _analyze(self, name: str) -> None:  # noqa: B027 (most engines keep statistics themselves)
        """Give the planner statistics of a temporary table, where the engine does not keep them itself."""


class Warehouse(ABC):
    """A store of one project on one engine."""

    name: str

    def __init__(self, schema: Schema, engine: sa.Engine, transaction: Callable[..., Transaction]) -> None:
        self.schema = schema
        self.engine = engine
        self._transaction = transaction

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Work in one transaction: committed at the end of the block, rolled back on an error."""
        with self.engine.begin() as connection:
            yield self._transaction(connection, self.schema)

    def prepare(self) -> None:
        """Create what is missing: tables, columns, views. Costs one look when nothing changed."""
        wanted = fingerprint(self.schema)
        with self.begin() as transaction:
            grown = transaction.exists("stage_state", stored=True)
            if grown:
                state = self.schema.table("stage_state")
                found = transaction.scalar(sa.select(state.c.fingerprint).where(state.c.stage == "schema"))
                if found == wanted:
                    return
            self._create(transaction, grown)
            state = self.schema.table("stage_state")
            transaction.execute(sa.delete(state).where(state.c.stage == "schema"))
            transaction.execute(sa.insert(state).values(stage="schema", fingerprint=wanted))

    def _create(self, transaction: Transaction, grown: bool) -> None:
        """Say it in one go: that many small statements take longer to hand over than to run."""
        kind: Callable[[], sa.Dialect] = type(transaction.connection.dialect)
        transaction.connection.exec_driver_sql(_written_out(self.schema, kind, self._indexes, grown))

    @staticmethod
    def _indexes(table: Table) -> Sequence[str]:
        """Index the key where the engine needs it for merging; DuckDB merges without."""
        return ()

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Be the one run that writes, for the length of the block. Raises TemporaryError while another one is."""
        yield

    @abstractmethod
    def publish(self, news: bool = True) -> None:
        """Let readers see what was committed so far; without news only what a killed run left unpublished."""

    @abstractmethod
    def scrub(self, tables: Collection[str]) -> None:
        """Make what was deleted from these tables unreadable in the engine's files too, and publish.

        It costs what is stored, not what was deleted: once per erasure, however many people it is about.
        """

    @abstractmethod
    def query(self, statement: str) -> pa.Table:
        """Run a reader's SQL against what was published, read-only. Raises ConfigurationError on wrong SQL."""

    def write_out(self) -> None:  # noqa: B027 (a server does so by itself)
        """Bring what was committed from memory into the file, where the engine leaves that for later."""

    def close(self) -> None:
        """Let go of the engine."""
        self.engine.dispose()


def clause(
    name: str, query: sa.Select[Any] | sa.CompoundSelect[Any] | None, columns: Iterable[Any] = ()
) -> sa.TableClause:
    """Describe a temporary table by the query that filled it."""
    if query is not None:
        columns = [sa.column(column.name, column.type) for column in query.selected_columns]
    return sa.table(name, *columns)


def fingerprint(schema: Schema) -> str:
    """Name a schema's exact shape."""
    text = "\n".join(
        f"{table.name}:{table.key}:" + ",".join(f"{column.name} {column.type}" for column in table.all_columns)
        for table in schema
    )
    return sha256(text.encode()).hexdigest()[:16]


@lru_cache(maxsize=8)
def _written_out(
    schema: Schema, kind: Callable[[], sa.Dialect], indexes: Callable[[Table], Sequence[str]], grown: bool
) -> str:
    """Write down what makes the tables, indexes and views of a schema; `grown` where tables lack newer columns."""
    dialect = kind()
    quote = dialect.identifier_preparer.quote
    statements = [str(CreateSchema(STORE, if_not_exists=True).compile(dialect=dialect))]
    for table in schema:
        stored = schema.table(table.name)
        statements.append(str(CreateTable(stored, if_not_exists=True).compile(dialect=dialect)))
        for column in stored.columns if grown else ():
            added = f"{quote(column.name)} {column.type.compile(dialect=dialect)}"
            statements.append(f"ALTER TABLE {STORE}.{quote(table.name)} ADD COLUMN IF NOT EXISTS {added}")
        statements += indexes(table)
    for table in schema:
        statements.append(f"DROP VIEW IF EXISTS {quote(table.name)}")
        statements.append(f"CREATE VIEW {quote(table.name)} AS {_view(table, quote)}")
    return ";\n".join(statements)


def _view(table: Table, quote: Callable[[str], str]) -> str:
    own = f"{STORE}.{quote(table.name)}"
    if not table.personal or table.name == "source_record":
        return f"SELECT * FROM {own}"
    return f"SELECT r.person_id, t.* FROM {own} AS t LEFT JOIN {STORE}.source_record AS r ON r.record_id = t.record_id"
