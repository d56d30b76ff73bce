"""Rows as JSON, a column at a time: as Python's own `json` would write them, at a fraction of the cost.

Numbers with decimals, dates and moments are texts, as JSON has none that would keep them exact.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_TO_ESCAPE = r'["\\\x00-\x1f]'
_BYTES_TO_ESCAPE = b'"\\' + bytes(range(0x20))


def rows_as_json(columns: Sequence[pa.Array], names: Sequence[str]) -> pa.Array | None:
    """Give each row as the text of a JSON object. None where a value has no form in JSON that is sure.

    Quotes around a column without gaps are put in with the names, so that most values are copied once.
    """
    import pyarrow.compute as pc

    if not names:
        return None
    parts: list[Any] = []
    between = "{"
    for name, column in zip(names, columns, strict=True):
        found = _values(column)
        if found is None:
            return None
        values, quoted = found
        quote = '"' if quoted and not values.null_count else ""
        if quoted and values.null_count:
            values = _quoted(values)
        if values.null_count:
            values = pc.coalesce(values, _text("null"))
        parts += [_text(f"{between}{json.dumps(name, ensure_ascii=False)}: {quote}"), values]
        between = f"{quote}, "
    end = _text(between[:-2] + "}")
    joined: pa.Array = pc.binary_join_element_wise(*parts, end, _text(""))
    return joined


def _values(column: pa.Array) -> tuple[pa.Array, bool] | None:
    """Give the texts of a column, null where nothing is, and whether they stand in quotes."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.string()), False
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _escaped(column.cast(pa.string())), True
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.string()), False
    if pa.types.is_decimal(kind) or pa.types.is_date(kind):
        return column.cast(pa.string()), True
    if pa.types.is_timestamp(kind):
        return _moments(column), True
    return None


def _text(value: str) -> pa.StringScalar:
    """Give a text as Arrow; `pa.scalar` would import pandas, where that is installed."""
    import pyarrow as pa

    written = value.encode()
    return pa.StringArray.from_buffers(1, pa.py_buffer(array("i", [0, len(written)])), pa.py_buffer(written))[0]


def _quoted(column: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    quote = _text('"')
    return pc.binary_join_element_wise(quote, column, quote, _text(""))


def _escaped(column: pa.Array) -> pa.Array:
    """Escape the few values that need it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _needs_escapes(column):
        return column
    mask = pc.fill_null(pc.match_substring_regex(column, _TO_ESCAPE), False)
    if not pc.any(mask).as_py():
        return column
    escaped = [json.dumps(value, ensure_ascii=False)[1:-1] for value in column.filter(mask).to_pylist()]
    return pc.replace_with_mask(column, mask, pa.array(escaped, pa.string()))


def _needs_escapes(column: pa.Array) -> bool:
    """Say whether anything in the memory of a column must be escaped: one look at all of it is quick, and sure."""
    texts = column.buffers()[2]
    if texts is None:
        return False
    given = texts.to_pybytes()
    return len(given.translate(None, _BYTES_TO_ESCAPE)) != len(given)


def _moments(column: pa.Array) -> pa.Array:
    """Write moments as Python's isoformat() does: without a fraction where it is nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    zoned = column.type.tz is not None
    at = column.cast(pa.timestamp("us", "UTC")) if zoned else column
    text = at.cast(pa.timestamp("us")).cast(pa.string())
    text = pc.replace_substring(pc.replace_substring(text, " ", "T"), ".000000", "")
    if not zoned:
        return text
    return pc.binary_join_element_wise(text, _text("+00:00"), _text(""))
