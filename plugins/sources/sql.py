"""`sql`: tables of any database that SQLAlchemy knows, read and written.

    shop: {plugin: sql, url: ${SHOP_DATABASE_URL}, tables: [customers, orders], cursor: updated_at}

A table with the cursor column brings what changed since the last run. Rows at the last run's very last moment are read
again and compared whole, so that a row written or changed within that moment is neither lost nor doubled. A table
without the cursor column is brought whole, when anything in it changed.

`writes` names the tables that syncs write, each with the column that tells its rows apart. `erase` says what becomes of
a person who is erased: see `plugins.destinations.sql.config`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from hub.contracts import (
    Capabilities,
    Check,
    ConnectionConfig,
    Destination,
    Erasable,
    Operation,
    Plugin,
    Proof,
    Result,
    Row,
    Source,
    SyncBatch,
)
from hub.errors import ConfigurationError, HubError, TemporaryError, suggest
from hub.hookspecs import hookimpl
from hub.incremental import Digest, Moment, mark
from hub.lake import REJECTED
from plugins.destinations.sql.config import ErasedTable

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa
    from dlt.extract import DltResource

    from plugins.destinations.sql.writer import TableWriter

PAGE = 20_000


_AWAY = {
    "refused": "nobody listens there: check host and port in `url`",
    "resolve": "the name does not resolve: check the host in `url`",
    "name or service not known": "the name does not resolve: check the host in `url`",
    "certificate": "its certificate is not trusted",
    "timeout": "it takes too long",
    "timed out": "it takes too long",
}
"""What the drivers say of a server that is not there, and what an admin can check."""


class SqlTable(BaseModel):
    """What to bring of one table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: str | None = Field(
        None, description="The column that grows with every change; by default the connection's."
    )
    columns: list[str] = Field([], description="The columns to bring; by default all.")
    where: str | None = Field(None, description="A condition in the SQL of the database.")


