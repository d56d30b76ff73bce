"""What is known of every person: on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.check import check_project
from hub.errors import ConfigurationError
from hub.people.traits import trait_problems
from hub.project import load_project
from hub.report import Report
from hub.schema import BUILT_IN, Column, Schema, Table
from hub.stages.enrich import enrich
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, fact, one, project, record, resolve, rows


def days_ago(days: int, hour: int = 12) -> datetime:
    return (NOON - timedelta(days=days)).replace(hour=hour)


def run(warehouse: Warehouse, traits: Mapping[str, Mapping[str, Any]] | None = None, as_of: datetime = NOON) -> Report:
    resolve(warehouse, project(traits), as_of)
    return enrich(warehouse, project(traits), as_of)


def order(warehouse: Warehouse, record_id: str, key: str, at: datetime | None, **given: Any) -> None:
    fact(warehouse, "sales_order", record_id, key, ordered_at=at, **{"status": "paid", "total": 10, **given})


def customer(warehouse: Warehouse, record_id: str, *days: int) -> None:
    """Add a person with orders so many days ago."""
    record(warehouse, record_id)
    for number, ago in enumerate(days):
        order(warehouse, record_id, f"{record_id}-{number}", days_ago(ago))


def trait(warehouse: Warehouse, record_id: str, *names: str) -> Any:
    (person_id,) = one(warehouse, "source_record", {"record_id": record_id}, "person_id")
    found = one(warehouse, "trait", {"person_id": person_id}, *names)
    return found if len(names) > 1 else found[0]


def test_everybody_has_a_row_also_without_facts(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    report = run(
        warehouse, {"visited": {"of": "web_event", "exists": True}, "last_topic": {"of": "lead", "last": "topic"}}
    )
    assert report.rows_out == 1
    assert trait(warehouse, "crm:1", "order_count", "visited", "spent_lifetime", "last_topic", "life_cycle") == (
        0,
        False,
        None,
        None,
        "prospect",
    )


def test_an_empty_warehouse_has_an_empty_trait_table(warehouse: Warehouse) -> None:
    assert run(warehouse).rows_out == 0
    assert rows(warehouse, "trait", "person_id") == []


def test_facts_of_all_records_of_a_person_count_together(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="anna@example.nl")
    record(warehouse, "shop:1", email="anna@example.nl")
    order(warehouse, "crm:1", "1", days_ago(10), total=Decimal("12.50"))
    order(warehouse, "shop:1", "1", days_ago(2), total=Decimal("7.50"))
    run(warehouse)
    assert trait(warehouse, "crm:1", "order_count", "spent_lifetime", "days_since_last_order") == (2, Decimal(20), 2)
    assert trait(warehouse, "crm:1", "first_order_at", "last_order_at") == (days_ago(10), days_ago(2))


@pytest.mark.parametrize("status", ["cancelled", "refunded", "test"])
def test_orders_that_came_to_nothing_do_not_count(warehouse: Warehouse, status: str) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", days_ago(3), status=status)
    order(warehouse, "shop:1", "2", days_ago(9), status=None)
    run(warehouse)
    assert trait(warehouse, "shop:1", "order_count", "days_since_last_order", "spent_lifetime") == (1, 9, Decimal(10))


def test_facts_after_the_moment_do_not_count_yet(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", days_ago(3))
    order(warehouse, "shop:1", "2", NOON + timedelta(minutes=1))
    run(warehouse)
    assert trait(warehouse, "shop:1", "order_count", "days_since_last_order") == (1, 3)


def test_windows_count_whole_calendar_days_in_the_time_zone_of_the_project(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    # 23:30 UTC is half past midnight of the next day in Amsterdam
    order(warehouse, "shop:1", "inside", datetime(2026, 11, 7, 23, 30, tzinfo=UTC))
    order(warehouse, "shop:1", "outside", datetime(2026, 11, 7, 22, 30, tzinfo=UTC))
    run(warehouse, {"fortnight": {"of": "sales_order", "count": True, "within": "14 days"}})
    assert trait(warehouse, "shop:1", "fortnight", "order_count") == (1, 2)


def test_a_window_holds_across_the_night_the_clock_changes(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    # Amsterdam leaves summer time on 25 October 2026: 24 October began at 22:00 UTC, 49 hours before the 26th
    order(warehouse, "shop:1", "1", datetime(2026, 10, 23, 22, 0, tzinfo=UTC))
    order(warehouse, "shop:1", "2", datetime(2026, 10, 23, 21, 59, tzinfo=UTC))
    traits = {"recent": {"of": "sales_order", "count": True, "within": "2 days"}}
    run(warehouse, traits, datetime(2026, 10, 25, 23, tzinfo=UTC))
    assert trait(warehouse, "shop:1", "recent", "days_since_last_order") == (1, 2)


def test_a_window_may_be_over_another_column_and_in_weeks(warehouse: Warehouse) -> None:
    record(warehouse, "erp:1")
    fact(warehouse, "invoice", "erp:1", "1", invoiced_on=date(2026, 1, 1), due_on=date(2026, 11, 8))
    fact(warehouse, "invoice", "erp:1", "2", invoiced_on=date(2026, 11, 20), due_on=date(2026, 11, 7))
    run(
        warehouse,
        {
            "due": {"of": "invoice", "count": True, "within": "2 weeks of due_on"},
            "invoiced": {"of": "invoice", "count": True, "within": "2 weeks"},
        },
    )
    assert trait(warehouse, "erp:1", "due", "invoiced") == (1, 1)


def test_each_way_of_computing_a_trait(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    for key, ago, total, shop in (("a", 30, 10, "web"), ("b", 20, 30, "Ede"), ("c", 10, 5, "web")):
        order(warehouse, "shop:1", key, days_ago(ago), total=total, shop=shop)
    order(warehouse, "shop:1", "d", days_ago(5), total=None, shop=None)
    of: dict[str, Any] = {"of": "sales_order"}
    traits: dict[str, dict[str, Any]] = {
        "n": {**of, "count": True},
        "n_web": {**of, "count": True, "where": "shop = 'web'"},
        "any_dear": {**of, "exists": True, "where": "total > 100"},
        "spent": {**of, "sum": "total", "where": "shop = 'web'"},
        "mean": {**of, "average": "total"},
        "least_spent": {**of, "minimum": "total"},
        "most_spent": {**of, "maximum": "total * 2"},
        "first_shop": {**of, "first": "shop"},
        "last_shop": {**of, "last": "shop"},
        "shop_before": {**of, "last": "shop", "where": "shop <> 'web'"},
        "best_shop": {**of, "favourite": "shop"},
        "richest_shop": {**of, "favourite": "shop", "by": "total"},
        "rhythm": {**of, "median_interval": True},
    }
    run(warehouse, traits)
    assert dict(zip(traits, trait(warehouse, "shop:1", *traits), strict=True)) == {
        "n": 4,
        "n_web": 2,
        "any_dear": False,
        "spent": Decimal(15),
        "mean": Decimal(15),
        "least_spent": Decimal(5),
        "most_spent": Decimal(60),
        "first_shop": "web",
        "last_shop": "web",
        "shop_before": "Ede",
        "best_shop": "web",
        "richest_shop": "Ede",
        "rhythm": Decimal(10),
    }


def test_traits_reach_the_rows_that_a_row_refers_to_within_its_connection(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    with warehouse.begin() as transaction:
        product = transaction.table("product")
        for connection, species in (("shop", "dog"), ("erp", "cat")):
            transaction.execute(product.insert().values(connection=connection, source_key="P1", species=species))
    order(warehouse, "shop:1", "1", days_ago(3), status="cancelled")
    order(warehouse, "shop:1", "2", days_ago(2))
    for key, order_key in (("l1", "1"), ("l2", "2")):
        fact(
            warehouse,
            "order_line",
            "shop:1",
            key,
            order_key=order_key,
            product_key="P1",
            ordered_at=days_ago(2),
            quantity=2,
        )
    run(
        warehouse,
        {
            "favourite_species": {"of": "order_line", "favourite": "product.species", "by": "quantity"},
            "kept": {"of": "order_line", "sum": "quantity", "where": "sales_order.status = 'paid'"},
        },
    )
    assert trait(warehouse, "shop:1", "favourite_species", "kept") == ("dog", Decimal(2))


def test_a_favourite_goes_by_number_then_by_the_latest_then_by_name(warehouse: Warehouse) -> None:
    visits = {
        "web:1": [("cat", 9), ("dog", 5), ("dog", 8)],
        "web:2": [("dog", 3), ("cat", 2)],
        "web:3": [("dog", 2), ("cat", 2)],
        "web:4": [(None, 1), (None, 2), ("cat", 3)],
    }
    for record_id, subjects in visits.items():
        record(warehouse, record_id)
        for number, (subject, ago) in enumerate(subjects):
            fact(warehouse, "web_event", record_id, f"{record_id}-{number}", at=days_ago(ago), subject=subject)
    run(warehouse, {"likes": {"of": "web_event", "favourite": "subject"}})
    assert [trait(warehouse, record_id, "likes") for record_id in visits] == ["dog", "cat", "cat", "cat"]


def test_a_trait_may_have_any_name(warehouse: Warehouse) -> None:
    record(warehouse, "web:1")
    fact(warehouse, "web_event", "web:1", "1", at=days_ago(1), subject="dog", url="/a")
    names = ("place", "value", "weight", "time", "day", "gap", "order", "of_web_event", "select")
    run(warehouse, {name: {"of": "web_event", "favourite": "subject"} for name in names})
    assert trait(warehouse, "web:1", *names) == ("dog",) * len(names)


def test_first_and_last_of_one_moment_are_decided_by_the_value(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    for key, coupon in (("1", "B"), ("2", "C"), ("3", "A")):
        order(warehouse, "shop:1", key, days_ago(1), coupon=coupon)
    order(warehouse, "shop:1", "4", None, coupon="Z")
    run(warehouse, {"f": {"of": "sales_order", "first": "coupon"}, "l": {"of": "sales_order", "last": "coupon"}})
    assert trait(warehouse, "shop:1", "f", "l") == ("A", "C")


def test_the_own_interval_is_the_median_between_days_with_orders(warehouse: Warehouse) -> None:
    customer(warehouse, "shop:1", 100, 70, 60, 0, 0)
    customer(warehouse, "shop:2", 5, 5)
    run(warehouse)
    assert trait(warehouse, "shop:1", "own_order_interval") == Decimal(30)
    assert trait(warehouse, "shop:2", "own_order_interval") is None


def test_traits_build_on_traits_in_any_order(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", birth_date=date(1980, 11, 23), given_name="Anna")
    customer(warehouse, "crm:2", 4)
    run(
        warehouse,
        {
            "a_big": {"is": "z_double > 1"},
            "z_double": {"is": "order_count * 2"},
            "greeting": {"is": "coalesce(given_name, 'klant') || ' ' || life_cycle"},
        },
    )
    assert trait(warehouse, "crm:1", "a_big", "greeting", "age") == (False, "Anna prospect", 45)
    assert trait(warehouse, "crm:2", "a_big", "greeting") == (True, "klant new")


def test_a_project_may_define_a_built_in_trait_anew(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", days_ago(1), status="paid")
    order(warehouse, "shop:1", "2", days_ago(1), status="open")
    run(warehouse, {"spent_lifetime": {"of": "sales_order", "sum": "total", "where": "status = 'paid'"}})
    assert trait(warehouse, "shop:1", "spent_lifetime", "order_count") == (Decimal(10), 2)


# scores and life cycle ----------------------------------------------------------------------------------------------


def test_equal_customers_get_equal_scores(warehouse: Warehouse) -> None:
    for number, frequency in enumerate((1, 1, 1, 1, 1, 1, 2, 2, 3, 9)):
        customer(warehouse, f"shop:{number}", *range(frequency))
    record(warehouse, "crm:none")
    run(warehouse)
    scores = [trait(warehouse, f"shop:{number}", "frequency_score") for number in range(10)]
    assert scores == [1, 1, 1, 1, 1, 1, 4, 4, 5, 5]
    assert trait(warehouse, "crm:none", "frequency_score", "rfm") == (None, None)


def test_rfm_is_the_three_scores_as_one_text(warehouse: Warehouse) -> None:
    customer(warehouse, "shop:1", 300)
    customer(warehouse, "shop:2", 200, 100)
    customer(warehouse, "shop:3", 3, 2, 1)
    run(warehouse)
    names = ("recency_score", "frequency_score", "monetary_score", "rfm")
    assert trait(warehouse, "shop:1", *names) == (1, 1, 1, "111")
    assert trait(warehouse, "shop:2", *names) == (3, 3, 3, "333")
    assert trait(warehouse, "shop:3", *names) == (5, 5, 5, "555")


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((), "prospect"),
        ((90,), "new"),
        ((91,), "active"),
        ((365,), "active"),
        ((366,), "inactive"),
        ((40, 20), "active"),
        ((60, 40), "active"),
        ((61, 41), "inactive"),
        ((400, 5), "active"),
        ((365, 200, 5), "loyal"),
        ((366, 200, 5), "active"),
        ((30, 20, 20), "loyal"),
        ((41, 31, 21), "inactive"),
    ],
)
def test_r31_the_life_cycle_on_exact_days(warehouse: Warehouse, days: tuple[int, ...], expected: str) -> None:
    customer(warehouse, "shop:1", *days)
    run(warehouse)
    assert trait(warehouse, "shop:1", "life_cycle") == expected


def test_r20_the_own_habit_is_exceeded_on_day_91_and_not_on_day_90(warehouse: Warehouse) -> None:
    customer(warehouse, "shop:90", 270, 180, 90)
    customer(warehouse, "shop:91", 271, 181, 91)
    run(warehouse, {"overdue": {"is": "days_since_last_order > own_order_interval"}})
    assert [trait(warehouse, f"shop:{day}", "overdue") for day in (90, 91)] == [False, True]


# when it runs --------------------------------------------------------------------------------------------------------


def test_a_second_run_on_the_same_day_has_nothing_to_do(warehouse: Warehouse) -> None:
    customer(warehouse, "shop:1", 365)
    assert not run(warehouse).skipped
    assert run(warehouse, as_of=NOON + timedelta(hours=1)).skipped
    assert not run(warehouse, as_of=NOON + timedelta(days=1)).skipped
    assert trait(warehouse, "shop:1", "life_cycle") == "inactive"


def test_a_fact_that_is_dated_later_today_counts_from_that_moment(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    order(warehouse, "shop:1", "1", NOON + timedelta(hours=2))
    run(warehouse)
    assert run(warehouse, as_of=NOON + timedelta(hours=1)).skipped
    assert not run(warehouse, as_of=NOON + timedelta(hours=2)).skipped
    assert trait(warehouse, "shop:1", "order_count") == 1
    assert run(warehouse, as_of=NOON + timedelta(hours=3)).skipped
    assert not run(warehouse, as_of=NOON + timedelta(hours=1)).skipped
    assert trait(warehouse, "shop:1", "order_count") == 0


def test_a_column_of_person_stands_for_the_built_in_trait_of_its_name(
    open_on_engine: Callable[[Schema], Warehouse],
) -> None:
    schema = BUILT_IN.extended({"person": [Column("age", "integer")], "source_record": [Column("age", "integer")]}, [])
    warehouse = open_on_engine(schema)
    its = project({"grown_up": {"is": "age >= 18"}}, schema=schema)
    with warehouse.begin() as transaction:
        stored = transaction.table("source_record")
        transaction.execute(stored.insert().values(connection="crm", source_key="1", record_id="crm:1", age=40))
    resolve(warehouse, its, NOON)
    enrich(warehouse, its, NOON)
    assert trait(warehouse, "crm:1", "grown_up") is True


def test_new_data_or_another_definition_is_news(warehouse: Warehouse) -> None:
    record(warehouse, "shop:1")
    run(warehouse)
    assert not run(warehouse, {"x": {"is": "order_count + 1"}}).skipped
    with warehouse.begin() as transaction:
        remember(transaction, "map", "more", NOON)
    assert not run(warehouse, {"x": {"is": "order_count + 1"}}).skipped


def test_traits_over_a_table_of_the_admins(open_on_engine: Callable[[Schema], Warehouse]) -> None:
    table = Table(
        "treatment", "own", "A treatment.", (Column("kind", "text"), Column("on", "date")), personal=True, time="on"
    )
    schema = BUILT_IN.extended({}, [table])
    warehouse = open_on_engine(schema)
    record(warehouse, "crm:1")
    with warehouse.begin() as transaction:
        stored = transaction.table("treatment")
        for key, day in (("1", date(2026, 11, 1)), ("2", date(2026, 11, 30))):
            transaction.execute(
                stored.insert().values(connection="crm", source_key=key, record_id="crm:1", kind="nails", on=day)
            )
    its = project({"treated": {"of": "treatment", "count": True, "within": "30 days"}}, schema=schema)
    resolve(warehouse, its, NOON)
    enrich(warehouse, its, NOON)
    assert trait(warehouse, "crm:1", "treated") == 1


# mistakes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trait", "told"),
    [
        ({"of": "sales_ordr", "count": True}, "there is no table 'sales_ordr'. Did you mean 'sales_order'?"),
        ({"of": "product", "count": True}, "rows of 'product' belong to no person"),
        ({"of": "membership", "count": True}, "'membership' is filled after traits; tables that traits can read"),
        ({"of": "sales_order", "count": True, "where": "order_count > 3"}, "sees the rows only"),
        ({"of": "sales_order", "count": True, "where": "status = paid"}, "written in single quotes: 'paid'"),
        ({"of": "sales_order", "count": True, "within": "9999 years"}, "no calendar reaches back so far"),
        ({"is": "sum(total)"}, "there is no function sum(). An expression looks at one row; totals are traits."),
        ({"is": "days_since(last_order_at) > 30 days"}, "write the days as a number too"),
        ({"is": "value_tier = 'gold'"}, "It comes with the pack `value_tiers`"),
        ({"of": "sales_order", "sum": "totall"}, "there is no 'totall'. Did you mean 'total'?"),
        ({"of": "sales_order", "sum": "status"}, "'sum' needs a number, but this is text"),
        ({"of": "sales_order", "count": True, "where": "total"}, "the condition must be true or false"),
        ({"of": "registration", "maximum": "attended"}, "'maximum' of true and false means nothing"),
        ({"of": "address", "last": "city"}, "'last' needs a table that says when: address has no time"),
        (
            {"of": "sales_order", "count": True, "within": "a while"},
            "write `90 days`, `2 weeks`, `3 months`, `1 year` or `90 days of COLUMN`",
        ),
        ({"of": "sales_order", "count": True, "within": "9 days of total"}, "'total' is number, not a date"),
        ({"of": "sales_order", "count": True, "within": "9 days of ordered"}, "Did you mean 'ordered_at'?"),
        ({"of": "address", "count": True, "within": "9 days"}, "address has no time: write `9 days of COLUMN`"),
        ({"of": "sales_order", "sum": "total", "by": "total"}, "`by` goes with `favourite` and `ratio` only"),
        ({"of": "sales_order", "favourite": "shop", "by": "status"}, "`by` weighs with a number, but this is text"),
        ({"of": "sales_order", "last": "as_of - ordered_at"}, "days_between()"),
        ({"is": "order_cont + 1"}, "there is no 'order_cont'. Did you mean 'order_count'?"),
        ({"is": "order_count +"}, "expression"),
        ({"is": "email(email) = 'x'"}, "email() can be used in mappings only"),
    ],
)
def test_a_wrong_trait_is_told_with_a_remedy(trait: dict[str, Any], told: str) -> None:
    (problem,) = trait_problems(project({"mine": trait}), NOON)
    assert told in problem.message


def test_a_name_longer_than_engines_keep_is_told_of_each_member_of_a_family() -> None:
    name = "n" * 58
    of_orders = {"of": "sales_order", "count": True, "within": ["9 days", "30 days", "365 days"]}
    assert trait_problems(project({name: {**of_orders, "within": ["9 days", "30 days"]}}), NOON) == []
    (problem,) = trait_problems(project({f"{name}n": {**of_orders, "within": ["9 days", "365 days"]}}), NOON)
    assert problem.message.startswith(f"the name '{name}n_365d' has 64 characters, and engines keep 63")


def test_a_built_in_trait_that_fails_with_ones_own_names_ones_own(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").write_text("name: Shop\n", encoding="utf-8")
    (tmp_path / "traits").mkdir()
    file = tmp_path / "traits" / "own.yaml"
    file.write_text("traits:\n  order_count: {is: gender}\n", encoding="utf-8")
    (problem,) = check_project(load_project(tmp_path), NOON)
    assert str(problem).startswith("traits/own.yaml:2:3: the built-in 'life_cycle' builds on it and fails: text and")
    # what results are grouped by unless hub.yaml says otherwise is told where it was made unfit
    file.write_text("traits:\n  life_cycle: {is: order_count}\n", encoding="utf-8")
    (problem,) = check_project(load_project(tmp_path), NOON)
    assert str(problem).startswith("traits/own.yaml:2:3: 'life_cycle' is of the type integer")


def test_traits_in_a_circle_are_told_as_a_circle() -> None:
    traits = {"a": {"is": "b + 1"}, "b": {"is": "c + 1"}, "c": {"is": "a + 1"}, "d": {"is": "a"}}
    (problem,) = trait_problems(project(traits), NOON)
    assert problem.message == "traits use each other in a circle: a -> b -> c -> a"


def test_a_trait_that_uses_a_wrong_one_is_not_told_again() -> None:
    traits = {"wrong": {"is": "nothing_there"}, "uses_it": {"is": "wrong + 1"}}
    assert [problem.file for problem in trait_problems(project(traits), NOON)] == ["trait wrong"]


def test_all_mistakes_stop_the_stage_before_it_starts(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="there is no 'x'") as caught:
        enrich(warehouse, project({"a": {"is": "x"}, "b": {"is": "y"}}), NOON)
    assert len(caught.value.problems) == 2
