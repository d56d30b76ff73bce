"""Ways to compute traits, families of traits, and what it costs to read a table: on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from hub.people.traits import plan_traits, trait_problems
from hub.people.window import Window, read_window
from hub.project.traits import Trait
from hub.stages.enrich import enrich
from hub.stages.enrich.aggregate import aggregates
from hub.warehouse import Transaction, Warehouse
from tests.stages.world import NOON, add, fact, one, project, record, resolve

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def days_ago(days: int) -> datetime:
    return NOON - timedelta(days=days)


def run(warehouse: Warehouse, traits: Mapping[str, Mapping[str, Any]], as_of: datetime = NOON) -> None:
    resolve(warehouse, project(traits), as_of)
    enrich(warehouse, project(traits), as_of)


def of(warehouse: Warehouse, record_id: str, *names: str) -> Any:
    (person_id,) = one(warehouse, "source_record", {"record_id": record_id}, "person_id")
    found = one(warehouse, "trait", {"person_id": person_id}, *names)
    return found if len(names) > 1 else found[0]


def order(warehouse: Warehouse, record_id: str, key: str, at: datetime, **given: Any) -> None:
    fact(warehouse, "sales_order", record_id, key, ordered_at=at, **{"status": "paid", "total": 10, **given})


def bought(warehouse: Warehouse, record_id: str, key: str, category: str, ago: int, **given: Any) -> None:
    """Add an order line of a product that has its category for a name."""
    row = {"quantity": 1, "amount": 10, **given}
    fact(warehouse, "order_line", record_id, key, product_key=category, ordered_at=days_ago(ago), **row)


@pytest.fixture
def products(warehouse: Warehouse) -> Warehouse:
    names = ("kibble", "toys", "Cat food & more")
    add(warehouse, "product", *({"connection": "shop", "source_key": name, "category": name} for name in names))
    return warehouse


# ratio and distinct --------------------------------------------------------------------------------------------------


def test_a_ratio_is_the_share_of_rows_or_of_an_amount(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", days_ago(3), coupon="A", total=70)
    order(warehouse, "shop:1", "2", days_ago(5), total=20)
    order(warehouse, "shop:1", "3", days_ago(7), coupon="B", total=10)
    order(warehouse, "shop:1", "4", days_ago(9), coupon="C", total=1000, status="test")
    record(warehouse, "shop:2")
    record(warehouse, "shop:3")
    order(warehouse, "shop:3", "5", days_ago(1), total=0)
    sales = {"of": "sales_order", "where": "status <> 'test'", "ratio": "coupon is not null"}
    run(
        warehouse,
        {"by_coupon": sales, "spent_by_coupon": {**sales, "by": "total"}, "lately": {**sales, "within": "4 days"}},
    )
    names = ("by_coupon", "spent_by_coupon", "lately")
    assert of(warehouse, "shop:1", *names) == (Decimal("0.6667"), Decimal("0.8"), Decimal(1))
    assert of(warehouse, "shop:2", *names) == (None, None, None)
    assert of(warehouse, "shop:3", *names) == (0, None, 0)


def test_what_is_unknown_does_not_meet_the_condition_of_a_ratio(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", days_ago(3), total=None)
    order(warehouse, "shop:1", "2", days_ago(5), total=20)
    run(warehouse, {"dear": {"of": "sales_order", "ratio": "total > 15"}})
    assert of(warehouse, "shop:1", "dear") == Decimal("0.5")


def test_distinct_counts_different_values_and_nobody_has_less_than_nought(warehouse: Warehouse) -> None:
    for record_id, shops in (("shop:1", ("Ede", "Ede", "web", None)), ("shop:2", ())):
        record(warehouse, record_id)
        for number, shop in enumerate(shops):
            order(warehouse, record_id, f"{number}", days_ago(number), shop=shop)
    run(warehouse, {"shops": {"of": "sales_order", "distinct": "shop"}})
    assert [of(warehouse, record_id, "shops") for record_id in ("shop:1", "shop:2")] == [2, 0]


# ranks ---------------------------------------------------------------------------------------------------------------


def test_a_rank_is_the_place_among_people_and_equal_people_stand_equal(warehouse: Warehouse) -> None:
    for number, total in enumerate((10, 20, 20, 40, 50)):
        record(warehouse, f"shop:{number}")
        order(warehouse, f"shop:{number}", f"{number}", days_ago(1), total=total)
    record(warehouse, "crm:1")
    run(warehouse, {"place": {"rank": "spent_lifetime", "among": "order_count > 0"}, "first": {"is": "place = 0"}})
    assert [of(warehouse, f"shop:{number}", "place") for number in range(5)] == [
        Decimal(given) for given in ("0", "0.25", "0.25", "0.75", "1")
    ]
    assert of(warehouse, "crm:1", "place", "first") == (None, None)


# families ------------------------------------------------------------------------------------------------------------


def test_a_family_has_a_trait_for_each_value_and_each_window(products: Warehouse) -> None:
    record(products, "shop:1")
    bought(products, "shop:1", "1", "kibble", 10, quantity=2)
    bought(products, "shop:1", "2", "kibble", 50)
    bought(products, "shop:1", "3", "Cat food & more", 5, quantity=4)
    per = {"product.category": ["kibble", "toys", "Cat food & more"]}
    run(
        products,
        {
            "bought": {"of": "order_line", "sum": "quantity", "per": per, "within": ["30 days", "3 months"]},
            "likes": {"of": "order_line", "count": True, "per": {"quantity": [1, 2]}},
            "lines": {"of": "order_line", "count": True, "within": ["1 week"]},
        },
    )
    names = ("bought_kibble_30d", "bought_kibble_3m", "bought_cat_food_more_30d", "bought_toys_3m")
    assert of(products, "shop:1", *names) == (2, 3, 4, None)
    assert of(products, "shop:1", "likes_1", "likes_2", "lines_1w") == (1, 1, 1)


def test_the_own_interval_and_the_last_day_are_told_per_category_and_window(products: Warehouse) -> None:
    record(products, "shop:1")
    for number, (category, ago) in enumerate(
        [("kibble", 90), ("kibble", 60), ("kibble", 46), ("kibble", 2), ("toys", 80), ("toys", 10), ("toys", 10)]
    ):
        bought(products, "shop:1", str(number), category, ago, quantity=number)
    lines = {"of": "order_line", "per": {"product.category": ["kibble", "toys"]}}
    run(
        products,
        {
            "rhythm": {**lines, "median_interval": True, "within": ["50 days", "1 year"]},
            "most": {**lines, "favourite": "quantity"},
            "bought_at": {**lines, "last": "ordered_at"},
            "idle_days": {"is": "days_since(bought_at_kibble)"},
        },
    )
    assert of(products, "shop:1", "rhythm_kibble_1y", "rhythm_toys_1y") == (30, 70)
    assert of(products, "shop:1", "rhythm_kibble_50d", "rhythm_toys_50d") == (44, None)
    assert of(products, "shop:1", "most_kibble", "idle_days") == (3, 2)


@pytest.mark.parametrize(
    ("trait", "told"),
    [
        (
            {"of": "order_line", "count": True, "per": {"product.category": ["A b", "a-b"]}},
            "two of its values or windows would both be called 'mine_a_b'",
        ),
        ({"of": "order_line", "count": True, "per": {"product.categry": ["a"]}}, "Did you mean 'product.category'?"),
        ({"of": "order_line", "count": True, "within": ["9 days", "x"]}, "write `90 days`"),
        ({"of": "order_line", "count": True, "within": "9999 years"}, "no calendar reaches back so far"),
        ({"rank": "true"}, "not by boolean"),
        ({"rank": "order_count", "among": "order_count"}, "the condition must be true or false"),
        ({"of": "sales_order", "ratio": "total"}, "the condition must be true or false"),
    ],
)
def test_a_wrong_family_rank_or_ratio_is_told(trait: dict[str, Any], told: str) -> None:
    assert any(told in problem.message for problem in trait_problems(project({"mine": trait}), NOON))


def test_a_member_of_a_family_may_not_take_the_name_of_another_trait() -> None:
    traits = {
        "lines": {"of": "order_line", "count": True, "within": ["30 days"]},
        "lines_30d": {"is": "order_count"},
    }
    (problem,) = trait_problems(project(traits), NOON)
    assert problem.message == "'lines_30d' would also be a trait of 'lines': rename one"


@pytest.mark.parametrize(
    ("trait", "told"),
    [
        ({"is": "1", "rank": "order_count"}, "a trait needs"),
        ({"of": "order_line", "rank": "order_count"}, "exactly one of"),
        ({"is": "1", "where": "true"}, "go with `of: TABLE`"),
        ({"is": "1", "among": "true"}, "`among` goes with `rank`"),
        ({"of": "order_line", "count": True, "per": {"a": ["x"], "b": ["y"]}}, "write `per` as one expression"),
        ({"of": "order_line", "count": True, "per": {"a": []}}, "write `per` as one expression"),
        ({"of": "order_line", "count": True, "within": []}, "the list of windows is empty"),
        ({"of": "order_line", "count": True, "within": 90}, "a number and a unit: 90 days"),
        ({"of": "order_line", "count": True, "within": ["1 year", 90]}, "a number and a unit: 90 days"),
    ],
)
def test_a_trait_of_no_form_is_refused(trait: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Trait.model_validate(trait)


# windows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "today", "first"),
    [
        ("14 days", date(2026, 3, 1), date(2026, 2, 15)),
        ("2 weeks", date(2028, 3, 1), date(2028, 2, 16)),
        ("1 year", date(2028, 2, 29), date(2027, 2, 28)),
        ("1 year", date(2029, 2, 28), date(2028, 2, 28)),
        ("4 years", date(2028, 2, 29), date(2024, 2, 29)),
        ("1 month", date(2026, 3, 31), date(2026, 2, 28)),
        ("1 month", date(2028, 3, 31), date(2028, 2, 29)),
        ("2 months", date(2026, 1, 15), date(2025, 11, 15)),
    ],
)
def test_a_window_reaches_back_to_a_day_that_exists(written: str, today: date, first: date) -> None:
    window = read_window(written)
    assert window is not None
    assert window.first_day(today) == first


def test_a_window_may_name_its_column() -> None:
    assert read_window("90 days of sales_order.ordered_at") == Window(90, "day", "sales_order.ordered_at")
    assert read_window("some days") is None


@pytest.mark.parametrize(
    ("as_of", "inside", "outside"),
    [
        (date(2028, 2, 29), date(2027, 2, 28), date(2027, 2, 27)),
        (date(2029, 2, 28), date(2028, 2, 29), date(2028, 2, 27)),
        (date(2029, 3, 1), date(2028, 3, 1), date(2028, 2, 29)),
    ],
)
def test_a_year_around_29_february(warehouse: Warehouse, as_of: date, inside: date, outside: date) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "in", datetime(inside.year, inside.month, inside.day, tzinfo=AMSTERDAM))
    last = datetime(outside.year, outside.month, outside.day, 23, 59, 59, tzinfo=AMSTERDAM)
    order(warehouse, "shop:1", "out", last)
    moment = datetime(as_of.year, as_of.month, as_of.day, 12, tzinfo=UTC)
    run(warehouse, {"year": {"of": "sales_order", "count": True, "within": "1 year"}}, moment)
    assert of(warehouse, "shop:1", "year", "order_count") == (1, 2)


def test_somebody_born_on_29_february_is_a_year_older_on_1_march_of_a_common_year(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", birth_date=date(2000, 2, 29))
    for day, age in ((date(2026, 2, 28), 25), (date(2026, 3, 1), 26), (date(2028, 2, 29), 28)):
        run(warehouse, {}, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
        assert of(warehouse, "crm:1", "age") == age


def test_traits_of_an_earlier_day_are_those_of_that_day(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    for ago in (100, 40, 1):
        order(warehouse, "shop:1", f"{ago}", days_ago(ago), total=ago)
    traits = {"recent": {"of": "sales_order", "count": True, "within": "61 days"}}
    told = {}
    for ago in (0, 39, 99, 101):
        run(warehouse, traits, days_ago(ago))
        told[ago] = of(warehouse, "shop:1", "order_count", "recent", "spent_lifetime", "life_cycle")
    assert told == {
        0: (3, 2, 141, "loyal"),
        39: (2, 2, 140, "active"),
        99: (1, 1, 100, "new"),
        101: (0, 0, None, "prospect"),
    }


# what it costs -------------------------------------------------------------------------------------------------------


@contextmanager
def plans(warehouse: Warehouse) -> Iterator[tuple[Transaction, list[str]]]:
    """Collect the engine's plan of each query that is held."""
    found: list[str] = []
    with warehouse.begin() as transaction:
        hold = transaction.hold

        def explained(name: str, query: Any) -> sa.TableClause:
            written = query.compile(dialect=transaction.connection.dialect, compile_kwargs={"literal_binds": True})
            lines = transaction.connection.exec_driver_sql(f"EXPLAIN {written}".replace("%%", "%")).all()
            found.append("\n".join(str(part) for line in lines for part in line))
            return hold(name, query)

        transaction.hold = explained  # type: ignore[method-assign]
        yield transaction, found