class WrittenTable(BaseModel):
    """A table that syncs write; their fields are its columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(description="The column that holds the key of the sync.")


class SqlConfig(ConnectionConfig):
    """Which database, which of its tables are read, and which are written."""

    plugin: Literal["sql"] = "sql"
    url: SecretStr = Field(description="A SQLAlchemy URL, such as postgresql://user:password@host/database.")
    tables: list[str] | dict[str, SqlTable] = Field(
        [], description="The tables to read, by name; with settings where they need any."
    )
    writes: dict[str, WrittenTable] = Field(
        {}, description="The tables that syncs write, each with the column of its key: {segments: {key: customer_id}}."
    )
    erase: dict[str, ErasedTable] = Field(
        {},
        description="What becomes of a person who is erased, by table, in this order: {customers: {key: id}}.",
    )
    batch_size: int = Field(500, ge=1, description="How many rows are written in one transaction.")
    cursor: str | None = Field(None, description="The column that grows with every change, in the tables that have it.")
    database_schema: str | None = Field(None, alias="schema", description="The schema that the tables are in.")

    @model_validator(mode="after")
    def _does_something(self) -> SqlConfig:
        if not (self.tables or self.writes):
            raise ValueError("say what is read (`tables`) or what is written (`writes`)")
        return self


@dataclass(frozen=True)
class Wanted:
    """One table as found in the database: its columns with their Arrow types (None: as the values say)."""

    name: str
    columns: dict[str, Any]
    cursor: str | None
    where: str | None


class Sql(Source, Destination):
    """Lands tables of a database, and writes rows to it."""

    name: ClassVar[str] = "sql"
    summary: ClassVar[str] = "tables of any SQL database: read incrementally by a cursor column, written by key"
    config_model: ClassVar[type[ConnectionConfig]] = SqlConfig
    proven: ClassVar[tuple[Proof, ...]] = (
        Proof("real system", "PostgreSQL", "18", date(2026, 11, 22)),
        Proof("real system", "SQLite", "3", date(2026, 11, 22)),
    )

    @property
    def capabilities(self) -> Capabilities:
        """Rows where tables are written; what is removed from a table is deleted."""
        written: list[Operation] = ["upsert", "add", "update", "remove", "delete"]
        return Capabilities(
            operations=frozenset(written if self.config.writes else []),
            batch_size=self.config.batch_size,
            can_read=bool(self.config.writes),
        )

    def check(self) -> Check:
        """Connect and look whether the tables and columns are there."""
        try:
            tables = [self._wanted(name, table) for name, table in self._tables.items()]
            for name, table in self.config.writes.items():
                self._wanted(name, SqlTable(columns=[table.key]))
        except HubError as error:
            return Check(False, str(error))
        whole = [table.name for table in tables if table.cursor is None]
        told = [f"{len(tables)} tables to read"] if tables else []
        told += [f"without cursor, brought whole: {', '.join(whole)}"] if whole else []
        told += [f"{len(self.config.writes)} tables to write"] if self.config.writes else []
        return Check(True, "; ".join(told))

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Write rows in one transaction."""
        try:
            with self._written(batch.target) as writer:
                return writer.write(batch)
        except TemporaryError as error:
            return [Result(row.key, "later", reason=str(error)) for row in batch.rows]

    @property
    def can_erase(self) -> bool:
        """Where the configuration says what becomes of rows."""
        return bool(self.config.erase)

    def erase(self, records: Sequence[Erasable]) -> Sequence[Result]:
        """Delete or empty the rows of records, in the order of the tables."""
        if not self.config.erase:
            return super().erase(records)
        import sqlalchemy as sa

        from plugins.destinations.sql.eraser import erase_rows

        tables: dict[str, tuple[sa.Table, ErasedTable]] = {}
        for name, said in self.config.erase.items():
            self._wanted(name, SqlTable(columns=[str(said.key or said.email), *said.set]))
            with self._connected(name) as connection:
                found = sa.Table(name, sa.MetaData(), schema=self.config.database_schema, autoload_with=connection)
                tables[name] = (found, said)
        with self._connected(next(iter(tables))) as connection:
            return erase_rows(connection, tables, records)

    def read_back(self, target: str, rows: Sequence[Row], fields: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Give what stands in the table."""
        with self._written(target) as writer:
            return writer.read(rows, fields)

    def resources(self) -> Iterable[DltResource]:
        """Give one resource per table."""
        import dlt

        return [dlt.resource(self._rows(name, table), name=name) for name, table in self._tables.items()]

    @property
    def _tables(self) -> dict[str, SqlTable]:
        tables = self.config.tables
        return tables if isinstance(tables, dict) else {name: SqlTable() for name in tables}

    def _rows(self, name: str, settings: SqlTable) -> Iterator[Any]:
        import dlt

        state = dlt.current.resource_state()
        wanted = self._wanted(name, settings)
        with self._connected(name) as connection:
            reader = _Reader(connection, self.config.database_schema, wanted)
            yield from reader.changed(state) if wanted.cursor else reader.whole(state)

    def _wanted(self, name: str, settings: SqlTable) -> Wanted:
        """Look a table up; ConfigurationError names what is not there."""
        import sqlalchemy as sa

        with self._connected(name) as connection:
            inspector = sa.inspect(connection)
            schema = self.config.database_schema
            try:
                columns = {column["name"]: column["type"] for column in inspector.get_columns(name, schema)}
            except sa.exc.NoSuchTableError:
                known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
                raise ConfigurationError(f"the database has no table '{name}'.{suggest(name, known)}") from None
        cursor = settings.cursor or (self.config.cursor if self.config.cursor in columns else None)
        for column in [*settings.columns, *([settings.cursor] if settings.cursor else [])]:
            if column not in columns:
                raise ConfigurationError(f"the table '{name}' has no column '{column}'.{suggest(column, columns)}")
        chosen = dict.fromkeys([*settings.columns, *([cursor] if cursor else [])]) if settings.columns else columns
        return Wanted(name, {column: _arrow_type(columns[column]) for column in chosen}, cursor, settings.where)

    @contextmanager
    def _written(self, target: str) -> Iterator[TableWriter]:
        """Open a table for writing. Raises ConfigurationError for one that is not listed, or not there."""
        import sqlalchemy as sa

        from plugins.destinations.sql.writer import TableWriter

        if target not in self.config.writes:
            known = ", ".join(self.config.writes)
            raise ConfigurationError(f"'{target}' is not among the tables that may be written (`writes`: {known})")
        key = self.config.writes[target].key
        self._wanted(target, SqlTable(columns=[key]))
        with self._connected(target) as connection:
            table = sa.Table(target, sa.MetaData(), schema=self.config.database_schema, autoload_with=connection)
            connection.rollback()
            yield TableWriter(connection, table, key)

    @cached_property
    def _engine(self) -> sa.Engine:
        import sqlalchemy as sa

        try:
            url = sa.make_url(self.config.url.get_secret_value())
            if url.drivername in ("postgresql", "postgres"):
                url = url.set(drivername="postgresql+psycopg")
            if (
                url.drivername.startswith("sqlite")
                and url.database
                and not url.database.startswith(("/", ":", "file:"))
            ):
                url = url.set(database=str(self.place.folder.absolute() / url.database))
            return sa.create_engine(url, poolclass=sa.pool.NullPool)
        except sa.exc.NoSuchModuleError:
            raise ConfigurationError(
                "`url` names a database without an installed SQLAlchemy dialect; install its package"
            ) from None
        except sa.exc.ArgumentError:
            raise ConfigurationError(
                "`url` is no SQLAlchemy URL, such as postgresql://user:password@host/database"
            ) from None
        except ImportError as error:
            raise ConfigurationError(f"`url` needs the package {error.name}; install it") from None

    @contextmanager
    def _connected(self, table: str) -> Iterator[sa.Connection]:
        """Connect, and sort what the database raises into what the reader does next."""
        import sqlalchemy as sa

        where = self._engine.url.host or self._engine.url.get_backend_name()
        try:
            with self._engine.connect() as connection:
                yield connection
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.DBAPIError) as error:
            text = str(error.orig).lower()
            if "password" in text or "authentication" in text or ("role" in text and "does not exist" in text):
                raise ConfigurationError(
                    f"{where}: the database refuses the login; mend the user or password in `url`"
                ) from None
            if "database" in text and ("does not exist" in text or "unable to open" in text):
                raise ConfigurationError(f"{where}: there is no such database; mend `url`") from None
            if isinstance(error, sa.exc.ProgrammingError) or "syntax error" in text or "no such column" in text:
                raise ConfigurationError(
                    f"{table}: the database refuses the query ({type(error.orig).__name__}); "
                    "mend `where`, or the user's rights"
                ) from None
            why = next((words for sign, words in _AWAY.items() if sign in text), type(error.orig).__name__)
            raise TemporaryError(f"{where}: the database does not answer ({why})") from None


class _Reader:
    """Reads one table over one connection, in pages."""

    def __init__(self, connection: sa.Connection, schema: str | None, wanted: Wanted) -> None:
        import sqlalchemy as sa

        self._connection = connection
        self._wanted = wanted
        # Columns without a type give the driver's own values: dates that SQLite holds as text stay text, for example.
        self._columns: dict[str, Any] = {name: sa.column(name) for name in wanted.columns}
        self._select = sa.select(*self._columns.values()).select_from(sa.table(wanted.name, schema=schema))
        if wanted.where:
            self._select = self._select.where(sa.text(f"({wanted.where})"))
        self._place = list(wanted.columns).index(wanted.cursor) if wanted.cursor else -1

    def whole(self, state: dict[str, Any]) -> Iterator[pa.Table]:
        """Yield all rows, if the table is not the same as when it was last read."""
        if "digest" not in state or state["digest"] != self._digest(self._select):
            digest = Digest()
            for page in self._pages(self._select):
                digest.add(map(tuple, page))
                yield from self._arrow(page)
            state["digest"] = str(digest)

    def changed(self, state: dict[str, Any]) -> Iterator[Any]:
        """Yield the rows after the last moment, then what is new within that moment, and among the rows without one.

        In this order: a row that is written meanwhile is found by the later query, or by the next run.
        """
        cursor = self._columns[str(self._wanted.cursor)]
        last = state.get("last")
        newest, at_newest = last, Moment()
        for page in self._pages(
            self._select.where(cursor.is_not(None) if last is None else cursor > last).order_by(cursor)
        ):
            for row in page:
                if row[self._place] != newest:
                    newest, at_newest = row[self._place], Moment()
                at_newest.add([tuple(row)])
            yield from self._arrow(page)
        if last is not None:
            state["moment"] = yield from self._again(cursor == last, state["moment"])
        if newest != last:
            state["last"], state["moment"] = newest, at_newest.remembered()
        state["without"] = yield from self._again(cursor.is_(None), state.get("without", {}))

    def _again(self, condition: Any, remembered: dict[str, Any]) -> Generator[pa.Table, None, dict[str, Any]]:
        """Read a group of rows again, yield those not remembered, and return what to remember now."""
        statement = self._select.where(condition)
        if remembered.get("digest") and remembered["digest"] == self._digest(statement):
            return remembered
        seen, group = set(remembered.get("seen", ())), Moment()
        for page in self._pages(statement):
            group.add(map(tuple, page))
            yield from self._arrow([row for row in page if mark(tuple(row)) not in seen])
        return group.remembered()

    def _digest(self, statement: Any) -> str:
        digest = Digest()
        for page in self._pages(statement):
            digest.add(map(tuple, page))
        return str(digest)

    def _pages(self, statement: Any) -> Iterator[Sequence[Any]]:
        """Stream a result through a cursor on the server."""
        with self._connection.execution_options(stream_results=True, yield_per=PAGE).execute(statement) as result:
            yield from result.partitions(PAGE)

    def _arrow(self, page: Sequence[Any]) -> Iterator[Any]:
        """Give rows the types that the database declares; rows that hold something else are set aside."""
        import dlt
        import pyarrow as pa

        from hub.arrow import column, conform, set_aside

        if not page:
            return
        kinds = self._wanted.columns
        table = pa.table(
            {name: column(values, kinds[name]) for name, values in zip(kinds, zip(*page, strict=True), strict=True)}
        )
        fitting, refused = conform(table, {name: kind for name, kind in kinds.items() if kind is not None})
        yield fitting
        if refused:
            reasons, raw = zip(*refused, strict=True)
            yield dlt.mark.with_table_name(set_aside(self._wanted.name, reasons, raw), REJECTED)


def _arrow_type(kind: Any) -> Any:
    """Give the Arrow type of a database type; None where the database does not say one: then the values decide."""
    import pyarrow as pa
    from sqlalchemy import types

    if isinstance(kind, types.Boolean):
        return pa.bool_()
    if isinstance(kind, types.Integer):
        return pa.int64()
    if isinstance(kind, types.Float):
        return pa.float64()
    if isinstance(kind, types.Numeric):
        return pa.decimal128(
            kind.precision or 38, kind.scale if kind.scale is not None else 9 if kind.precision is None else 0
        )
    if isinstance(kind, types.DateTime):
        return pa.timestamp("us", "UTC" if kind.timezone else None)
    if isinstance(kind, types.Date):
        return pa.date32()
    if isinstance(kind, types.LargeBinary):
        return pa.binary()
    if isinstance(kind, types.NullType):
        return None
    return pa.string()


@hookimpl
def hub_plugins() -> Sequence[type[Plugin]]:
    """Hand over the source."""
    return [Sql]
