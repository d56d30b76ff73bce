"""Coupons of customers at a small Shopify, whose schema is the documentation's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Operation, Place, Result, Row, SyncBatch
from plugins.sources.shopify import Shopify
from plugins.sources.shopify.config import ShopifyConfig
from tests.plugins.sources.shopify_server import TOKEN, Shop, gid, shopify_server

FIRST = gid("DiscountCodeNode", 1)
TEN = {"code": "ANNA-10", "percentage": Decimal(10), "ends_at": datetime(2026, 4, 1, tzinfo=UTC)}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shopify_server() as made:
        yield made


def write(shop: Shop, operation: Operation, *rows: Row) -> list[Result]:
    config = ShopifyConfig.model_validate({"url": shop.url, "token": TOKEN, "allow_private": True})
    return list(Shopify(config, Place("shop", Path())).sync(SyncBatch("coupons", operation, list(rows))))


def test_a_coupon_is_the_customers_own_and_holds_once(shop: Shop) -> None:
    (result,) = write(shop, "upsert", Row("shop:42", TEN))
    assert (result.status, result.remote_id, result.reason) == ("accepted", FIRST, "")
    made = shop.discounts.given[FIRST]
    assert made["context"] == {"customers": {"add": [gid("Customer", 42)]}}
    assert made["customerGets"] == {"items": {"all": True}, "value": {"percentage": 0.1}}
    assert (made["code"], made["usageLimit"], made["appliesOncePerCustomer"]) == ("ANNA-10", 1, True)
    assert made["endsAt"] == "2026-04-01T00:00:00+00:00"
    assert made["startsAt"] < made["endsAt"]


def test_an_amount_may_be_used_more_than_once(shop: Shop) -> None:
    fields = {"code": "LUC-5", "amount": Decimal("5.00"), "title": "Voor trouwe klanten", "uses": 3}
    (result,) = write(shop, "upsert", Row("7", {**fields, "starts_at": "2026-03-01T00:00:00Z"}))
    assert result.status == "accepted"
    made = shop.discounts.given[FIRST]
    assert made["customerGets"]["value"] == {"discountAmount": {"amount": "5.00", "appliesOnEachItem": False}}
    assert (made["title"], made["usageLimit"], made["appliesOncePerCustomer"]) == ("Voor trouwe klanten", 3, False)
    assert made["startsAt"] == "2026-03-01T00:00:00Z"


def test_a_coupon_whose_answer_was_lost_is_not_made_twice(shop: Shop) -> None:
    write(shop, "upsert", Row("42", TEN))
    (again,) = write(shop, "upsert", Row("42", {**TEN, "percentage": 15}))
    assert (again.status, again.remote_id) == ("accepted", FIRST)
    assert len(shop.discounts.given) == 1
    assert shop.discounts.given[FIRST]["customerGets"]["value"] == {"percentage": 0.15}


@pytest.mark.parametrize("context", [{"all": True}, {"customers": {"add": [gid("Customer", 1)]}}])
def test_a_code_of_another_discount_is_left_alone(shop: Shop, context: dict[str, Any]) -> None:
    gets = {"items": {"all": True}, "value": {"percentage": 0.5}}
    shop.discounts.given[FIRST] = {"code": "anna-10", "title": "Zomer", "context": context, "customerGets": gets}
    (result,) = write(shop, "upsert", Row("42", TEN))
    assert (result.status, result.reason) == ("rejected", "the code belongs to another discount of the shop")
    assert shop.discounts.given[FIRST]["title"] == "Zomer"


def test_a_changed_coupon_is_changed_and_who_leaves_loses_it(shop: Shop) -> None:
    (made,) = write(shop, "upsert", Row("42", TEN))
    (changed,) = write(shop, "upsert", Row("42", {**TEN, "percentage": 20}, made.remote_id))
    assert (changed.status, changed.remote_id) == ("accepted", FIRST)
    assert shop.discounts.given[FIRST]["customerGets"]["value"] == {"percentage": 0.2}
    (ended,) = write(shop, "remove", Row("42", remote_id=made.remote_id))
    assert ended.status == "accepted"
    assert shop.discounts.ended == {FIRST}
    (unknown,) = write(shop, "remove", Row("43"))
    assert unknown.status == "rejected"
    assert "end it in the shop" in unknown.reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"percentage": 10}, "needs a `code`"),
        ({"code": "A"}, "either a `percentage`"),
        ({"code": "A", "percentage": 0}, "either a `percentage`"),
        ({"code": "A", "percentage": 101}, "either a `percentage`"),
        ({"code": "A", "percentage": 10, "amount": 5}, "either a `percentage`"),
        ({"code": "A", "percentage": "tien"}, "are numbers"),
        ({"code": "A", "percentage": 10, "discount": 1}, "no field 'discount'"),
        ({"code": "A", "percentage": 10, "ends_at": "2020-01-01T00:00:00Z"}, "needs to be after"),
    ],
)
def test_a_coupon_that_is_none_keeps_no_other(shop: Shop, fields: dict[str, Any], reason: str) -> None:
    bad, good = write(shop, "upsert", Row("42", fields), Row("43", TEN))
    assert (bad.status, good.status) == ("rejected", "accepted")
    assert reason in bad.reason


def test_a_busy_shop_and_a_key_that_is_no_customer_are_told_apart(shop: Shop) -> None:
    (made,) = write(shop, "upsert", Row("42", TEN))
    shop.throttled = 1
    wrong, busy = write(shop, "upsert", Row("anna@example.nl", TEN), Row("42", TEN, made.remote_id))
    assert (wrong.status, busy.status) == ("rejected", "later")
    assert busy.retry_after is not None
    assert "anna" not in wrong.reason
