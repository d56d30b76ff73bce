"""Incoming: decided messages come into the outbox in bulk, column by column, each once by its deterministic id.

A million decisions are handed over in one go: rows go to SQLite as plain tuples, and to PostgreSQL by COPY.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hub.ledger.tables import outbox

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "id",
    "scenario",
    "step",
    "connection",
    "channel",
    "purpose",
    "record",
    "template",
    "priority",
    "consent_key",
    "queued_at",
    "expires_at",
)
"""What a decided message brings: no personal data. `template` is the hash of a pinned one; moments have a zone."""

_NAMES = ", ".join(COLUMNS)


def take_in(connection: sa.Connection, messages: pa.RecordBatch) -> None:
    """Queue messages (COLUMNS, in any order); those that the outbox holds already stay as they are."""
    given = messages.select(list(COLUMNS))
    if connection.dialect.name == "postgresql":
        _copy(connection, given)
    else:
        _insert(connection, given)


def _insert(connection: sa.Connection, messages: pa.RecordBatch) -> None:
    import pyarrow as pa

    columns = []
    for column in messages.columns:
        if pa.types.is_timestamp(column.type):
            # as text in UTC without its zone: what `tables.Moment` keeps on SQLite
            column = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.string())
        columns.append(column.to_pylist())
    holes = ", ".join(f"?{number}" for number in range(1, len(COLUMNS) + 1))
    connection.connection.cursor().executemany(
        f"INSERT INTO {outbox.name} ({_NAMES}, state, attempts, updated_at) "  # noqa: S608 - the columns above
        f"VALUES ({holes}, 'queued', 0, ?{COLUMNS.index('queued_at') + 1}) ON CONFLICT DO NOTHING",
        list(zip(*columns, strict=True)),
    )


def _copy(connection: sa.Connection, messages: pa.RecordBatch) -> None:
    import pyarrow.csv as pc

    kinds = ", ".join(f"{name} {outbox.c[name].type.compile(dialect=connection.dialect)}" for name in COLUMNS)
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE incoming ({kinds}) ON COMMIT DROP")
    text = io.BytesIO()
    pc.write_csv(messages, text, pc.WriteOptions(include_header=False, quoting_style="needed"))
    with connection.connection.cursor().copy(f"COPY incoming ({_NAMES}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(text.getvalue())
    connection.exec_driver_sql(
        f"INSERT INTO {outbox.name} ({_NAMES}, state, attempts, updated_at) "  # noqa: S608 - the columns above
        f"SELECT {_NAMES}, 'queued', 0, queued_at FROM incoming ON CONFLICT DO NOTHING"
    )
