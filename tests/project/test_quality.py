"""quality.yaml: what it says, and each mistake told with its place and a suggestion (R7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from hub.check import check_project
from hub.project.json_schema import json_schemas
from hub.project.yaml import read

QUALITY = """
checks:
  person:
    - {column: email, filled: true, at_least: 80%, otherwise: warn}
    - {column: birth_date, between: ["1900-01-01", null], otherwise: warn}
    - {column: given_name, matches: "[A-Z].*", connection: till, otherwise: quarantine}
  sales_order:
    - {column: total, between: [0, null], otherwise: quarantine}
    - {column: status, one_of: [paid, open], otherwise: stop}
    - {that: total >= 0 or status = 'refunded', otherwise: warn}
    - {column: record_id, refers: true, otherwise: warn}
    - {column: source_key, unique: true, otherwise: warn}
    - {column: ordered_at, newest: 36 hours, otherwise: warn}
    - {column: total, drift: 0.25, otherwise: warn}
    - {rows: per day, otherwise: warn}
arrivals:
  till: {receipts: 70%, customers: any}
"""


def test_each_check_reads_as_a_sentence(shop: Any) -> None:
    shop.write("quality.yaml", QUALITY)
    project = shop.load()
    assert [check.words for checks in project.quality.checks.values() for check in checks] == [
        "email is filled, at least 80%",
        "birth_date is at least 1900-01-01",
        "given_name matches [A-Z].*",
        "total is at least 0",
        "status is one of paid, open",
        "total >= 0 or status = 'refunded'",
        "record_id refers",
        "source_key is unique",
        "newest ordered_at is not older than 36 hours",
        "total drifts at most 0.25",
        "rows per day are at least 50% of usual",
    ]
    assert project.quality.arrivals == {"till": {"receipts": 0.7, "customers": "any"}}
    assert check_project(project, datetime(2026, 1, 1, tzinfo=UTC), registry=shop.registry) == []


def test_a_mapping_is_held_to_checks_of_the_columns_that_it_fills(shop: Any) -> None:
    shop.write("quality.yaml", QUALITY)
    person, order = shop.load().mappings
    assert [check.column for check in person.shared_checks] == ["email", "given_name"]
    assert [check.column or check.that for check in order.shared_checks] == [
        "total",
        "total >= 0 or status = 'refunded'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "  sales_order:",
            "  sales_orders:",
            "quality.yaml:6:3: there is no table 'sales_orders' to check. Did you mean",
        ),
        (
            "column: total, b",
            "column: totall, b",
            "quality.yaml:7:16: sales_order has no column 'totall'. Did you mean 'tot",
        ),
        ("column: email", "column: emial", "quality.yaml:3:16: person has no column 'emial'. Did you mean 'email'?"),
        (
            "connection: till",
            "connection: tull",
            "quality.yaml:5:60: hub.yaml has no connection 'tull'. Did you mean 'ti",
        ),
        ("otherwise: stop", "otherwise: halt", "quality.yaml:8:57: otherwise must be 'quarantine', 'warn' or 'stop'"),
        ("between: [0, null]", "betwen: [0, 1]", "quality.yaml:7:23: unknown key 'betwen'. Did you mean 'between'?"),
        ("filled: true, ", "", "quality.yaml:3:7: a check says exactly one of filled, between, one_of, matches, that,"),
        ("column: total, drift", "drift", "quality.yaml:13:7: `drift` needs `column`"),
        ("{rows", "{column: total, rows", "quality.yaml:14:7: `rows` goes without `column`"),
        (
            "at_least: 80%, otherwise: warn",
            "at_least: 80%, otherwise: quarantine",
            "quality.yaml:3:7: a share is of many rows, and `quarantine` sets one row aside: write warn or stop",
        ),
        (
            "unique: true, otherwise: warn",
            "unique: true, otherwise: quarantine",
            "quality.yaml:11:7: `unique` is about many rows, and `quarantine` sets one row aside: warn or stop",
        ),
        (
            "column: ordered_at, newest",
            "column: total, newest",
            "quality.yaml:12:16: `newest` needs a date or a moment, and total is number",
        ),
        (
            "column: total, drift: 0.25",
            "column: total, changes: 5%",
            "quality.yaml:13:32: the rows of sales_order happen once: `changes` is counted in tables without a time",
        ),
        ("column: record_id, refers", "column: coupon, refers", "quality.yaml:10:16: coupon refers to no table."),
        (
            "receipts: 70%",
            "receits: 70%",
            "quality.yaml:16:10: no mapping of till reads a raw table 'receits'. Did you",
        ),
        (
            "till: {receipts",
            "tell: {receipts",
            "quality.yaml:16:3: hub.yaml has no connection 'tell'. Did you mean 'till",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(shop: Any, old: str, new: str, told: str) -> None:
    assert old in QUALITY
    shop.write("quality.yaml", QUALITY.replace(old, new))
    found = shop.problems()
    assert len(found) == 1, found
    assert found[0].startswith(told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("total >= 0 or", "totl >= 0 or", "quality.yaml:9:14: there is no 'totl'. Did you mean 'total'?"),
        ("[0, null]", "[nothing, null]", "quality.yaml:7:32: text and number cannot be compared"),
    ],
)
def test_a_condition_is_checked_before_anything_runs(shop: Any, old: str, new: str, told: str) -> None:
    shop.write("quality.yaml", QUALITY.replace(old, new))
    (problem,) = check_project(shop.load(), datetime(2026, 1, 1, tzinfo=UTC), registry=shop.registry)
    assert str(problem).startswith(told)


def test_editors_know_its_form(shop: Any) -> None:
    shop.write("quality.yaml", QUALITY)
    schema = json_schemas(shop.registry, shop.load().schema)["quality"]
    check = jsonschema.Draft202012Validator(schema)
    check.validate(read(shop.folder / "quality.yaml", "quality.yaml")[0].value)
    shop.change("quality.yaml", "otherwise: stop", "otherwise: halt")
    assert list(check.iter_errors(read(shop.folder / "quality.yaml", "quality.yaml")[0].value))


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (
            "{from: amount, unreadable: skip}",
            "mappings/till.yaml:12:39: unreadable must be 'set aside' or 'empty'",
        ),
        ("{from: amount}", "mappings/till.yaml:12:5: `from` goes with `map`, or with `unreadable: empty`; else write"),
    ],
)
def test_what_becomes_of_an_unreadable_value_is_said_in_one_way(shop: Any, column: str, told: str) -> None:
    shop.change("mappings/till.yaml", "money(amount, 'EUR')", column)
    (found,) = shop.problems()
    assert found.startswith(told)


def test_a_mapping_has_checks_of_rows_in_three_forms(shop: Any) -> None:
    shop.write("mappings/extra.yaml", "connection: till\nproduct:\n  from: goods\n  key: id\n  checks: CHECKS\n")
    right = "[price > 0, {price < 100: stop}, {column: price, between: [0, 9], otherwise: warn}]"
    shop.change("mappings/extra.yaml", "CHECKS", right)
    assert [check.otherwise for _, check in shop.load().mappings[0].mapping.row_checks] == [
        "quarantine",
        "stop",
        "warn",
    ]
    shop.change("mappings/extra.yaml", right, "[{price < 100: halt}]")
    assert shop.problems()[0].startswith("mappings/extra.yaml:5:26: price < 100 must be 'quarantine', 'warn' or 'stop'")
    shop.change("mappings/extra.yaml", "[{price < 100: halt}]", "[{column: price, unique: true, otherwise: warn}]")
    assert "unknown key 'unique'" in shop.problems()[0]
