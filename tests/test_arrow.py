"""Rows as Arrow: which types values get, and what happens to those that do not fit."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from hub.arrow import SET_ASIDE, as_text, column, conform, set_aside, table_of


def test_pages_have_the_union_of_their_keys_in_order():
    table = table_of([{"b": 1}, {"a": "x", "b": None}])
    assert table.to_pydict() == {"b": [1, None], "a": [None, "x"]}


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None, 2], pa.int64(), [1, None, 2]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([1, 2**70], pa.float64(), [1.0, float(2**70)]),
        ([True, None], pa.bool_(), [True, None]),
        (["x", 1, True, None], pa.string(), ["x", "1", "true", None]),
        ([{"a": [1]}, None], pa.string(), ['{"a":[1]}', None]),
        ([None, ["é"]], pa.string(), [None, '["é"]']),
        ([1, {"a": 1}], pa.string(), ["1", '{"a":1}']),
        ([date(2025, 1, 1)], pa.date32(), [date(2025, 1, 1)]),
        ([Decimal("1.50")], pa.decimal128(3, 2), [Decimal("1.50")]),
        ([UUID(int=1)], pa.string(), ["00000000-0000-0000-0000-000000000001"]),
        ([timedelta(hours=1)], pa.string(), ["1:00:00"]),
        ([None], pa.null(), [None]),
    ],
)
def test_a_column_gets_the_narrowest_type_that_holds_its_values(values, kind, expected):
    array = column(values)
    assert (array.type, array.to_pylist()) == (kind, expected)


def test_a_wanted_type_is_taken_where_the_values_allow_it():
    assert column([1, 2], pa.float64()).type == pa.float64()
    assert column(["x"], pa.int64()).type == pa.string()
    assert column([1, UUID(int=1)], pa.string()).to_pylist() == ["1", "00000000-0000-0000-0000-000000000001"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("x", "x"),
        (1.5, "1.5"),
        (True, "true"),
        (b"\x00\xff", "00ff"),
        (Decimal("1.50"), "1.50"),
        (datetime(2025, 1, 1, 12, tzinfo=UTC), "2025-01-01T12:00:00+00:00"),
        ({"at": date(2025, 1, 1), "é": {2, 1}}, '{"at":"2025-01-01","é":[1,2]}'),
    ],
)
def test_values_as_text(value, text):
    assert as_text(value) == text


def test_rows_that_do_not_fit_come_back_with_the_first_reason_and_their_text():
    table = pa.table({"id": ["1", "x", None], "at": ["2025-01-01", "2025-02-30", None]})
    fitting, refused = conform(table, {"id": pa.int64(), "at": pa.date32()})
    assert fitting.to_pylist() == [{"id": 1, "at": date(2025, 1, 1)}, {"id": None, "at": None}]
    assert refused == [("id: text where the column holds numbers", '{"id":"x","at":"2025-02-30"}')]


def test_numbers_widen_where_a_cast_would_lose_something():
    wider, refused = conform(pa.table({"x": [1.5]}), {"x": pa.int64()})
    assert (wider.schema.field("x").type, refused) == (pa.float64(), [])
    same, refused = conform(pa.table({"x": [2.0]}), {"x": pa.int64()})
    assert (same.schema.field("x").type, refused) == (pa.int64(), [])


def test_a_dictionary_of_texts_counts_as_text():
    table = pa.table({"x": pa.array(["a"]).dictionary_encode()})
    assert conform(table, {"x": pa.string()})[0].to_pylist() == [{"x": "a"}]


def test_what_is_set_aside_has_one_form():
    table = set_aside("orders", ["why"], ["text"], "a.csv", [7])
    assert table.schema == SET_ASIDE
    assert table.to_pylist() == [{"table_name": "orders", "file": "a.csv", "line": 7, "reason": "why", "raw": "text"}]
