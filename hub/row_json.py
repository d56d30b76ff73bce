"""Rows as JSON, a column at a time: as Python's own `json` would write them, at a fraction of the cost.

Numbers with decimals, dates and moments are texts, as JSON has none that would keep them exact.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_TO_ESCAPE = r'["\\\x00-\x1f]'


def rows_as_json(columns: Sequence[pa.Array], names: Sequence[str]) -> pa.Array | None:
    """Give each row as the text of a JSON object. None where a value has no form in JSON that is sure."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not names:
        return None
    parts: list[Any] = []
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        values = _values(column)
        if values is None:
            return None
        head = f"{'{' if place == 0 else ', '}{json.dumps(name, ensure_ascii=False)}: "
        parts += [pa.scalar(head, pa.string()), values]
    joined: pa.Array = pc.binary_join_element_wise(*parts, pa.scalar("}", pa.string()), pa.scalar("", pa.string()))
    return joined


def _values(column: pa.Array) -> pa.Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_null(kind):
        return pa.repeat(pa.scalar("null", pa.string()), len(column))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = _quoted(_escaped(column.cast(pa.string())))
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        found = column.cast(pa.string())
    elif pa.types.is_decimal(kind) or pa.types.is_date(kind):
        found = _quoted(column.cast(pa.string()))
    elif pa.types.is_timestamp(kind):
        found = _quoted(_moments(column))
    else:
        return None
    return pc.coalesce(found, pa.scalar("null", pa.string()))


def _quoted(column: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    quote = pa.scalar('"', pa.string())
    return pc.binary_join_element_wise(quote, column, quote, pa.scalar("", pa.string()))


def _escaped(column: pa.Array) -> pa.Array:
    """Escape the few values that need it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = pc.fill_null(pc.match_substring_regex(column, _TO_ESCAPE), False)
    if not pc.any(mask).as_py():
        return column
    escaped = [json.dumps(value, ensure_ascii=False)[1:-1] for value in column.filter(mask).to_pylist()]
    return pc.replace_with_mask(column, mask, pa.array(escaped, pa.string()))


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
    return pc.binary_join_element_wise(text, pa.scalar("+00:00", pa.string()), pa.scalar("", pa.string()))
