"""PostgreSQL (16 or newer) as the warehouse: a server that many processes share; readers never wait for writers."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.errors import ConfigurationError, TemporaryError
from hub.schema import Schema, Table
from hub.schema.shape import STORE
from hub.unanswered import unanswered
from hub.warehouse.warehouse import Transaction, Warehouse, clause

if TYPE_CHECKING:
    import pyarrow as pa


LOOKED_UP_BY: Mapping[str, list[tuple[str, ...]]] = {"enrolment": [("scenario", "status")]}
"""What else is looked for often: who is under way in a scenario, among all who ever were in one."""


MUCH_CHANGED = """
SELECT relname FROM pg_stat_user_tables
WHERE schemaname = :store AND n_mod_since_analyze > 50 + n_live_tup / 10 ORDER BY relname
"""
"""The tables whose statistics are old, by the measure of PostgreSQL's own autovacuum."""


class PostgreSQLTransaction(Transaction):
    """Work on PostgreSQL: the lake's Parquet is copied into temporary tables first."""

    TEMPORARY = "pg_temp."

    def arrow(self, statement: sa.Select[Any] | sa.CompoundSelect[Any], batch: int = 50_000) -> pa.RecordBatchReader:
        """Stream a result through a server-side cursor."""
        import pyarrow as pa

        from hub.warehouse.arrow import arrow_type

        schema = pa.schema([(column.name, arrow_type(column.type)) for column in statement.selected_columns])
        result = self.connection.execute(statement.execution_options(stream_results=True, max_row_buffer=batch))

        def batches() -> Iterator[pa.RecordBatch]:
            for rows in result.partitions(batch):
                columns = zip(*rows, strict=True)
                yield pa.record_batch(
                    [pa.array(list(values), type=field.type) for values, field in zip(columns, schema, strict=True)],
                    schema=schema,
                )

        return pa.RecordBatchReader.from_batches(schema, batches())

    def load(self, name: str, data: pa.Table | pa.RecordBatchReader) -> sa.TableClause:
        """COPY Arrow data into a temporary table."""
        from hub.warehouse.arrow import sql_columns

        columns = sql_columns(data.schema)
        self._temporary(name, columns)
        self._copy(name, columns, data.to_reader() if hasattr(data, "to_reader") else data)
        self._analyze(name)
        return clause(name, None, columns)

    def raw(self, name: str, files: Sequence[str], columns: Mapping[str, pa.DataType]) -> sa.FromClause:
        """COPY the lake's files into a temporary table."""
        import pyarrow.parquet as pq

        from hub.warehouse.arrow import sql_columns, sql_type

        described = [sa.column(column, sql_type(type_)) for column, type_ in columns.items()]
        self._temporary(name, described)
        for file in files:
            with pq.ParquetFile(file) as parquet:
                present = [column.name for column in described if column.name in parquet.schema_arrow.names]
                for batch in parquet.iter_batches(columns=present):
                    self._copy(name, sql_columns(batch.schema), [batch])
        self._analyze(name)
        return clause(name, None, described)

    def exists(self, name: str, stored: bool = False) -> bool:
        """Look the table up in PostgreSQL's catalogue."""
        return bool(
            self.connection.execute(
                sa.text("SELECT to_regclass(:name) IS NOT NULL"),
                {"name": f'"{STORE}"."{name}"' if stored else f'pg_temp."{name}"'},
            ).scalar()
        )

    def _temporary(self, name: str, columns: Sequence[sa.ColumnClause[Any]]) -> None:
        self._held_rows.pop(name, None)
        self._held.add(name)
        dialect = self.connection.dialect
        listed = ", ".join(f'"{column.name}" {column.type.compile(dialect=dialect)}' for column in columns)
        self.connection.execute(sa.text(f'DROP TABLE IF EXISTS {self.TEMPORARY}"{name}"'))
        self.connection.execute(sa.text(f'CREATE TEMPORARY TABLE "{name}" ({listed})'))

    def _copy(self, name: str, columns: Sequence[sa.ColumnClause[Any]], batches: Any) -> None:
        import pyarrow.csv as pc

        from hub.warehouse.arrow import plain

        listed = ", ".join(f'"{column.name}"' for column in columns)
        cursor = self.connection.connection.cursor()
        with cursor.copy(f'COPY pg_temp."{name}" ({listed}) FROM STDIN (FORMAT csv)') as copy:
            for batch in batches:
                text = io.BytesIO()
                pc.write_csv(plain(batch), text, pc.WriteOptions(include_header=False, quoting_style="needed"))
                copy.write(text.getvalue())

    def _create_as(self, what: str, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> int:
        return self.connection.exec_driver_sql(f"CREATE {what} AS {self._literal(query)}").rowcount

    def _analyze(self, name: str) -> None:
        self.connection.execute(sa.text(f'ANALYZE "{name}"'))


class PostgreSQLWarehouse(Warehouse):
    """A database on a server."""

    name = "postgresql"

    def __init__(self, schema: Schema, url: str) -> None:
        # SQLAlchemy writes names shorter that come within six of the limit, which itself is 63
        engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), max_identifier_length=69)
        try:
            with engine.connect() as connection:
                version = connection.dialect.server_version_info or (0,)
        except sa.exc.OperationalError as error:
            raise unanswered("the warehouse", error) from None
        if version < (16,):
            raise ConfigurationError(f"the warehouse needs PostgreSQL 16 or newer; this server is {version[0]}")
        super().__init__(schema, engine, PostgreSQLTransaction)

    @staticmethod
    def _indexes(table: Table) -> Sequence[str]:
        """Index the key, the record and what else is looked for often."""
        keys = [table.key] + ([("record_id",)] if table.personal and table.key != ("record_id",) else [])
        keys += LOOKED_UP_BY.get(table.name, [])
        columns = [", ".join(f'"{name}"' for name in key) for key in keys]
        return [
            f'CREATE INDEX IF NOT EXISTS "{table.name}_{number}" ON {STORE}."{table.name}" ({listed})'
            for number, listed in enumerate(columns)
        ]

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold an advisory lock, which the server lets go of when this process ends in any way."""
        with self.engine.connect() as connection:
            held = connection.execute(sa.text("SELECT pg_try_advisory_lock(hashtext('hub'))")).scalar()
            connection.commit()
            if not held:
                raise TemporaryError("another run of this project is at work. Wait for it to end, or stop it.")
            try:
                yield
            finally:
                connection.execute(sa.text("SELECT pg_advisory_unlock(hashtext('hub'))"))
                connection.commit()

    def publish(self, news: bool = True) -> None:
        """Committed is published; after news give the planner fresh statistics of the tables that changed by a tenth.

        The server would do so by itself within minutes, and a run goes on at once.
        """
        if not news:
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
            for name in connection.execute(sa.text(MUCH_CHANGED), {"store": STORE}).scalars().all():
                connection.execute(sa.text(f'ANALYZE {STORE}."{name}"'))

    def scrub(self, tables: Collection[str]) -> None:
        """Write the tables anew: a deleted row stays in its page until something else is written there."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name in sorted(tables):
                connection.execute(sa.text(f'VACUUM (FULL, ANALYZE) {STORE}."{name}"'))
        self.publish()

    def query(self, statement: str) -> pa.Table:
        """Run a reader's SQL in a read-only transaction with a time-out."""
        import pyarrow as pa

        with self.engine.connect() as connection:
            connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            connection.execute(sa.text("SET LOCAL statement_timeout = '60s'"))
            try:
                result = connection.exec_driver_sql(statement.replace("%", "%%"))
            except sa.exc.DBAPIError as error:
                raise ConfigurationError(f"this query does not work: {error.orig}") from error
            names, rows = list(result.keys()), result.all()
            connection.rollback()
        return pa.table([pa.array([row[position] for row in rows]) for position in range(len(names))], names=names)
