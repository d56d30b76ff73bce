"""What engines spell differently gives the same values on each: the same rows go through every construct."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa

from hub.warehouse import Warehouse, constructs
from hub.warehouse.constructs import (
    arg_max,
    composed,
    earliest,
    extract_first,
    folded,
    in_order,
    json_list,
    json_object,
    json_value,
    latest,
    local_date,
    matches,
    mean,
    median,
    replace_all,
    row_json,
    sha256_hex,
    text_constant,
    try_cast,
    utc,
)

TESTED = {
    "arg_max",
    "composed",
    "earliest",
    "extract_first",
    "folded",
    "json_list",
    "json_object",
    "json_value",
    "latest",
    "local_date",
    "matches",
    "mean",
    "median",
    "replace_all",
    "row_json",
    "sha256_hex",
    "text_constant",
    "try_cast",
    "utc",
}


def value(warehouse: Warehouse, element: sa.ColumnElement[Any]) -> Any:
    """Compute one value, as a statement with parameters, and held in a table: both must agree."""
    with warehouse.begin() as transaction:
        direct = transaction.scalar(sa.select(element))
        held = transaction.hold("held", sa.select(element.label("it")))
        assert transaction.scalar(sa.select(held.c.it)) == direct
    return direct


def computed(
    warehouse: Warehouse, given: str | None, element: Callable[[sa.ColumnElement[str]], sa.ColumnElement[Any]]
) -> Any:
    """Compute over a stored text, as stages do."""
    with warehouse.begin() as transaction:
        held = transaction.hold("stored", sa.select(text(given).label("it")))
        direct = transaction.scalar(sa.select(element(held.c.it)))
        again = transaction.hold("again", sa.select(element(held.c.it).label("it")))
        assert transaction.scalar(sa.select(again.c.it)) == direct
    return direct


def text(given: str | None) -> sa.ColumnElement[str]:
    return sa.cast(sa.literal(given, sa.Text()), sa.Text())


def rows(*given: tuple[Any, ...], types: tuple[Any, ...]) -> sa.Subquery:
    """Make a relation with the columns a, b, ... of these types."""
    names = "abcdef"[: len(types)]
    selects = [
        sa.select(
            *(
                sa.cast(sa.literal(cell, type_) if cell is not None else sa.null(), type_).label(name)
                for name, cell, type_ in zip(names, row, types, strict=True)
            )
        )
        for row in given
    ]
    return sa.union_all(*selects).subquery("given")


def test_every_construct_has_a_test_here() -> None:
    public = {
        name
        for name, it in vars(constructs).items()
        if inspect.isclass(it)
        and issubclass(it, sa.ColumnElement | sa.sql.functions.FunctionElement)
        and it.__module__ == constructs.__name__
        and not name.startswith("_")
    }
    assert public == TESTED


@pytest.mark.parametrize(
    ("given", "type_", "expected"),
    [
        ("12", sa.BigInteger(), 12),
        ("twaalf", sa.BigInteger(), None),
        ("", sa.BigInteger(), None),
        (None, sa.BigInteger(), None),
        ("12.50", sa.Numeric(18, 4), Decimal("12.5")),
        ("1.234,56", sa.Numeric(18, 4), None),
        ("2025-02-28", sa.Date(), date(2025, 2, 28)),
        ("2025-02-30", sa.Date(), None),
        ("true", sa.Boolean(), True),
        ("misschien", sa.Boolean(), None),
    ],
)
def test_try_cast_gives_null_for_what_is_no_such_value(
    warehouse: Warehouse, given: str, type_: Any, expected: Any
) -> None:
    assert computed(warehouse, given, lambda it: try_cast(it, type_)) == expected


@pytest.mark.parametrize(
    ("given", "pattern", "expected"),
    [
        ("1234AB", "[0-9]{4}[A-Z]{2}", True),
        ("x1234AB", "[0-9]{4}[A-Z]{2}", False),
        ("1234ABx", "[0-9]{4}[A-Z]{2}", False),
        ("b", "a|b", True),
        ("ab", "a|b", False),
        ("", "[a-z]*", True),
        ("a\nb", "a", False),
        (None, "a", None),
    ],
)
def test_matches_looks_at_the_whole_text(warehouse: Warehouse, given: str, pattern: str, expected: bool | None) -> None:
    assert computed(warehouse, given, lambda it: matches(it, pattern)) is expected


@pytest.mark.parametrize(
    ("given", "pattern", "replacement", "expected"),
    [
        ("06-12 34 56 78", "[^0-9]", "", "0612345678"),
        ("shop:a:b", "^[^:]*:", "", "a:b"),
        ("jansen, anna", "^(.*), (.*)$", r"\2 \1", "anna jansen"),
        ("geen", "x", "y", "geen"),
        (None, "x", "y", None),
    ],
)
def test_replace_all_replaces_every_match(
    warehouse: Warehouse, given: str, pattern: str, replacement: str, expected: str
) -> None:
    assert computed(warehouse, given, lambda it: replace_all(it, pattern, replacement)) == expected


@pytest.mark.parametrize(
    ("given", "pattern", "expected"),
    [
        ("order 77 and 78", "([0-9]+)", "77"),
        ("no number", "([0-9]+)", None),
        ("empty group", "empty(x*)", None),
        (None, "([0-9]+)", None),
    ],
)
def test_extract_first_gives_the_first_group_or_null(
    warehouse: Warehouse, given: str, pattern: str, expected: str | None
) -> None:
    assert computed(warehouse, given, lambda it: extract_first(it, pattern)) == expected


PAIRS = (("old", 1, 5), ("new", 3, 2), (None, 9, 1), ("undated", None, 0))
TYPES = (sa.Text(), sa.BigInteger(), sa.BigInteger())


def test_arg_max_leaves_out_empty_values_and_empty_orders(warehouse: Warehouse) -> None:
    given = rows(*PAIRS, types=TYPES)
    assert value(warehouse, sa.select(arg_max(given.c.a, given.c.b)).scalar_subquery()) == "new"


def test_arg_max_of_nothing_is_null(warehouse: Warehouse) -> None:
    given = rows((None, 1, 1), types=TYPES)
    assert value(warehouse, sa.select(arg_max(given.c.a, given.c.b)).scalar_subquery()) is None


def test_earliest_and_latest_go_by_all_of_their_orders(warehouse: Warehouse) -> None:
    given = rows(("a", 1, 1), ("b", 1, 0), ("c", 2, 7), ("d", 2, 8), (None, 0, 0), ("x", None, 9), types=TYPES)
    first = sa.select(earliest(given.c.a, given.c.b, given.c.c)).scalar_subquery()
    last = sa.select(latest(given.c.a, given.c.b, given.c.c)).scalar_subquery()
    assert (value(warehouse, first), value(warehouse, last)) == ("b", "d")


def test_latest_takes_values_that_a_condition_with_constants_leaves(warehouse: Warehouse) -> None:
    given = rows(("a", 1, 1), ("b", 2, 0), types=TYPES)
    only = sa.case((given.c.a != "b", given.c.a))
    query = sa.select(latest(only, given.c.b, only)).scalar_subquery()
    with warehouse.begin() as transaction:
        assert transaction.scalar(sa.select(query)) == "a"


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (["21920.01", *["0"] * 39], "548.0003"),
        (["39979.02", *["0"] * 15], "2498.6888"),
        (["18203.94", *["0"] * 79], "227.5493"),
        (["-21920.01", *["0"] * 39], "-548.0003"),
        (["99999999.9999", "99999999.9998"], "99999999.9999"),
        (["1", "2", None], "1.5"),
        (["0", "0"], "0"),
        ([None], None),
    ],
)
def test_a_mean_in_the_middle_of_two_numbers_is_rounded_away_from_nought(
    warehouse: Warehouse, numbers: list[str | None], expected: str | None
) -> None:
    given = rows(*((number and Decimal(number),) for number in numbers), types=(sa.Numeric(18, 4),))
    assert value(warehouse, sa.select(mean(given.c.a)).scalar_subquery()) == (expected and Decimal(expected))


@pytest.mark.parametrize(("numbers", "expected"), [([1, 2, 9], 2), ([1, 2], 1.5), ([7, None], 7), ([None], None)])
def test_median_is_interpolated(warehouse: Warehouse, numbers: list[int | None], expected: float | None) -> None:
    given = rows(*((number,) for number in numbers), types=(sa.BigInteger(),))
    assert value(warehouse, sa.select(median(given.c.a)).scalar_subquery()) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), date(2026, 3, 28)),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_local_date_is_right_on_both_nights_the_clock_changes(
    warehouse: Warehouse, moment: datetime, expected: date
) -> None:
    stamp = sa.cast(sa.literal(moment, sa.DateTime(timezone=True)), sa.DateTime(timezone=True))
    assert value(warehouse, local_date(stamp, "Europe/Amsterdam")) == expected


def test_json_object_keeps_types_names_and_nulls(warehouse: Warehouse) -> None:
    element = json_object(
        "name", text('Ann "A" \\ Özil'), "n", sa.cast(3, sa.BigInteger()), "yes", sa.true(), "none", text(None)
    )
    assert json.loads(value(warehouse, element)) == {"name": 'Ann "A" \\ Özil', "n": 3, "yes": True, "none": None}


def test_row_json_holds_a_whole_row(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        held = transaction.hold("pair", sa.select(text("a'b").label("x"), sa.cast(2, sa.BigInteger()).label("y")))
        found = transaction.scalar(sa.select(row_json(held)))
    assert json.loads(found) == {"x": "a'b", "y": 2}


def test_json_list_holds_objects_in_their_order(warehouse: Warehouse) -> None:
    given = rows((2, "b"), (1, "a'"), types=(sa.Integer(), sa.Text()))
    with warehouse.begin() as transaction:
        held = transaction.hold("held", sa.select(given))
        listed = json_list(json_object(sa.literal("n"), held.c.b), held.c.a)
        found = transaction.scalar(sa.select(listed).select_from(held))
    assert json.loads(found) == [{"n": "a'"}, {"n": "b"}]


def test_json_value_is_held_as_what_it_is(warehouse: Warehouse) -> None:
    held = json_object(sa.literal("list"), json_value(text('[1, {"a": "b"}]')), sa.literal("text"), text("[1]"))
    assert json.loads(value(warehouse, held)) == {"list": [1, {"a": "b"}], "text": "[1]"}


@pytest.mark.parametrize("given", ["anna@example.nl", "Özil €", ""])
def test_sha256_hex_is_over_utf8(warehouse: Warehouse, given: str) -> None:
    assert computed(warehouse, given, sha256_hex) == sha256(given.encode()).hexdigest()


@pytest.mark.parametrize("given", ["it's", "100% zeker", "a:b %(c)s ?", 'quote " \\ slash', "", "null\x00byte"])
def test_text_constant_stands_in_the_statement_as_it_is(warehouse: Warehouse, given: str) -> None:
    assert value(warehouse, text_constant(given)) == given.replace("\x00", "")


def test_composed_joins_letters_and_their_accents(warehouse: Warehouse) -> None:
    assert computed(warehouse, "vale\u0301ry", composed) == "val\u00e9ry"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" Müller ", "muller"),
        ("MULLER", "muller"),
        ("Zoë", "zoe"),
        ("Zoe\u0308", "zoe"),
        ("D'Hondt", "d'hondt"),
        ("אִישׁ", "איש"),
        ("", ""),
        (None, None),
    ],
)
def test_folded_names_are_compared_without_capitals_accents_and_spaces(
    warehouse: Warehouse, given: str | None, expected: str | None
) -> None:
    assert computed(warehouse, given, folded) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-29 03:00:00.123456+02", datetime(2026, 3, 29, 1, 0, 0, 123456)),  # noqa: DTZ001
        ("1912-01-01 00:00:00+00", datetime(1912, 1, 1)),  # noqa: DTZ001
        ("infinity", None),
        (None, None),
    ],
)
def test_a_moment_is_written_in_utc_without_a_zone(
    warehouse: Warehouse, moment: str | None, expected: datetime | None
) -> None:
    assert computed(warehouse, moment, lambda it: utc(sa.cast(it, sa.DateTime(timezone=True)))) == expected


@pytest.mark.parametrize(("one", "other"), [("shop_be:1", "shop:9"), ("crm:a", "crm:B"), ("crm:é", "crm:z")])
def test_two_texts_are_ordered_as_python_orders_them_whatever_the_language_of_the_database(
    warehouse: Warehouse, one: str, other: str
) -> None:
    low, high = in_order(sa.literal(one), sa.literal(other))
    with warehouse.begin() as transaction:
        assert [tuple(row) for row in transaction.rows(sa.select(low, high))] == [tuple(sorted((one, other)))]
    assert str(low).count("COLLATE") == 2
