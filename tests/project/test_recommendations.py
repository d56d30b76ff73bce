"""recommendations.yaml: what it says, and each mistake told with its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.check import check_project
from hub.errors import ConfigurationError

GIVEN = """
at_most: 4
by: [also_viewed, favourite_category]
within: 90 days
products: price > 0 and category <> 'gift card'
again_after: 180 days
"""


def told(shop: Any) -> list[str]:
    try:
        return [str(it) for it in check_project(shop.load(), datetime(2026, 1, 1, tzinfo=UTC), registry=shop.registry)]
    except ConfigurationError as error:
        return [str(it) for it in error.problems]


def test_the_file_switches_recommendations_on_and_every_key_may_be_left_out(shop: Any) -> None:
    assert shop.load().recommendations is None
    shop.write("recommendations.yaml", "at_most: 2")
    asked = shop.load().recommendations
    assert (asked.at_most, asked.by[0], asked.within, asked.least) == (2, "bought_together", timedelta(days=365), 3)
    shop.write("recommendations.yaml", GIVEN)
    assert told(shop) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("price > 0", "prise > 0", "recommendations.yaml:4:11: there is no 'prise'. Did you mean 'price'?"),
        ("at_most: 4", "at_most: 0", "recommendations.yaml:1:10: at_most must be"),
        ("[also_viewed, ", "[favourite_category, ", "recommendations.yaml:2:5: name each way once"),
        ("within: 90 days", "withn: 90 days", "recommendations.yaml:3:1: unknown key 'withn'. Did you mean 'within'?"),
    ],
)
def test_a_mistake_is_told_with_its_place(shop: Any, old: str, new: str, expected: str) -> None:
    assert old in GIVEN
    shop.write("recommendations.yaml", GIVEN.replace(old, new))
    (found,) = told(shop)
    assert found.startswith(expected), found


def test_a_send_asks_for_no_more_than_people_have(shop: Any) -> None:
    shop.write("recommendations.yaml", "at_most: 2")
    shop.change("scenarios/thanks.yaml", "content: {orders: orders}", "recommendations: 2")
    assert told(shop) == []
    shop.change("scenarios/thanks.yaml", "recommendations: 2", "recommendations: 3")
    assert told(shop) == ["scenarios/thanks.yaml:12:22: people have at most 2: raise `at_most` in recommendations.yaml"]
