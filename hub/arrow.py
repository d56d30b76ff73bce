"""Rows as Arrow: pages of dictionaries become tables, and tables keep to the types that a column already has.

Nothing is lost on the way: a row with a value that does not fit is set aside, with the reason and the whole row as text.
"""

from __future__ import annotations

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
            return pa.array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    first = next((value for value in values if value is not None), None)
    if not isinstance(first, dict | list | tuple | set):
        try:
            inferred = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            inferred = None
        if inferred is not None and not pa.types.is_nested(inferred.type):
            return inferred
        if all(value is None or isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([as_text(value) for value in values], pa.string())


def as_text(value: Any) -> str | None:
    """Write a value as text: text as it is, bytes as hexadecimal, everything else as JSON; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    import orjson

    return orjson.dumps(value, default=_json_default, option=orjson.OPT_NON_STR_KEYS).decode()


def conform(table: pa.Table, known: Mapping[str, pa.DataType]) -> tuple[pa.Table, list[tuple[str, str]]]:
    """Give the columns the types that are known already, and set aside the rows that have a value which does not fit.

    Returns the rows that fit, and (reason, row as JSON text) for those that do not. Whole numbers may widen to
    fractions: then the column keeps its new type, and the lake holds both.
    """
    wrong: dict[int, str] = {}
    for position, name in enumerate(table.column_names):
        wanted, values = known.get(name), table.column(position)
        if pa.types.is_nested(values.type):
            values = pa.chunked_array([pa.array([as_text(value) for value in values.to_pylist()], pa.string())])
        if wanted is not None and values.type != wanted and not _widens(wanted, values.type):
            values, unfit = _cast(values, wanted)
            reason = f"{name}: {_word(table.schema.field(position).type)} where the column holds {_word(wanted)}"
            wrong.update({row: reason for row in unfit if row not in wrong})
        if values is not table.column(position):
            if wrong and len(values) != len(table):
                raise ValueError("a column changed its length")
            converted = table.set_column(position, name, values)
            original = table if position == 0 or not wrong else original  # noqa: F821
            table = converted
    return table, []
