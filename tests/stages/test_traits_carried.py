"""Traits while only time goes on: whoever is not touched keeps theirs, and all have what a look at everybody gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.people.traits import plan_traits
from hub.project import Project
from hub.schema import BUILT_IN
from hub.stages.enrich import enrich
from hub.stages.enrich.aggregate import Aggregates, aggregates
from hub.stages.enrich.derive import derived
from hub.warehouse import Warehouse, open_warehouse
from hub.warehouse.state import fingerprint, remember
from tests.stages.world import add, project

START = datetime(2026, 3, 20, 9, tzinfo=UTC)
"""A week before the clock goes forward, and the shortest month is just over."""
PEOPLE = 5

TRAITS: Mapping[str, Mapping[str, Any]] = {
    "recent": {"of": "sales_order", "count": True, "within": "5 days"},
    "spent": {"of": "sales_order", "sum": "total", "within": ["1 week", "1 month"], "where": "status = 'paid'"},
    "per_state": {"of": "sales_order", "count": True, "per": {"status": ["paid", "open"]}},
    "first_status": {"of": "sales_order", "first": "status", "within": "10 days"},
    "last_status": {"of": "sales_order", "last": "status"},
    "paid_share": {"of": "sales_order", "ratio": "status = 'paid'", "within": "2 weeks"},
    "usual": {"of": "sales_order", "average": "total"},
    "rhythm": {"of": "sales_order", "median_interval": True},
    "this_morning": {"of": "sales_order", "count": True, "where": "ordered_at > as_of - interval '12 hours'"},
    "favourite": {"of": "order_line", "favourite": "product.category", "by": "quantity", "within": "1 month"},
    "kinds": {"of": "order_line", "distinct": "product.category"},
    "owes": {"of": "invoice", "sum": "amount"},
    "due": {"of": "invoice", "count": True, "within": "3 days of due_on"},
    "billed": {"of": "invoice", "exists": True, "within": "4 days"},
    "written_to": {"of": "message", "count": True, "within": "3 days"},
    "clicked_welcome": {"of": "message_event", "exists": True, "where": "message.campaign = 'welcome'"},
    "days_quiet": {"is": "days_since(last_order_at)"},
    "place": {"rank": "spent_1m", "among": "recent > 0"},
}
SCORES: Mapping[str, Mapping[str, Any]] = {
    "heat": {
        "half_life": "3 days",
        "parts": {
            "orders": {"of": "sales_order", "weight": 10},
            "lines": {"of": "order_line", "weight": "quantity", "half_life": "7 days", "at_most": 5},
        },
    },
    "plain": {"parts": {"orders": {"of": "sales_order", "weight": 2, "within": "4 days"}}},
}

hours = st.integers(-24 * 40, 24 * 40)
person = st.integers(0, PEOPLE - 1)
happened = st.tuples(person, hours, st.sampled_from(["paid", "open", "cancelled"]), st.integers(1, 90))


def its() -> Project:
    return project(TRAITS, scores=SCORES)


def fill(warehouse: Warehouse, orders: list[tuple[int, int, str, int]], late: set[int]) -> None:
    """Give a shop whose orders are lines and invoices too; people in `late` are not known yet."""
    for number, category in enumerate(("food", "toys", None)):
        add(warehouse, "product", {"connection": "web", "source_key": f"p{number}", "category": category})
    for number in range(PEOPLE):
        row = {"connection": "web", "source_key": str(number), "record_id": f"web:{number}", "person_id": number}
        add(warehouse, "source_record", row)
        if number not in late:
            arrive(warehouse, number)
    for number, (who, hour, status, amount) in enumerate(orders):
        at = START + timedelta(hours=hour)
        mine = {"connection": "web", "source_key": f"o{number}", "record_id": f"web:{who}"}
        add(warehouse, "sales_order", {**mine, "ordered_at": at, "status": status, "total": amount})
        line = {"order_key": f"o{number}", "product_key": f"p{amount % 3}", "quantity": amount % 4}
        add(warehouse, "order_line", {**mine, **line, "ordered_at": at})
        days = {"invoiced_on": at.date(), "due_on": at.date() + timedelta(days=amount % 9)}
        add(warehouse, "invoice", {**mine, **days, "amount": amount})
        event = {"message_key": f"m{number % 3}", "type": "clicked", "at": at}
        add(warehouse, "message_event", {**mine, "connection": "mail", **event})


def arrive(warehouse: Warehouse, number: int) -> None:
    add(warehouse, "person", {"person_id": number, "record_id": f"web:{number}", "records": 1})
    tell(warehouse, "resolve", f"{number} came")


def write_to(warehouse: Warehouse, number: int, who: int, at: datetime) -> None:
    """Leave a message behind, as scenarios do after traits were computed at that moment."""
    row = {"connection": "mail", "source_key": f"m{number}", "record_id": f"web:{who}", "sent_at": at}
    add(warehouse, "message", {**row, "campaign": "welcome"})
    tell(warehouse, "decide", f"{number} at {at}")


def tell(warehouse: Warehouse, stage: str, news: str) -> None:
    with warehouse.begin() as transaction:
        remember(transaction, stage, fingerprint(news), START)


def kept(warehouse: Warehouse, at: datetime) -> list[tuple[Any, ...]]:
    """What people have after a run that only looks at what time changed."""
    enrich(warehouse, its(), at, facts_stay=True)
    with warehouse.begin() as transaction:
        plan = plan_traits(its(), at)
        return sorted(tuple(row) for row in transaction.rows(sa.select(*plan.table().c)))


def of_everybody(warehouse: Warehouse, at: datetime) -> list[tuple[Any, ...]]:
    """What a look at everybody gives."""
    with warehouse.begin() as transaction:
        plan = plan_traits(its(), at)
        found = Aggregates(aggregates(transaction, its(), plan.of_facts, at))
        return sorted(tuple(row) for row in transaction.rows(derived(transaction, plan, found)))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    orders=st.lists(happened, min_size=1, max_size=12),
    late=st.sets(person, max_size=2),
    steps=st.lists(st.sampled_from([1, 8, 23, 24, 25, 72, 24 * 12]), min_size=2, max_size=6),
)
def test_while_time_goes_on_everybody_has_what_a_look_at_everybody_gives(
    tmp_path_factory: pytest.TempPathFactory,
    orders: list[tuple[int, int, str, int]],
    late: set[int],
    steps: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("carried")
    warehouse = open_warehouse("duckdb", BUILT_IN, folder, [folder])
    try:
        fill(warehouse, orders, late)
        now, waiting = START, sorted(late)
        for number, step in enumerate(steps):
            now += timedelta(hours=step)
            assert kept(warehouse, now) == of_everybody(warehouse, now)
            write_to(warehouse, number, step % PEOPLE, now)
            if waiting:
                arrive(warehouse, waiting.pop())
        assert kept(warehouse, now + timedelta(hours=1)) == of_everybody(warehouse, now + timedelta(hours=1))
    finally:
        warehouse.close()


ORDERS = [(0, -24 * 5, "paid", 10), (0, 20, "open", 5), (1, -2, "paid", 7), (2, 24 * 9, "paid", 4)]


def test_each_engine_gives_the_same_across_the_clock_going_forward(warehouse: Warehouse) -> None:
    fill(warehouse, ORDERS, {4})
    for day in range(12):
        now = START + timedelta(days=day)
        assert kept(warehouse, now) == of_everybody(warehouse, now)
        write_to(warehouse, day, day % PEOPLE, now)
        if day == 5:
            arrive(warehouse, 4)


def looked_at(warehouse: Warehouse, table: str, at: datetime) -> set[int]:
    """Whom a run computes anew from a table."""
    enrich(warehouse, its(), at, facts_stay=True)
    with warehouse.begin() as transaction:
        return set(transaction.connection.execute(sa.text(f"SELECT person_id FROM touched_by_{table}")).scalars())


def test_only_people_with_a_row_that_happens_or_leaves_a_window_are_computed_anew(warehouse: Warehouse) -> None:
    fill(warehouse, ORDERS, set())
    kept(warehouse, START)
    assert looked_at(warehouse, "sales_order", START + timedelta(days=1)) == {0}  # one order leaves, another comes
    assert looked_at(warehouse, "sales_order", START + timedelta(days=2)) == set()
    assert looked_at(warehouse, "sales_order", START + timedelta(days=3)) == {0}  # more than a week after the first


def test_going_back_in_time_looks_at_everybody(warehouse: Warehouse) -> None:
    fill(warehouse, ORDERS, set())
    kept(warehouse, START + timedelta(days=10))
    assert kept(warehouse, START) == of_everybody(warehouse, START)
