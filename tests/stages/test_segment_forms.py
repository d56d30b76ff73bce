"""Forms of segments: rows of other tables, sets, exclusions, tops and samples: on DuckDB and on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from hub.expressions import ExpressionError, compile_condition
from hub.people.scope import person_scope, reading_scope
from hub.people.segments import segment_problems
from hub.project.segments import Segment
from hub.report import Report
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, add, fact, project, record, resolve, rows

Segments = Mapping[str, str | Mapping[str, Any]]


def run(warehouse: Warehouse, segments: Segments, as_of: datetime = NOON) -> Report:
    its = project({}, segments)
    with warehouse.begin() as transaction:
        remember(transaction, "map", as_of.isoformat(), as_of)
    resolve(warehouse, its, as_of)
    enrich(warehouse, its, as_of)
    return segment(warehouse, its, as_of)


def members(warehouse: Warehouse) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for person_id, name in rows(warehouse, "membership", "person_id", "segment"):
        found.setdefault(name, set()).add(person_id)
    return found


def people(warehouse: Warehouse, count: int, **columns: Any) -> None:
    for number in range(1, count + 1):
        record(warehouse, f"crm:{number:03}", **columns)


def bought(warehouse: Warehouse, number: int, category: str, *days: int, quantity: int = 1) -> None:
    for ago in days:
        fact(
            warehouse,
            "order_line",
            f"crm:{number:03}",
            f"{number}-{category}-{ago}",
            product_key=category,
            ordered_at=NOON - timedelta(days=ago),
            quantity=quantity,
        )


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    add(warehouse, "product", *({"connection": "crm", "source_key": it, "category": it} for it in ("kibble", "toys")))
    people(warehouse, 4)
    bought(warehouse, 1, "kibble", 30)
    bought(warehouse, 2, "kibble", 31)
    bought(warehouse, 2, "toys", 1, 2, 3)
    bought(warehouse, 3, "kibble", -1)
    return warehouse


# rows of other tables ------------------------------------------------------------------------------------------------

HAS: dict[str, str] = {
    "any": "has('order_line')",
    "none": "not has('order_line')",
    "recent_kibble": "has('order_line', product.category = 'kibble', 30 days)",
    "kibble": "has('order_line', product.category = 'kibble')",
    "lately": "has('order_line', 1 week)",
    "twice": "has_times(2, 'order_line', product.category = 'toys', 30 days)",
    "four_times": "has_times(4, 'order_line', product.category = 'toys')",
    "toys_no_recent_kibble": "has('order_line', product.category = 'toys') "
    "and not has('order_line', product.category = 'kibble', 30 days)",
}
HOLD = {
    "any": {1, 2},
    "none": {3, 4},
    "recent_kibble": {1},
    "kibble": {1, 2},
    "lately": {2},
    "twice": {2},
    "toys_no_recent_kibble": {2},
}


def test_r32_a_segment_may_ask_for_rows_of_other_tables(shop: Warehouse) -> None:
    run(shop, HAS)
    assert members(shop) == HOLD


@pytest.mark.parametrize("name", HAS)
def test_scenarios_and_previews_ask_for_the_same_rows(shop: Warehouse, name: str) -> None:
    run(shop, HAS)
    its = project({}, HAS)
    with shop.begin() as transaction:
        for everybody in (person_scope(transaction, its, NOON), reading_scope(its, NOON)):
            condition = compile_condition(HAS[name], everybody.scope).element
            found = set(transaction.connection.scalars(sa.select(everybody.person_id).where(condition)))
            assert found == HOLD.get(name, set())


def test_a_row_that_is_dated_later_counts_from_that_moment(shop: Warehouse) -> None:
    its = {"kibble": "has('order_line', product.category = 'kibble')"}
    run(shop, its)
    assert segment(shop, project({}, its), NOON + timedelta(hours=1)).skipped
    assert run(shop, its, NOON + timedelta(days=1)).counts["entered"] == 1


def test_company_data_is_reached_through_the_role(warehouse: Warehouse) -> None:
    people(warehouse, 2)
    sectors = {"1": ("retail", 80), "2": ("retail", 8)}
    for key, (sector, employees) in sectors.items():
        given = {"connection": "crm", "source_key": key, "sector": sector, "employees": employees, "kvk": "12345678"}
        add(warehouse, "organisation", given)
        fact(warehouse, "role", f"crm:00{key}", key, organisation_key=key)
    run(warehouse, {"large": "has('role', organisation.sector = 'retail' and organisation.employees > 50)"})
    assert members(warehouse) == {"large": {1}}


def test_each_table_is_read_once_however_many_segments_ask_for_its_rows(
    shop: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = project({}, {**HAS, **{f"n{number}": f"has_times({number}, 'order_line')" for number in range(1, 30)}})
    resolve(shop, its, NOON)
    enrich(shop, its, NOON)
    with shop.begin() as transaction:
        kind = type(transaction)
    hold, reads = kind.hold, []

    def held(self: Transaction, name: str, query: Any) -> sa.TableClause:
        written = str(query.compile(dialect=self.connection.dialect))
        reads.extend([name] * len(re.findall(r'store"?\."?order_line\b', written)))
        return hold(self, name, query)

    monkeypatch.setattr(kind, "hold", held)
    segment(shop, its, NOON)
    assert reads == ["asked_of_order_line"]


# geography -----------------------------------------------------------------------------------------------------------


def test_r32_people_live_in_areas_of_postcodes(warehouse: Warehouse) -> None:
    for number, (postcode, country) in enumerate(
        [("1000AA", "NL"), ("1099ZZ", "NL"), ("1100AA", "NL"), ("2511AB", "NL"), ("1000", "BE"), (None, "NL")], 1
    ):
        record(warehouse, f"crm:{number:03}", email=f"p{number}@example.nl")
        fact(warehouse, "address", f"crm:{number:03}", f"{number}", kind="home", postcode=postcode, country=country)
    run(
        warehouse,
        {
            "amsterdam": "country = 'NL' and postcode_in(postcode, '1000-1099')",
            "streets": "postcode_in(postcode, '1100, 2511AA-2511AZ')",
            "elsewhere": "not postcode_in(postcode, '1000-1099')",
        },
    )
    assert members(warehouse) == {"amsterdam": {1, 2}, "streets": {3, 4}, "elsewhere": {3, 4}}


@pytest.mark.parametrize("areas", ["1000-200", "2000-1000", "", "10 00"])
def test_a_wrong_area_is_told(areas: str) -> None:
    (problem,) = segment_problems(project({}, {"mine": f"postcode_in(postcode, '{areas}')"}), NOON)
    assert "is no area" in problem.message


# sets and exclusions -------------------------------------------------------------------------------------------------


def test_segments_make_sets_of_segments(shop: Warehouse) -> None:
    run(
        shop,
        {
            "odd": "person_id % 2 = 1",
            "early": "person_id < 3",
            "either": {"any": ["odd", "early"]},
            "both": {"all": ["odd", "early"]},
            "odd_only": {"any": ["odd"], "except": ["early"]},
            "mixed": {"any": ["odd", "early"], "where": "has('order_line')", "except": ["both"]},
        },
    )
    assert members(shop) == {
        "odd": {1, 3},
        "early": {1, 2},
        "either": {1, 2, 3},
        "both": {1},
        "odd_only": {3},
        "mixed": {2},
    }


def test_r30_a_25_year_old_is_never_offered_reading_glasses(warehouse: Warehouse) -> None:
    as_of = datetime(2026, 11, 22, 12, tzinfo=UTC)
    births = (date(2001, 11, 22), date(1986, 11, 23), date(1986, 11, 22), date(1950, 1, 1), None)
    for number, birth_date in enumerate(births, 1):
        record(warehouse, f"crm:{number:03}", birth_date=birth_date)
    run(
        warehouse,
        {
            "interested": "true",
            "too_young": "age < 40",
            "by_exclusion": {"all": ["interested"], "except": ["too_young"]},
            "by_condition": {"all": ["interested"], "where": "age >= 40"},
        },
        as_of,
    )
    found = members(warehouse)
    assert found["by_condition"] == {3, 4}
    # who is not known to be too young is not excluded: a condition that must hold says `where`
    assert found["by_exclusion"] == {3, 4, 5}


# tops and samples ----------------------------------------------------------------------------------------------------


def test_a_top_has_those_with_most_and_ties_are_broken_the_same_way_every_day(warehouse: Warehouse) -> None:
    people(warehouse, 10)
    for number in range(1, 10):
        total = 50 if number <= 5 else number * 100
        key = f"crm:{number:03}"
        fact(warehouse, "sales_order", key, key, ordered_at=NOON - timedelta(days=9), status="paid", total=total)
    segments: Segments = {
        "best_three": {"where": "true", "top": 3, "by": "spent_lifetime"},
        "best_six": {"where": "true", "top": 6, "by": "spent_lifetime"},
        "best_half": {"where": "person_id < 9", "top": "50%", "by": "spent_lifetime"},
        "everybody": {"where": "true", "top": 100, "by": "spent_lifetime"},
        "best_but_one": {"all": ["best_three"], "where": "person_id <> 9"},
        "worst_two": {"any": ["everybody"], "top": 2, "by": "-spent_lifetime"},
    }
    run(warehouse, segments)
    found = members(warehouse)
    assert found["best_three"] == {7, 8, 9}
    assert found["best_six"] > {6, 7, 8, 9}
    assert len(found["best_six"]) == 6
    assert found["best_half"] > {6, 7, 8}
    assert len(found["best_half"]) == 4
    assert found["everybody"] == set(range(1, 10)), "who has no value is in no top"
    assert found["best_but_one"] == {7, 8}
    assert len(found["worst_two"] & {1, 2, 3, 4, 5}) == 2
    assert run(warehouse, segments, NOON + timedelta(days=1)).counts["entered"] == 0
    assert members(warehouse) == found


def test_a_sample_stays_what_it_was_when_others_come(warehouse: Warehouse) -> None:
    people(warehouse, 200)
    segments: Segments = {
        "tenth": {"where": "true", "sample": "10%"},
        "other_tenth": {"where": "true", "sample": "10%"},
        "twenty": {"where": "true", "sample": 20},
        "all_of_them": {"where": "true", "sample": "100%"},
    }
    run(warehouse, segments)
    first = members(warehouse)
    assert 8 <= len(first["tenth"]) <= 35
    assert first["tenth"] != first["other_tenth"]
    assert (len(first["twenty"]), len(first["all_of_them"])) == (20, 200)
    for number in range(201, 251):
        record(warehouse, f"crm:{number}")
    run(warehouse, segments, NOON + timedelta(days=1))
    second = members(warehouse)
    assert {one for one in second["tenth"] if one <= 200} == first["tenth"]
    assert len(second["twenty"]) == 20


def test_nobody_is_a_sample_of_nobody(warehouse: Warehouse) -> None:
    assert run(warehouse, {"a": {"where": "true", "sample": "50%"}, "b": {"where": "true", "sample": 5}}).rows_in == 0


# mistakes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "told"),
    [
        ("has(order_line)", "it is written has('table'[, condition][, 30 days])"),
        ("has()", "it is written has('table'[, condition][, 30 days])"),
        ("has('order_line', quantity > 1, quantity > 2)", "it is written has("),
        ("has('order_lin')", "there is no table 'order_lin'. Did you mean 'order_line'?"),
        ("has('product')", "rows of 'product' belong to no person"),
        ("has('order_line', quantty > 1)", "there is no 'quantty'. Did you mean 'quantity'?"),
        ("has('order_line', quantity)", "the condition must be true or false"),
        ("has('order_line', 3 hours)", "rows are told apart by days, weeks, months or years"),
        ("has('address', 3 days)", "address has no time"),
        ("has('order_line', has('web_event'))", "there is no function has(). It is about the person"),
        ("has('order_line', age > 3)", "there is no 'age'. It is about the person"),
        ("has('order_line', 99999 years)", "no calendar reaches back so far"),
        ("gold and age > 3", "there is no 'gold'. It is a segment: write member_of('gold')."),
        ('gender = "F"', "A text is written in single quotes: 'F'."),
        ("member_of('premium')", "there is no segment 'premium'. It comes with the pack `value_tiers`"),
        ({"where": "true", "top": 3, "by": "consents('email')"}, "ranked by a number, a text or a moment, not by"),
        ("has_times('order_line')", "first comes how many rows at least"),
        ("has_times(0, 'order_line')", "first comes how many rows at least"),
        ({"any": ["gould"]}, "there is no segment 'gould'. Did you mean 'gold'?"),
        ({"where": "true", "except": ["gould"]}, "there is no segment 'gould'. Did you mean 'gold'?"),
        ({"where": "true", "top": 3, "by": "spent"}, "there is no 'spent'"),
        ("member_of('mine')", "it asks for itself"),
        ({"where": "true", "except": ["mine"]}, "it asks for itself"),
    ],
)
def test_a_wrong_segment_is_told_with_a_remedy(segment: Any, told: str) -> None:
    (problem,) = segment_problems(project({}, {"gold": "true", "mine": segment}), NOON)
    assert told in problem.message


def test_the_place_of_a_mistake_inside_has_is_told() -> None:
    its = project()
    with pytest.raises(ExpressionError) as caught:
        compile_condition("age > 3 and has('order_line', quantty > 1)", reading_scope(its, NOON).scope)
    assert caught.value.column == 31


def test_a_circle_over_sets_is_told() -> None:
    segments: Segments = {"a": {"any": ["b"]}, "b": {"where": "true", "except": ["a"]}}
    (problem,) = segment_problems(project({}, segments), NOON)
    assert problem.message == "segments ask for each other in a circle: a -> b -> a"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"except": ["a"]}, "say who is in it"),
        ({"where": "true", "top": 3}, "`top` and `by` go together"),
        ({"where": "true", "by": "age"}, "`top` and `by` go together"),
        ({"where": "true", "top": 3, "by": "age", "sample": 2}, "`top` or `sample`, not both"),
        ({"where": "true", "sample": 0.5}, "write a whole number of people, or a percentage"),
        ({"where": "true", "sample": "some"}, "write a whole number of people, or a percentage"),
        ({"where": "true", "sample": 0}, "write a whole number of people, or a percentage"),
        ({"where": "true", "sample": "120%"}, "a percentage is from 0% to 100%"),
        ({"where": "true", "sample": "0%"}, "write a whole number of people, or a percentage"),
    ],
)
def test_a_segment_of_no_form_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Segment.model_validate(given)
