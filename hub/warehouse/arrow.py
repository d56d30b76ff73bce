"""Arrow's types beside SQL's."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sql_type(type_: pa.DataType) -> sa.types.TypeEngine[Any]:
    """Return the SQL type that holds values of an Arrow type; nested ones are text (JSON)."""
    if pa.types.is_dictionary(type_):
        return sql_type(type_.value_type)
    if pa.types.is_boolean(type_):
        return sa.Boolean()
    if pa.types.is_integer(type_):
        return sa.BigInteger()
    if pa.types.is_floating(type_):
        return sa.Double()
    if pa.types.is_decimal(type_):
        return sa.Numeric(type_.precision, type_.scale)
    if pa.types.is_date(type_):
        return sa.Date()
    if pa.types.is_timestamp(type_):
        return sa.DateTime(timezone=type_.tz is not None)
    if pa.types.is_time(type_):
        return sa.Time()
    return sa.Text()


def sql_columns(schema: pa.Schema) -> list[sa.ColumnClause[Any]]:
    """Describe the columns of Arrow data for SQLAlchemy."""
    return [sa.column(field.name, sql_type(field.type)) for field in schema]


def arrow_type(type_: sa.types.TypeEngine[Any]) -> pa.DataType:
    """Return the Arrow type for values of a SQL type."""
    if isinstance(type_, sa.Boolean):
        return pa.bool_()
    if isinstance(type_, sa.Integer):
        return pa.int64()
    if isinstance(type_, sa.Float):
        return pa.float64()
    if isinstance(type_, sa.Numeric):
        return pa.decimal128(type_.precision or 38, type_.scale or 0)
    if isinstance(type_, sa.DateTime):
        return pa.timestamp("us", tz="UTC" if type_.timezone else None)
    if isinstance(type_, sa.Date):
        return pa.date32()
    return pa.string()


def texts(values: Sequence[str | None]) -> pa.StringArray:
    """Give texts as Arrow. `pa.array` would import pandas, where that is installed: as much CPU as 10,000 texts."""
    written = [b"" if value is None else value.encode() for value in values]
    offsets = array("i", [0, *accumulate(map(len, written))])
    return pa.StringArray.from_buffers(
        len(written), pa.py_buffer(offsets), pa.py_buffer(b"".join(written)), _present(values)
    )


def numbers(values: Sequence[int | None]) -> pa.Int64Array:
    """Give whole numbers as Arrow, without pandas too."""
    written = array("q", [value or 0 for value in values])
    return pa.Int64Array.from_buffers(pa.int64(), len(written), [_present(values), pa.py_buffer(written)])


def rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Give a batch as `to_pylist` does, moments in UTC; without pandas, which Arrow asks about moments with a zone."""
    columns = (
        _moments(it) if pa.types.is_timestamp(it.type) and it.type.tz else it.to_pylist() for it in batch.columns
    )
    return [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _moments(column: pa.Array) -> list[datetime | None]:
    written = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_pylist()
    return [None if value is None else EPOCH + timedelta(microseconds=value) for value in written]


def _present(values: Sequence[object]) -> pa.Buffer:
    """Give a bit per value, the first one lowest: whether it is there."""
    bits = bytearray((len(values) + 7) // 8)
    for place, value in enumerate(values):
        if value is not None:
            bits[place >> 3] |= 1 << (place & 7)
    return pa.py_buffer(bytes(bits))


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Turn what CSV can't carry (dictionaries, nested values, NUL bytes) into plain text."""
    import json

    import pyarrow.compute as pc

    columns = []
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_nested(column.type):
            column = pa.array(
                [None if value is None else json.dumps(value, default=str) for value in column.to_pylist()]
            )
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = pc.replace_substring(column, "\x00", "")
        columns.append(column)
    return pa.record_batch(columns, names=batch.schema.names)
