"""Recommendations: what others bought and viewed, with the reason of each (R11): on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.people.recommendations import product_scope
from hub.project import Project
from hub.project.models import HubFile
from hub.project.recommendations import RecommendationsFile
from hub.project.scenario import Scenario
from hub.report import Report
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.enrich import enrich
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.engagement import NOW, WELCOME, shop_in
from tests.stages.world import NOON, add, fact, project, record, resolve, rows

EVERYTHING = {"least": 1}
PRODUCTS = {
    "kibble": ("Kibble", "food"),
    "can": ("Can", "food"),
    "treat": ("Treat", "food"),
    "bowl": ("Bowl", "things"),
    "lead": ("Lead", "things"),
}


@pytest.fixture
def shop(warehouse: Warehouse) -> Warehouse:
    """Give a shop with five products and four people who did nothing yet."""
    for key, (name, category) in PRODUCTS.items():
        add(warehouse, "product", {"connection": "web", "source_key": key, "name": name, "category": category})
    for number in range(1, 5):
        record(warehouse, f"web:{number}")
    return warehouse


def bought(warehouse: Warehouse, person: int, *products: str, ago: float = 1, status: str = "paid") -> None:
    at = NOON - timedelta(days=ago)
    order = f"o{person}-{ago}-{'-'.join(products)}"
    fact(warehouse, "sales_order", f"web:{person}", order, ordered_at=at, status=status)
    for product in products:
        line = {"order_key": order, "product_key": product, "ordered_at": at}
        fact(warehouse, "order_line", f"web:{person}", f"{order}-{product}", **line)


def viewed(warehouse: Warehouse, person: int, *products: str, ago: float = 1) -> None:
    for place, product in enumerate(products):
        at = NOON - timedelta(days=ago, minutes=-place)
        event = {"type": "view", "at": at, "product_key": product}
        fact(warehouse, "web_event", f"web:{person}", f"v{person}-{ago}-{product}", **event)


def asking(asked: Mapping[str, Any] | None) -> Project:
    form = RecommendationsFile.model_validate(asked) if asked is not None else None
    return replace(project(), recommendations=form)


def run(warehouse: Warehouse, asked: Mapping[str, Any] | None = EVERYTHING, as_of: datetime = NOON) -> Report:
    its = asking(asked)
    with warehouse.begin() as transaction:
        remember(transaction, "map", as_of.isoformat(), as_of)
    resolve(warehouse, its, as_of)
    return enrich(warehouse, its, as_of)


def of(warehouse: Warehouse, person: int) -> list[tuple[Any, ...]]:
    found = rows(warehouse, "recommendation", "person_id", "rank", "product_key", "way", "because", "people")
    return [row[2:] for row in sorted(found) if row[0] == person]


def test_what_others_bought_in_one_order_with_it_is_recommended_with_the_reason(shop: Warehouse) -> None:
    bought(shop, 1, "kibble")
    bought(shop, 2, "kibble", "bowl")
    bought(shop, 3, "kibble", "bowl")
    bought(shop, 4, "kibble", "lead")
    report = run(shop, {"by": ["bought_together"], "least": 1})
    assert of(shop, 1) == [("bowl", "bought_together", "Kibble", 2), ("lead", "bought_together", "Kibble", 1)]
    assert of(shop, 2) == [("lead", "bought_together", "Kibble", 1)]
    assert ("2 people bought it in one order with Kibble",) in rows(shop, "recommendation", "reason")
    assert report.counts["recommendations"] == len(rows(shop, "recommendation", "rank"))


def test_what_others_viewed_too_is_recommended(shop: Warehouse) -> None:
    viewed(shop, 1, "kibble")
    viewed(shop, 2, "kibble", "can")
    run(shop, {"by": ["also_viewed"], "least": 1})
    assert of(shop, 1) == [("can", "also_viewed", "Kibble", 1)]
    assert of(shop, 2) == []  # who has seen both needs no telling
    assert rows(shop, "recommendation", "reason") == [("1 person who viewed Kibble viewed it too",)]


def test_of_the_favourite_category_what_most_people_bought_is_recommended(shop: Warehouse) -> None:
    bought(shop, 1, "kibble")
    bought(shop, 1, "kibble", ago=20)
    bought(shop, 1, "bowl", ago=3)
    for person, product in ((2, "can"), (3, "can"), (3, "treat"), (4, "lead")):
        bought(shop, person, product)
    run(shop, {"by": ["favourite_category"], "least": 1})
    assert of(shop, 1) == [("can", "favourite_category", "food", 2), ("treat", "favourite_category", "food", 1)]


def test_the_ways_go_in_the_order_of_the_project_and_a_product_counts_once(shop: Warehouse) -> None:
    bought(shop, 1, "kibble")
    bought(shop, 2, "kibble", "can")
    for person in (2, 3):
        bought(shop, person, "treat", ago=9)
    run(shop)
    assert of(shop, 1) == [("can", "bought_together", "Kibble", 1), ("treat", "favourite_category", "food", 2)]
    run(shop, {"by": ["favourite_category", "bought_together"], "least": 1}, NOON + timedelta(hours=1))
    assert of(shop, 1) == [("treat", "favourite_category", "food", 2), ("can", "favourite_category", "food", 1)]
    run(shop, {"at_most": 1, "least": 1}, NOON + timedelta(hours=2))
    assert of(shop, 1) == [("can", "bought_together", "Kibble", 1)]


def test_the_first_of_each_list_comes_before_the_second_of_any_and_what_was_done_last_before_what_was_earlier(
    shop: Warehouse,
) -> None:
    bought(shop, 1, "kibble", ago=9)
    bought(shop, 1, "lead", ago=2)
    for person, products in ((2, ("kibble", "bowl")), (3, ("kibble", "bowl")), (4, ("kibble", "can"))):
        bought(shop, person, *products, ago=5)
    bought(shop, 2, "lead", "treat", ago=6)
    run(shop, {"by": ["bought_together"], "least": 1})
    assert [(product, because, people) for product, _, because, people in of(shop, 1)] == [
        ("treat", "Lead", 1),
        ("bowl", "Kibble", 2),
        ("can", "Kibble", 1),
    ]


def test_what_too_few_people_did_is_chance_and_is_not_recommended(shop: Warehouse) -> None:
    for person in (1, 2, 3):
        bought(shop, person, "kibble", "bowl")
    bought(shop, 4, "kibble")
    bought(shop, 3, "kibble", "lead", ago=9)
    run(shop, {"least": 3})
    assert of(shop, 4) == [("bowl", "bought_together", "Kibble", 3)]
    run(shop, {"least": 4}, NOON + timedelta(hours=1))
    assert of(shop, 4) == []


def test_what_the_person_bought_comes_back_only_after_the_time_that_the_project_says(shop: Warehouse) -> None:
    bought(shop, 1, "kibble", ago=2)
    bought(shop, 1, "bowl", ago=100)
    bought(shop, 2, "kibble", "bowl")
    run(shop)
    assert "bowl" not in [product for product, *_ in of(shop, 1)]
    run(shop, {"least": 1, "again_after": "100 days"}, NOON + timedelta(hours=1))
    assert "bowl" not in [product for product, *_ in of(shop, 1)]
    run(shop, {"least": 1, "again_after": "99 days"}, NOON + timedelta(hours=2))
    assert of(shop, 1)[0] == ("bowl", "bought_together", "Kibble", 1)


def test_only_products_that_meet_the_condition_and_exist_are_recommended(shop: Warehouse) -> None:
    bought(shop, 1, "kibble")
    bought(shop, 2, "kibble", "bowl", "can", "gone")
    run(shop, {"least": 1, "products": "category = 'food' and name <> 'Kibble'"})
    assert [product for product, *_ in of(shop, 1)] == ["can"]


def test_what_is_no_longer_offered_is_recommended_no_more_and_what_was_bought_stays(shop: Warehouse) -> None:
    bought(shop, 1, "kibble")
    for product in ("bowl", "lead", "treat"):
        bought(shop, 2, "kibble", product)
    asked = {"by": ["bought_together"], "least": 1}
    run(shop, asked)
    assert [row[0] for row in of(shop, 1)] == ["bowl", "lead", "treat"]
    add(shop, "product", {"connection": "web", "source_key": "product 9", "offered": False})
    with shop.begin() as transaction:
        product = transaction.table("product")
        of_bowl, of_lead = (sa.update(product).where(product.c.source_key == key) for key in ("bowl", "lead"))
        transaction.execute(of_bowl.values(offered=False))
        transaction.execute(of_lead.values(variant_of="product 9"))
    run(shop, asked, NOON + timedelta(minutes=1))
    assert of(shop, 1) == [("treat", "bought_together", "Kibble", 1)]
    assert len(rows(shop, "order_line", "product_key")) == 7


@pytest.mark.parametrize("status", ["cancelled", "refunded", "test"])
def test_orders_that_came_to_nothing_and_those_of_long_ago_do_not_count(shop: Warehouse, status: str) -> None:
    bought(shop, 1, "kibble")
    bought(shop, 2, "kibble", "bowl", status=status)
    bought(shop, 3, "kibble", "lead", ago=31)
    bought(shop, 4, "kibble", "can", ago=30)
    run(shop, {"by": ["bought_together"], "least": 1, "within": "30 days"})
    assert [product for product, *_ in of(shop, 1)] == ["can"]


def test_an_order_that_is_still_to_come_counts_when_it_has_come(shop: Warehouse) -> None:
    bought(shop, 1, "kibble")
    bought(shop, 2, "kibble", "bowl", ago=-0.1)
    run(shop)
    assert of(shop, 1) == []
    enrich(shop, asking(EVERYTHING), NOON + timedelta(hours=3))
    assert [product for product, *_ in of(shop, 1)] == ["bowl"]


def test_a_second_run_without_news_does_nothing_and_without_the_file_nothing_is_recommended(shop: Warehouse) -> None:
    bought(shop, 1, "kibble")
    bought(shop, 2, "kibble", "bowl")
    run(shop)
    assert enrich(shop, asking(EVERYTHING), NOON + timedelta(minutes=1)).skipped
    assert of(shop, 1)
    enrich(shop, asking(None), NOON + timedelta(minutes=2))
    assert rows(shop, "recommendation", "rank") == []


def test_people_who_become_one_have_their_recommendations_together(shop: Warehouse) -> None:
    bought(shop, 1, "kibble")
    bought(shop, 2, "kibble", "bowl")
    record(shop, "till:1", email="a@example.nl")
    record(shop, "web:9", email="a@example.nl")
    bought(shop, 9, "kibble")
    run(shop)
    number = dict(rows(shop, "source_record", "record_id", "person_id"))["web:9"]
    assert [product for product, *_ in of(shop, number)] == ["bowl"]


def test_the_condition_on_products_knows_their_columns() -> None:
    assert {"price", "category", "name"} <= product_scope(asking(EVERYTHING), NOON).names.keys()


TIPS = {
    **WELCOME.model_dump(by_alias=True, exclude_unset=True),
    "steps": [{"send": "tips", "by": "email", "recommendations": 2}],
}
TIPS_TEXT = "{% for product in recommendations %}{{ product.name }} ({{ product.because }}); {% endfor %}"


def test_a_template_reads_the_recommendations_as_a_list(warehouse: Warehouse, tmp_path: Path) -> None:
    with shop_in(tmp_path, warehouse, scenarios=[Scenario.model_validate(TIPS)]) as opened:
        for name, text in {"subject.txt": "Tips", "email.txt": f"Tips: {TIPS_TEXT}"}.items():
            (tmp_path / "templates" / "tips").mkdir(exist_ok=True)
            (tmp_path / "templates" / "tips" / name).write_text(text, encoding="utf-8")
        opened = opened.with_(recommendations=RecommendationsFile.model_validate(EVERYTHING), hub=HubFile(name="Shop"))
        for number in (1, 2):
            opened.newcomer(number)
        for key in ("kibble", "can", "bowl", "lead"):
            opened.insert("product", connection="shop", source_key=key, name=f'D\'{key} "1"', price=12.5)
        for place, products in enumerate((["can", "bowl", "lead"], ["can"])):
            for product in products:
                line = {"order_key": f"o{place}", "product_key": product, "ordered_at": NOW - timedelta(days=2)}
                key = f"{place}-{product}"
                opened.insert("order_line", connection="shop", source_key=key, record_id=f"shop:{place + 1}", **line)
        enrich(opened.warehouse, opened.project, NOW)
        decide(opened.warehouse, opened.ledger, opened.project, NOW)
        activate(opened.warehouse, opened.ledger, opened.project, NOW)
        texts = {entry["to"]["email"]: entry["content"]["text"] for entry in opened.taken("mail")}
    assert texts["person1@example.nl"] == "Tips: "
    assert texts["person2@example.nl"] == 'Tips: D\'bowl "1" (D\'can "1"); D\'lead "1" (D\'can "1"); '
