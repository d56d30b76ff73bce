"""Rows as Arrow: pages of dictionaries become tables, and tables keep to the types that a column already has.

Nothing is lost on the way: a row with a value that does not fit is set aside, with the reason and the row as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

SET_ASIDE = pa.schema(
    [
        ("table_name", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.string()),
    ]
)
"""What the table `_rejected` of a connection holds."""


def set_aside(
    table: str,
    reasons: Sequence[str],
    raw: Sequence[str],
    file: str | None = None,
    lines: Sequence[int | None] | None = None,
) -> pa.Table:
    """Make rows of the table `_rejected`: one reason and one raw text each."""
    count = len(raw)
    columns = [[table] * count, [file] * count, list(lines) if lines else [None] * count, list(reasons), list(raw)]
    return pa.Table.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, SET_ASIDE, strict=True)], schema=SET_ASIDE
    )


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Turn dictionaries into a table with the union of their keys; nested values become JSON text.

    A column with values of several types becomes text. A column without any value has the type null.
    """
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return pa.table({name: column([row.get(name) for row in rows]) for name in names})


def column(values: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
    """Make an array of `kind` where the values allow it, else of the narrowest type that holds them all, else text."""
    if kind is not None:
        try:
            return _array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            if pa.types.is_string(kind):
                return _array([as_text(value) for value in values], kind)
    first = next((value for value in values if value is not None), None)
    if not isinstance(first, dict | list | tuple | set):
        try:
            inferred = _array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            inferred = None
        if inferred is not None and not _is_foreign(inferred.type):
            return inferred
        if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return _array([as_text(value) for value in values], pa.string())


def _array(values: Sequence[Any], kind: pa.DataType | None = None) -> pa.Array:
    """Make an array, with a sign in the place of half a letter: JSON can write one (an emoji cut off), no text can."""
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        whole = [
            value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value
            for value in values
        ]
        return pa.array(whole, kind)


def as_text(value: Any) -> str | None:
    """Write a value as text: nested values, numbers and truth as JSON, bytes as hexadecimal; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict | list | tuple | set | bool | int | float):
        return _JSON.encode(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _json_value(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, set) else as_text(value)


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_json_value)


def conform(table: pa.Table, known: Mapping[str, pa.DataType]) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Give the columns the types that are known already, and set aside the rows with a value that does not fit.

    Returns the rows that fit, and (reason, row as JSON text) for those that do not. Numbers may widen, whole numbers to
    fractions for example: then the column comes back with the wider type. Nested values become JSON text. Null bytes,
    which mean nothing and which PostgreSQL can't hold, are left out of texts.
    """
    columns: list[pa.ChunkedArray] = []
    wrong: dict[int, str] = {}
    for name, values in zip(table.column_names, table.columns, strict=True):
        wanted = known.get(name)
        flat = _without_null_bytes(_flat(values))
        if wanted is not None and flat.type != wanted:
            flat, unfit = _cast(flat, wanted)
            for row in unfit:
                wrong.setdefault(row, f"{name}: {_word(values.type)} where the column holds {_word(wanted)}")
        columns.append(flat)
    fitting = pa.Table.from_arrays(columns, names=table.column_names)
    if not wrong:
        return fitting, []
    rows = sorted(wrong)
    raw = [as_text(row) or "" for row in table.take(pa.array(rows)).to_pylist()]
    keep = pa.array([row not in wrong for row in range(len(table))], pa.bool_())
    return fitting.filter(keep), [(wrong[row], text) for row, text in zip(rows, raw, strict=True)]


def _flat(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if _is_foreign(values.type):
        return pa.chunked_array([pa.array([as_text(value) for value in values.to_pylist()], pa.string())])
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        return values.cast(pa.string())
    return values


def _without_null_bytes(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(values.type) and pc.any(pc.match_substring(values, "\x00")).as_py():
        return pc.replace_substring(values, "\x00", "")
    return values


def _cast(values: pa.ChunkedArray, wanted: pa.DataType) -> tuple[pa.ChunkedArray, list[int]]:
    """Cast a column; where that fails, widen the numbers, or null the values that do not fit and name their rows."""
    try:
        return values.cast(wanted), []
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    if _is_number(values.type) and _is_number(wanted):
        pair = [pa.schema([("value", kind)]) for kind in (wanted, values.type)]
        return values.cast(pa.unify_schemas(pair, promote_options="permissive").field(0).type, safe=False), []
    encoded = values.combine_chunks().dictionary_encode()
    cast = [_cast_one(value, wanted) for value in encoded.dictionary]
    fitting = pa.array(cast, wanted).take(encoded.indices)
    unfit = pc.and_(values.is_valid(), pa.chunked_array([fitting]).is_null())
    return pa.chunked_array([fitting]), pc.indices_nonzero(unfit).to_pylist()


def _cast_one(value: pa.Scalar, wanted: pa.DataType) -> Any:
    try:
        return value.cast(wanted).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _is_foreign(kind: pa.DataType) -> bool:
    """Say whether the lake has no such type, and holds its values as text."""
    return isinstance(kind, pa.BaseExtensionType) or bool(
        pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_interval(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _word(kind: pa.DataType) -> str:
    if pa.types.is_nested(kind):
        return "nested values"
    if _is_number(kind):
        return "numbers"
    words = {"string": "text", "bool": "true or false", "binary": "bytes", "date32[day]": "dates"}
    return words.get(str(kind), "times" if pa.types.is_timestamp(kind) else str(kind))
