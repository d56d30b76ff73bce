"""Digests are equal for equal values, on each engine, and other for others."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from hub.warehouse import Warehouse
from hub.warehouse.digest import digest, way


def number(warehouse: Warehouse, *values: Any) -> int:
    """Digest values that lie in a table."""
    with warehouse.begin() as transaction:
        columns = (sa.literal(value).label(f"v{place}") for place, value in enumerate(values))
        held = transaction.hold("held", sa.select(*columns))
        found: int = transaction.scalar(sa.select(digest(*held.c)))
    return found


@pytest.mark.parametrize("values", [("email", "anna@example.nl"), ("j", "jansen", date(1980, 1, 2)), ("🐈",)])
def test_equal_values_have_one_number_however_they_come(warehouse: Warehouse, values: tuple[Any, ...]) -> None:
    with warehouse.begin() as transaction:
        given = transaction.scalar(sa.select(digest(*map(sa.literal, values))))
    assert given == number(warehouse, *values)
    assert isinstance(given, int)


def test_each_value_counts_and_so_does_the_order(warehouse: Warehouse) -> None:
    several = [("a", "b"), ("b", "a"), ("a", "c"), ("a",), ("ab",)]
    assert len({number(warehouse, *values) for values in several}) == len(several)


def test_ten_thousand_values_have_ten_thousand_numbers(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        values = transaction.hold("many", sa.select(sa.func.generate_series(1, 10_000).label("v")))
        if warehouse.name == "duckdb":
            values = transaction.hold("each", sa.select(sa.func.unnest(values.c.v).label("v")))
        told = digest(sa.literal("number"), sa.cast(values.c.v, sa.Text()))
        assert transaction.scalar(sa.select(sa.func.count(told.distinct()))) == 10_000


def test_the_way_of_an_engine_stays_what_it_is(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        assert transaction.scalar(way()) == transaction.scalar(way())
