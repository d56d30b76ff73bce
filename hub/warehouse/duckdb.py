"""The embedded engine: DuckDB in one file.

One process owns the file; readers open the published copy beside it, so that a run never blocks them. The
connections that run expressions of admins can read the lake and the project's own folder, and nothing else.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import duckdb
import sqlalchemy as sa

from hub.errors import ConfigurationError, TemporaryError
from hub.failpoints import reach
from hub.schema import Schema
from hub.warehouse import duckdb_dialect
from hub.warehouse.memory import memory
from hub.warehouse.warehouse import Transaction, Warehouse, clause

if TYPE_CHECKING:
    import pyarrow as pa


PUBLISHED = "published.duckdb"
"""The copy that readers open, beside the file that runs write to."""

STORAGE = "v1.5.0"
"""The form of new files. DuckDB's default is an older one, which takes a third more CPU to write text."""


class DuckDBTransaction(Transaction):
    """Work on DuckDB: Parquet and Arrow are read where they lie."""

    @property
    def _raw(self) -> duckdb.DuckDBPyConnection:
        inner: duckdb_dialect.Connection = self.connection.connection.dbapi_connection  # type: ignore[assignment]
        return inner.raw

    def arrow(self, statement: sa.Select[Any] | sa.CompoundSelect[Any], batch: int = 50_000) -> pa.RecordBatchReader:
        """Stream a result as Arrow."""
        compiled = statement.compile(dialect=self.connection.dialect, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[name] for name in compiled.positiontup or ()]
        return self._raw.execute(str(compiled), values).to_arrow_reader(batch)

    def load(self, name: str, data: pa.Table | pa.RecordBatchReader) -> sa.TableClause:
        """Copy Arrow data into a temporary table."""
        from hub.warehouse.arrow import sql_columns

        columns = sql_columns(data.schema)
        # as a stream: asked to register a table, `duckdb` looks whether it is one of pandas, and imports that
        self._raw.register("incoming", data.__arrow_c_stream__())
        made = self._raw.execute(f'CREATE OR REPLACE TEMPORARY TABLE "{name}" AS SELECT * FROM incoming')
        ((self._held_rows[name],),) = made.fetchall()
        self._held.add(name)
        self._raw.unregister("incoming")
        return clause(name, None, columns)

    def raw(self, name: str, files: Sequence[str], columns: Mapping[str, pa.DataType]) -> sa.FromClause:
        """Read Parquet in place, through a temporary view."""
        from hub.warehouse.arrow import sql_type

        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        self._raw.execute(
            f'CREATE OR REPLACE TEMPORARY VIEW "{name}" AS SELECT * FROM read_parquet([{listed}], union_by_name = true)'
        )
        return clause(name, None, [sa.column(column, sql_type(type_)) for column, type_ in columns.items()])

    def exists(self, name: str, stored: bool = False) -> bool:
        """Look the table up in DuckDB's catalogue."""
        found = self._raw.execute(
            "SELECT count(*) FROM duckdb_tables() "
            f"WHERE table_name = '{name}' AND temporary = {not stored} AND (temporary OR schema_name = 'store')"
        ).fetchone()
        return bool(found and found[0])

    def view(self, name: str, query: sa.Select[Any]) -> sa.TableClause:
        """Keep the query in the catalogue: statements that read it then name it, and need not write it out."""
        self._raw.execute(f'CREATE OR REPLACE TEMPORARY VIEW "{name}" AS {self._literal(query)}')
        return clause(name, query)

    def recall(self, name: str, query: sa.Select[Any]) -> sa.TableClause:
        """Read the lake anew: a column of Parquet that a statement needs costs a third of one in a temporary table."""
        return self.view(f"{name}_anew", query)

    def _begin_again(self, own: duckdb_dialect.Connection) -> None:
        own.begin()

    def _renew(self, name: str, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> int:
        """Say it in one statement: a day has hundreds of these tables."""
        return self._create_as(f'OR REPLACE TEMPORARY TABLE "{name}"', query)

    def _create_as(self, what: str, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> int:
        compiled = query.compile(dialect=self.connection.dialect, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[name] for name in compiled.positiontup or ()]
        ((count,),) = self._raw.execute(f"CREATE {what} AS {compiled}", values).fetchall()
        return int(count)


class DuckDBWarehouse(Warehouse):
    """One file, owned by this process while it is open."""

    name = "duckdb"

    def __init__(self, schema: Schema, file: Path, readable: Sequence[Path], most: int | None = None) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self.published = file.with_name(PUBLISHED)
        self._at_work = file.with_name("unpublished")
        self._left_unpublished = False
        self._folders, self._most = [file.parent, *readable], most
        file.with_suffix(".fresh").unlink(missing_ok=True)  # of a scrub that was killed
        try:
            self._root = _open(file, self._folders, most=most)
        except (duckdb.IOException, _InUseError) as error:
            if isinstance(error, duckdb.IOException) and _DAMAGED in str(error):
                raise ConfigurationError(
                    f"{file.name} is damaged: bring it back from the backup, with the ledger of the same moment"
                ) from error
            if isinstance(error, duckdb.IOException) and "lock" not in str(error):
                raise ConfigurationError(
                    f"{file} can't be opened ({str(error).rpartition(': ')[2]}): check the rights on it and its folder"
                ) from error
            raise TemporaryError(
                f"{file.name} is in use by another run of this project. Wait for it to end, or stop it."
            ) from error
        super().__init__(schema, duckdb_dialect.engine(self._root), DuckDBTransaction)

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Note that a run is at work until it has published; opening the file was the claim itself."""
        self._left_unpublished = self._at_work.exists()
        self._at_work.touch()
        yield

    def publish(self, news: bool = True) -> None:
        """Copy the file beside itself and swap the copy in: readers see the old one or the new one, never half.

        Without news there is nothing to do, unless a run was killed before it could publish.
        """
        if not (news or self._left_unpublished) and self.published.exists():
            self._at_work.unlink(missing_ok=True)
            return
        self._root.execute("CHECKPOINT")
        fresh = self.published.with_suffix(".next")
        shutil.copyfile(self.file, fresh)
        fresh.replace(self.published)
        self._at_work.unlink(missing_ok=True)

    def scrub(self, tables: Collection[str]) -> None:
        """Write the file anew: DELETE, CHECKPOINT and VACUUM leave the bytes of deleted rows in it.

        The new file takes the old one's place while the old one is still ours, so no other run comes in between.
        """
        fresh = self.file.with_suffix(".fresh")
        fresh.unlink(missing_ok=True)
        self._root.execute("CHECKPOINT")
        path = str(fresh.resolve()).replace("'", "''")
        self._root.execute(f"ATTACH '{path}' AS fresh (STORAGE_VERSION '{STORAGE}')")
        self._root.execute(f'COPY FROM DATABASE "{self.file.stem}" TO fresh')
        self._root.execute("DETACH fresh")
        reach("file written anew, not in place")
        fresh.replace(self.file)
        self.engine.dispose()
        self._root.close()
        self._root = _open(self.file, self._folders, most=self._most)
        self.engine = duckdb_dialect.engine(self._root)
        self.publish()

    def query(self, statement: str) -> pa.Table:
        """Run a reader's SQL on the published copy."""
        return query(self.published, statement)

    def write_out(self) -> None:
        """Checkpoint: rows take memory from their commit until then.

        While another transaction writes, DuckDB can't; what is committed is then written out with a later commit.
        """
        with self._root.cursor() as own, suppress(duckdb.TransactionException):
            own.execute("CHECKPOINT")

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Work in one transaction. Raises ConfigurationError where DuckDB must have more at once than it may."""
        try:
            with super().begin() as transaction:
                yield transaction
        except (duckdb.OutOfMemoryException, sa.exc.OperationalError) as error:
            told = getattr(error, "orig", error)
            if not isinstance(told, duckdb.OutOfMemoryException):
                raise
            raise ConfigurationError(
                "this takes more memory than DuckDB may have: raise HUB_MEMORY, or leave it away for 4 GB"
            ) from error

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._root.close()


def query(published: Path, statement: str) -> pa.Table:
    """Run one read-only statement on a published copy, without the right to touch any other file."""
    with _open_published(published) as connection:
        try:
            return connection.execute(statement).to_arrow_table()
        except duckdb.Error as error:
            told = f"this query does not work: {error}"
            if isinstance(error, duckdb.ParserException) and _names_bare_at(statement):
                told += '\nThe column at needs quotes here: write "at".'
            raise ConfigurationError(told) from error


@contextmanager
def published(file: Path) -> Iterator[sa.Connection]:
    """Open a published copy for statements that read."""
    with _open_published(file) as root:
        engine = duckdb_dialect.engine(root)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


def _open_published(file: Path) -> duckdb.DuckDBPyConnection:
    if not file.exists():
        raise ConfigurationError("nothing is published yet: run `hub run` first")
    try:
        return _open(file, [], read_only=True)
    except duckdb.IOException as error:
        if _DAMAGED not in str(error):
            raise
        raise ConfigurationError(f"{file.name} is damaged: remove it, and the next `hub run` publishes anew") from None


_DAMAGED = "not a valid DuckDB database"
"""What DuckDB says of a file that is something else."""


def _names_bare_at(statement: str) -> bool:
    """Say whether a statement uses the name of our column `at` without quotes, as DuckDB's grammar does not let it."""
    return _BARE_AT.search(_QUOTED.sub("''", statement)) is not None


_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
_BARE_AT = re.compile(r"(?<![\w.])at(?!\w|\s+time\s+zone)", re.IGNORECASE)


class _InUseError(Exception):
    """This process has the file open already."""


_opening = Lock()
"""Within one process DuckDB shares an open file and its settings: who opens it first also locks them."""


def _open(
    file: Path, readable: Sequence[Path], read_only: bool = False, most: int | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a file so that statements reach it and the readable folders, and nothing else, for good.

    A process may open a file many times to read, and once to write: else _InUseError.
    """
    with _opening:
        root = duckdb.connect(
            str(file),
            read_only=read_only,
            config={
                "autoload_known_extensions": "false",
                "autoinstall_known_extensions": "false",
                "storage_compatibility_version": STORAGE,
                "memory_limit": memory() if most is None else memory(most),
            },
        )
        if not root.sql("SELECT current_setting('lock_configuration')").fetchall()[0][0]:
            _lock(root, readable)
        elif not read_only:
            root.close()
            raise _InUseError
    return root


@cache
def threads() -> int:
    """Say how many threads an open file works with: half of what DuckDB would take, which is one per processor.

    A statement's thread that waits for another one spins. On two processors the second thread costs a third more CPU
    seconds and saves next to no time, unless tables have many millions of rows.
    """
    with duckdb.connect() as plain:
        ((every,),) = plain.execute("SELECT current_setting('threads')").fetchall()
    return max(1, int(every) // 2)


def _lock(root: duckdb.DuckDBPyConnection, readable: Sequence[Path]) -> None:
    root.execute("SET GLOBAL TimeZone = 'UTC'")
    root.execute("SET GLOBAL preserve_insertion_order = false")
    # a checkpoint in the middle of a run writes some of what the next stage writes again; but a commit that would take
    # the log beyond this is written to the file at once, and not to the log first
    root.execute("SET GLOBAL checkpoint_threshold = '64MB'")
    root.execute(f"SET GLOBAL threads = {threads()}")
    folders = ", ".join("'" + str(path.resolve()).replace("'", "''") + "/'" for path in readable)
    root.execute(f"SET GLOBAL allowed_directories = [{folders}]")
    root.execute("SET GLOBAL enable_external_access = false")
    root.execute("SET GLOBAL lock_configuration = true")
