"""Recommendations after news: only who is touched is looked at, and all have what a look at everybody would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.project import Project
from hub.project.recommendations import RecommendationsFile
from hub.stages.enrich.recommend import keep_recommendations
from hub.stages.enrich.recommended_before import Before
from hub.warehouse import Transaction, Warehouse
from tests.stages.world import NOON, add, project

PEOPLE, PRODUCTS = 6, 6
ASKED = {"within": "30 days", "again_after": "10 days", "least": 1, "at_most": 3, "products": "price > 0"}
WHAT = ("person_id", "rank", "connection", "product_key", "way", "because", "people", "reason")


def asking(**changes: Any) -> Project:
    return replace(project(), recommendations=RecommendationsFile.model_validate({**ASKED, **changes}))


def fill(warehouse: Warehouse) -> None:
    """Give a shop with products and people, each person with two records."""
    for number in range(PRODUCTS):
        row = {"source_key": f"p{number}", "name": f"P{number}", "category": "ab"[number % 2], "price": 5}
        add(warehouse, "product", {"connection": "web", **row})
    for number in range(PEOPLE):
        for side in ("web", "till"):
            row = {"connection": side, "source_key": str(number), "record_id": f"{side}:{number}", "person_id": number}
            add(warehouse, "source_record", row)


def empty(warehouse: Warehouse) -> None:
    """Take everything out again that a shop and what happened in it left."""
    facts = ("product", "source_record", "sales_order", "order_line", "web_event")
    with warehouse.begin() as transaction:
        for name in (*facts, "recommendation", "recommended_person", "recommended_list", "stage_state"):
            transaction.execute(sa.delete(transaction.table(name)))


# what may happen: a name, and numbers that say to whom and to what

person, product = st.integers(0, PEOPLE - 1), st.integers(0, PRODUCTS - 1)
happening = st.one_of(
    st.tuples(st.just("buy"), person, st.lists(product, min_size=1, max_size=3, unique=True), st.integers(0, 40)),
    st.tuples(st.just("view"), person, product, st.integers(0, 40)),
    st.tuples(st.just("cancel"), st.integers(0, 12)),
    st.tuples(st.just("merge"), person, person),
    st.tuples(st.just("product"), product, st.sampled_from(["name", "category", "price", "gone"]), st.integers(0, 1)),
    st.tuples(st.just("days"), st.sampled_from([1, 5, 11])),
)


class Played:
    """A shop to which things happen; `now` goes on."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.now = NOON
        self.orders = 0
        self.views = 0

    def happens(self, what: tuple[Any, ...]) -> None:
        getattr(self, f"_{what[0]}")(*what[1:])

    def _buy(self, who: int, products: list[int], ago: int) -> None:
        at, key = self.now - timedelta(days=ago), f"o{self.orders}"
        self.orders += 1
        mine = {"connection": "web", "record_id": f"web:{who}", "ordered_at": at}
        add(self.warehouse, "sales_order", {**mine, "source_key": key, "status": "paid"})
        for number in products:
            line = {**mine, "source_key": f"{key}-{number}", "order_key": key, "product_key": f"p{number}"}
            add(self.warehouse, "order_line", line)

    def _view(self, who: int, number: int, ago: int) -> None:
        row = {"source_key": f"v{self.views}", "record_id": f"till:{who}", "type": "view", "product_key": f"p{number}"}
        self.views += 1
        add(self.warehouse, "web_event", {"connection": "web", **row, "at": self.now - timedelta(days=ago)})

    def _cancel(self, number: int) -> None:
        self._change("sales_order", {"source_key": f"o{number}"}, {"status": "cancelled"})

    def _merge(self, who: int, into: int) -> None:
        self._change("source_record", {"record_id": f"till:{who}"}, {"person_id": into})

    def _product(self, number: int, what: str, value: int) -> None:
        changes: Mapping[str, Any] = {
            "name": {"name": f"named {value}"},
            "category": {"category": [None, "b"][value]},
            "price": {"price": value},
            "gone": {"connection": ["web", "elsewhere"][value]},
        }[what]
        self._change("product", {"source_key": f"p{number}"}, changes)

    def _days(self, days: int) -> None:
        self.now += timedelta(days=days)

    def _change(self, table: str, which: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        with self.warehouse.begin() as transaction:
            stored = transaction.table(table)
            same = [stored.c[name] == value for name, value in which.items()]
            transaction.execute(sa.update(stored).where(*same).values(**values))

    def kept(self, its: Project) -> list[tuple[Any, ...]]:
        """What there is after a run that looks at news only."""
        with self.warehouse.begin() as transaction:
            keep_recommendations(transaction, its, self.now)
            return told(transaction)

    def of_everybody(self, its: Project) -> list[tuple[Any, ...]]:
        """What a look at everybody gives; nothing of it is kept."""
        with self.warehouse.engine.connect() as connection:
            transaction = self.warehouse._transaction(connection, self.warehouse.schema)
            Before(transaction, None).forget()
            keep_recommendations(transaction, its, self.now)
            found = told(transaction)
            connection.rollback()
        return found


def told(transaction: Transaction) -> list[tuple[Any, ...]]:
    kept = transaction.table("recommendation")
    return sorted(tuple(row) for row in transaction.rows(sa.select(*(kept.c[name] for name in WHAT))))


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(days=st.lists(st.lists(happening, min_size=2, max_size=6), min_size=2, max_size=4))
def test_after_any_news_everybody_has_what_a_look_at_everybody_gives(
    warehouse: Warehouse, days: list[list[tuple[Any, ...]]]
) -> None:
    empty(warehouse)
    fill(warehouse)
    played, its = Played(warehouse), asking()
    for happenings in days:
        for what in happenings:
            played.happens(what)
        assert played.kept(its) == played.of_everybody(its)


@pytest.fixture
def played(warehouse: Warehouse) -> Played:
    fill(warehouse)
    return Played(warehouse)


def looked_at(played: Played, its: Project) -> set[int]:
    """Whom a run looks at."""
    with played.warehouse.begin() as transaction:
        again = sa.table("recommended_again", sa.column("person_id"))
        transaction.let_go(again)
        keep_recommendations(transaction, its, played.now)
        return (
            {row.person_id for row in transaction.rows(sa.select(again))} if transaction.exists(again.name) else set()
        )


def two_circles(played: Played) -> Project:
    """Let 0, 1, 2 buy the even products, and 3 and 4 the odd ones."""
    its = asking()
    for who in (0, 1, 2):
        played.happens(("buy", who, [0, 2], 1))
    for who in (3, 4):
        played.happens(("buy", who, [1, 3], 1))
    assert looked_at(played, its) == {0, 1, 2, 3, 4}
    return its


def test_without_news_nobody_is_looked_at(played: Played) -> None:
    its = two_circles(played)
    assert looked_at(played, its) == set()


def test_an_order_touches_who_ordered_and_who_starts_from_the_same_products(played: Played) -> None:
    its = two_circles(played)
    played.happens(("buy", 5, [0, 4], 1))
    assert looked_at(played, its) == {0, 1, 2, 5}
    assert played.kept(its) == played.of_everybody(its)


def test_what_falls_out_of_a_window_touches_who_did_it(played: Played) -> None:
    its = two_circles(played)
    played.happens(("buy", 5, [1], 9))
    looked_at(played, its)
    played.happens(("days", 1))
    assert looked_at(played, its) == set()  # the tenth day
    played.happens(("days", 1))
    assert looked_at(played, its) == {5}
    assert played.kept(its) == played.of_everybody(its)


def test_another_name_is_told_without_looking_at_anybody_and_another_file_touches_everybody(played: Played) -> None:
    its = two_circles(played)
    played.happens(("buy", 5, [1], 1))
    looked_at(played, its)
    played.happens(("product", 1, "name", 1))
    assert looked_at(played, its) == set()
    assert "named 1" in {row[WHAT.index("because")] for row in played.kept(its)}
    assert played.kept(its) == played.of_everybody(its)
    assert looked_at(played, asking(at_most=2)) == {0, 1, 2, 3, 4, 5}


def test_a_list_that_differs_further_down_than_was_read_touches_nobody_else(played: Played) -> None:
    its = asking(at_most=1, by=["bought_together"])
    for who, products in ((0, [0]), (1, [0, 1]), (2, [0, 1]), (3, [0, 1, 2])):
        played.happens(("buy", who, products, 1))
    looked_at(played, its)
    played.happens(("buy", 4, [0, 3], 1))
    assert looked_at(played, its) == {3, 4}  # 3 has bought all that there was, and has read to the end
    assert played.kept(its) == played.of_everybody(its)


def test_who_becomes_one_with_another_leaves_nothing_behind(played: Played) -> None:
    its = two_circles(played)
    played.happens(("view", 5, 0, 1))
    played.happens(("view", 0, 4, 1))
    looked_at(played, its)
    for what in (("merge", 5, 3), ("merge", 0, 3)):
        played.happens(what)
    assert played.kept(its) == played.of_everybody(its)


def test_after_all_that_can_happen_each_engine_has_what_a_look_at_everybody_gives(played: Played) -> None:
    its = two_circles(played)
    for what in (
        ("view", 0, 1, 2),
        ("view", 3, 1, 2),
        ("view", 3, 5, 1),
        ("buy", 5, [0, 1, 5], 20),
        ("cancel", 1),
        ("product", 3, "category", 0),
        ("product", 2, "price", 0),
        ("days", 5),
        ("merge", 4, 1),
        ("product", 0, "gone", 1),
        ("days", 11),
        ("product", 0, "gone", 0),
        ("days", 11),
    ):
        played.happens(what)
        assert played.kept(its) == played.of_everybody(its), what
    assert played.kept(its)