def test_each_table_is_scanned_once_however_many_traits_read_it(products: Warehouse) -> None:
    for number in range(50):
        record(products, f"shop:{number}")
        order(products, f"shop:{number}", f"{number}", days_ago(number))
        bought(products, f"shop:{number}", f"{number}", "toys", number)
        fact(products, "web_event", f"shop:{number}", f"{number}", at=days_ago(number), type="view")
    line, sales = {"of": "order_line"}, {"of": "sales_order"}
    traits: dict[str, dict[str, Any]] = {
        "a": {**line, "favourite": "product.category", "by": "quantity"},
        "b": {**line, "favourite": "product_key", "within": "90 days"},
        "c": {**line, "median_interval": True, "where": "product.category = 'toys'"},
        "d": {**line, "ratio": "discount > 0", "by": "amount"},
        "e": {
            **line,
            "sum": "quantity",
            "per": {"product.category": ["toys", "kibble"]},
            "within": ["9 days", "1 year"],
        },
        "f": {**sales, "last": "shop", "where": "coupon is null"},
        "g": {**sales, "distinct": "shop"},
        "h": {"of": "web_event", "count": True, "within": ["7 days", "30 days", "90 days"]},
        "i": {"of": "web_event", "last": "url"},
    }
    its = project(traits)
    resolve(products, its, NOON)
    with plans(products) as (transaction, found):
        aggregates(transaction, its, plan_traits(its, NOON).of_facts, NOON)
    whole = "\n".join(found)
    for table in ("order_line", "sales_order", "web_event", "product"):
        scans = sum(f"store.{table}" in line or f"Scan on {table} " in line for line in whole.splitlines())
        assert scans == 1, f"{table} is scanned {scans} times:\n{whole}"
