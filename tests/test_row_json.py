"""Rows as JSON by columns read as what Python's json writes row by row."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.row_json import rows_as_json

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
KINDS = {
    "text": (pa.string(), st.text(st.characters(codec="utf-8"))),
    "number": (pa.decimal128(18, 4), st.decimals(-(10**6), 10**6, places=4)),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "truth": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates()),
    "moment": (pa.timestamp("us", "UTC"), MOMENTS),
    "nothing": (pa.null(), st.none()),
}
ROWS = st.lists(st.tuples(*(st.none() | values for _, values in KINDS.values())), min_size=1, max_size=20)


def plain(value: object) -> object:
    """Say what is written for a value that JSON does not know."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


@settings(deadline=None)
@given(ROWS)
def test_every_row_reads_as_what_it_holds(rows: list[tuple[object, ...]]) -> None:
    by_column = zip(zip(*rows, strict=True), KINDS.values(), strict=True)
    columns = [pa.array(values, kind) for values, (kind, _) in by_column]
    texts = rows_as_json(columns, list(KINDS))
    assert texts is not None
    for text, row in zip(texts.to_pylist(), rows, strict=True):
        expected = {name: plain(value) for name, value in zip(KINDS, row, strict=True)}
        assert json.loads(text) == expected
        assert text == json.dumps(expected, ensure_ascii=False)


def test_names_are_escaped_too() -> None:
    texts = rows_as_json([pa.array([1])], ['a "name"'])
    assert texts is not None
    assert json.loads(texts.to_pylist()[0]) == {'a "name"': 1}


@pytest.mark.parametrize("values", [[1.5], [[1]], [{"a": 1}]])
def test_what_has_no_sure_form_is_left_to_the_plugin(values: list[object]) -> None:
    assert rows_as_json([pa.array(values)], ["it"]) is None


def test_rows_without_fields_have_none() -> None:
    assert rows_as_json([], []) is None
