"""`shopify` against a server that executes the part of the Admin API's schema that is used (R43)."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place, Pushed, Row, SyncBatch
from hub.errors import ConfigurationError, RejectedError, TemporaryError, UnsignedError
from hub.testing.http import HttpDestinationSuite
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, LATER, Landing, SourceWorld
from plugins.sources.shopify import Shopify
from plugins.sources.shopify.config import ShopifyConfig
from tests.plugins.sources.shopify_server import API_SECRET, TOKEN, Shop, gid, money, shopify_server

AT = "2026-03-01T10:00:00Z"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shopify_server() as made:
        yield made


def config(shop: Shop, **given: Any) -> ShopifyConfig:
    said = {"url": shop.url, "token": TOKEN, "api_secret": API_SECRET, "allow_private": True, **given}
    return ShopifyConfig.model_validate(said)


def plugin(shop: Shop, folder: Path, **given: Any) -> Shopify:
    return Shopify(config(shop, **given), Place(CONNECTION, folder))


def customer(number: int | str, at: str = AT, **changes: Any) -> dict[str, Any]:
    known = {"firstName": "Anna", "lastName": "de Vries", "locale": "nl", "tags": [], "createdAt": AT, "updatedAt": at}
    mail = {"emailAddress": f"p{number}@example.nl", "marketingState": "SUBSCRIBED", "marketingUpdatedAt": AT}
    reached = {"defaultEmailAddress": mail, "defaultPhoneNumber": None, "defaultAddress": None}
    return {"id": gid("Customer", number), **known, **reached, **changes}


def order(number: int, lines: int, **changes: Any) -> dict[str, Any]:
    items = [
        {
            "id": gid("LineItem", number * 100 + line),
            "sku": "KL",
            "name": "Kattenluik",
            "quantity": 2,
            "variant": {"id": gid("ProductVariant", 7)},
            "originalTotalSet": money("30.00"),
            "discountedTotalSet": money("25.00"),
        }
        for line in range(lines)
    ]
    return {
        "id": gid("Order", number),
        "name": f"#{number}",
        "email": None,
        "phone": None,
        "test": False,
        "createdAt": AT,
        "updatedAt": AT,
        "cancelledAt": None,
        "displayFinancialStatus": "PAID",
        "sourceName": "web",
        "discountCodes": ["LENTE"],
        "currentTotalPriceSet": money("25.00"),
        "customer": {"id": gid("Customer", 42)},
        "lineItems": {"edges": [{"node": item} for item in items]},
        **changes,
    }


class ShopWorld(HttpSourceWorld):
    plugin = Shopify
    table = "customers"
    columns = ("id", "first_name")
    secrets = (TOKEN, API_SECRET, "shpat_wr0ng")

    def __init__(self, shop: Shop) -> None:
        self.shop, self.url = shop, shop.url

    def config(self, token: str = TOKEN) -> ShopifyConfig:
        return config(self.shop, url=self.url, token=token, resources=["customers"])

    def wrong_config(self) -> ShopifyConfig:
        return self.config("shpat_wr0ng")

    def write(self, records: Any) -> None:
        for record in records:
            at = datetime.fromisoformat(record["changed_at"]).replace(tzinfo=UTC)
            named = {"firstName": record["name"], "lastName": record.get("nickname")}
            made = customer(record["id"], at.isoformat().replace("+00:00", "Z"), **named)
            self.shop.lists["customers"][made["id"]] = made
            self.shop.clock = max(self.shop.clock, at)

    def remove(self, id_: int) -> None:
        del self.shop.lists["customers"][gid("Customer", id_)]


class TestShopifyConforms(HttpSourceSuite):
    @pytest.fixture
    def world(self, shop: Shop) -> ShopWorld:
        return ShopWorld(shop)

    def test_a_new_column_lands_with_its_records(self, world: SourceWorld, landing: Landing) -> None:
        """What is asked for is fixed; a field that was empty until now is new here."""
        world.write([{"id": 1, "name": "Anna", "changed_at": "2026-03-01 10:00:00"}])
        landing.run()
        world.write([{"id": 2, "name": "Kees", "nickname": "Bos", "changed_at": "2026-03-02 10:00:00"}])
        landing.run()
        assert [row.get("last_name") for row in landing.rows("customers")] == [None, "Bos"]

    def test_a_page_of_thousands_of_records_lands_whole_and_once(  # type: ignore[override]
        self, world: SourceWorld, landing: Landing
    ) -> None:
        """Write them: there are no pages, and the shop says how many lines its file has."""
        world.write([{**LATER, "id": 1000 + number} for number in range(2_500)])
        landing.run()
        assert len(set(landing.names("customers", *world.columns))) == len(landing.rows("customers")) == 2_500
        assert landing.run().loads == ()


class TestShopifyWrites(HttpDestinationSuite):
    plugin = Shopify
    target = "Vaste klanten"

    @pytest.fixture
    def config(self, shop: Shop) -> Mapping[str, Any]:
        shop.lists["customers"] = {gid("Customer", number): customer(number) for number in range(1, 300)}
        return {"url": shop.url, "token": TOKEN, "allow_private": True}

    def rows(self, count: int, start: int = 1) -> list[Row]:
        return [Row(str(number)) for number in range(start, start + count)]


# reading


def test_orders_come_with_all_their_lines_and_products_as_their_variants(shop: Shop, tmp_path: Path) -> None:
    shop.lists["orders"] = {"1": order(1, lines=300), "2": order(2, lines=1)}
    variant = {"id": gid("ProductVariant", 7), "sku": "KL", "title": "Wit", "price": "15.00"}
    product = {"id": gid("Product", 70), "title": "Kattenluik", "productType": "Huis", "vendor": "Poes", "tags": []}
    known = {"status": "ACTIVE", "updatedAt": AT, "variants": {"edges": [{"node": variant}]}}
    shop.lists["products"] = {"70": {**product, **known}}
    landing = Landing(plugin(shop, tmp_path), tmp_path)
    assert landing.run().rows == {"orders": 2, "order_lines": 301, "variants": 1}
    assert {row["order_id"] for row in landing.rows("order_lines")} == {"1", "2"}
    (made,) = landing.rows("variants")
    assert (made["id"], made["product_id"], made["name"], made["variant"]) == ("7", "70", "Kattenluik", "Wit")
    assert landing.run().loads == ()


def test_an_abandoned_cart_comes_with_its_lines(shop: Shop, tmp_path: Path) -> None:
    line = {"id": gid("CheckoutLine", 1), "quantity": 2, "variant": {"id": gid("ProductVariant", 7)}}
    cart = {"id": gid("AbandonedCheckout", 5), "createdAt": AT, "updatedAt": AT, "completedAt": None}
    rest = {"abandonedCheckoutUrl": "https://shop.example.com/c", "totalPriceSet": money("30.00"), "customer": None}
    shop.lists["abandonedCheckouts"] = {"5": {**cart, **rest, "lineItems": {"edges": [{"node": line}]}}}
    landing = Landing(plugin(shop, tmp_path, resources=["carts"]), tmp_path)
    assert landing.run().rows == {"carts": 1, "cart_lines": 1}
    (row,) = landing.rows("cart_lines")
    assert (row["cart_id"], row["variant_id"]) == ("5", "7")


def test_our_token_does_not_go_to_where_the_file_lies(shop: Shop, tmp_path: Path) -> None:
    shop.lists["customers"] = {"1": customer(1)}
    Landing(plugin(shop, tmp_path, resources=["customers"]), tmp_path).run()
    assert shop.tokens_at_files == [None]


def test_another_operation_of_the_app_is_waited_for(shop: Shop, tmp_path: Path) -> None:
    shop.lists["customers"] = {"1": customer(1)}
    shop.busy_elsewhere, shop.looks = 2, 3
    assert Landing(plugin(shop, tmp_path, resources=["customers"]), tmp_path).run().rows == {"customers": 1}


def test_an_operation_that_takes_too_long_is_told_and_tried_again_later(shop: Shop, tmp_path: Path) -> None:
    shop.lists["customers"] = {"1": customer(1)}
    shop.looks = 10_000
    landing = Landing(plugin(shop, tmp_path, resources=["customers"], longest=timedelta(seconds=1)), tmp_path)
    with pytest.raises(TemporaryError, match="still making a list ready"):
        landing.run()
    shop.looks = 1
    assert landing.run().rows == {"customers": 1}


@pytest.mark.parametrize(("code", "error"), [("ACCESS_DENIED", ConfigurationError), ("TIMEOUT", TemporaryError)])
def test_an_operation_that_fails_says_what_to_do(shop: Shop, tmp_path: Path, code: str, error: type[Exception]) -> None:
    shop.lists["customers"] = {"1": customer(1)}
    shop.fails_with = code
    with pytest.raises(error):
        Landing(plugin(shop, tmp_path, resources=["customers"]), tmp_path).run()


def test_a_list_that_breaks_off_lands_nothing_and_comes_whole_the_next_time(shop: Shop, tmp_path: Path) -> None:
    shop.lists["customers"] = {str(number): customer(number) for number in range(50)}
    shop.breaks_off = True
    landing = Landing(plugin(shop, tmp_path, resources=["customers"]), tmp_path)
    with pytest.raises(TemporaryError):
        landing.run()
    assert landing.rows("customers") == []
    shop.breaks_off = False
    assert landing.run().rows == {"customers": 50}


def test_a_busy_shop_is_asked_again_when_its_points_are_back(shop: Shop, tmp_path: Path) -> None:
    shop.throttled = 2
    assert plugin(shop, tmp_path).check().ok
    assert len(shop.asked) == 3


# checking


def test_the_check_names_the_scopes_that_the_app_lacks(shop: Shop, tmp_path: Path) -> None:
    shop.scopes = ["read_customers"]
    check = plugin(shop, tmp_path).check()
    assert not check.ok
    assert "read_orders, read_products" in check.message
    assert plugin(shop, tmp_path, resources=["customers"]).check().ok


def test_the_check_says_that_older_orders_do_not_come(shop: Shop, tmp_path: Path) -> None:
    shop.scopes = ["read_customers", "read_products", "read_orders"]
    assert "60 days" in plugin(shop, tmp_path).check().message


def test_another_version_is_not_understood(shop: Shop, tmp_path: Path) -> None:
    check = plugin(shop, tmp_path, version="2020-01").check()
    assert not check.ok
    assert "check `url` and `version`" in check.message


# pushes


def pushed(topic: str, body: dict[str, Any], secret: str = API_SECRET) -> Pushed:
    content = json.dumps(body).encode()
    signature = b64encode(hmac.digest(secret.encode(), content, "sha256")).decode()
    headers = {"x-shopify-topic": topic, "x-shopify-hmac-sha256": signature, "x-shopify-event-id": "e1"}
    return Pushed("POST", "", {}, headers, content, datetime(2026, 3, 1, tzinfo=UTC))


ORDER: dict[str, Any] = {
    "id": 1,
    "name": "#1",
    "email": None,
    "phone": None,
    "test": False,
    "created_at": AT,
    "updated_at": AT,
    "cancelled_at": None,
    "financial_status": "paid",
    "source_name": "web",
    "currency": "EUR",
    "current_total_price": "25.00",
    "customer": {"id": 42},
    "discount_codes": [{"code": "LENTE", "amount": "5.00", "type": "fixed_amount"}],
    "line_items": [
        {
            "id": 100,
            "sku": "KL",
            "name": "Kattenluik",
            "quantity": 2,
            "price": "15.00",
            "variant_id": 7,
            "discount_allocations": [{"amount": "5.00"}],
        }
    ],
}


def test_a_pushed_order_is_the_same_row_as_the_listed_one(shop: Shop, tmp_path: Path) -> None:
    shop.lists["orders"] = {"1": order(1, lines=1)}
    landing = Landing(plugin(shop, tmp_path, resources=["orders"]), tmp_path)
    landing.run()
    received = plugin(shop, tmp_path).webhook(pushed("orders/updated", ORDER))
    assert received.id == "e1"
    for table in ("orders", "order_lines"):
        (listed,) = landing.rows(table)
        (row,) = received.rows[table]
        for name in row:
            same = listed.get(name)
            money_of = Decimal if name in ("amount", "price", "total") else str
            assert money_of(row[name]) == money_of(same), name


def test_a_pushed_customer_says_who_refused(shop: Shop, tmp_path: Path) -> None:
    consent = {"state": "unsubscribed", "opt_in_level": "single_opt_in", "consent_updated_at": AT}
    body = {"id": 42, "first_name": "Anna", "last_name": "de Vries", "email": "anna@example.nl", "phone": None}
    body |= {
        "created_at": AT,
        "updated_at": AT,
        "email_marketing_consent": consent,
        "default_address": {"zip": "1234AB"},
    }
    (row,) = plugin(shop, tmp_path).webhook(pushed("customers/update", body)).rows["customers"]
    assert (row["id"], row["email_state"], row["sms_state"], row["postcode"]) == ("42", "unsubscribed", None, "1234AB")


def test_a_push_that_the_app_did_not_sign_is_refused(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(UnsignedError):
        plugin(shop, tmp_path).webhook(pushed("orders/updated", ORDER, secret="another"))
    with pytest.raises(ConfigurationError, match="api_secret"):
        plugin(shop, tmp_path, api_secret=None).webhook(pushed("orders/updated", ORDER))


def test_what_is_deleted_is_a_row_of_its_own_with_the_moment_that_the_shop_tells(shop: Shop, tmp_path: Path) -> None:
    shops = plugin(shop, tmp_path)
    told = pushed("orders/delete", {"id": 820982911946154508})
    (row,) = shops.webhook(replace(told, headers={**told.headers, "x-shopify-triggered-at": AT})).rows["deleted_orders"]
    assert row == {"id": "820982911946154508", "at": AT}
    (row,) = shops.webhook(pushed("customers/delete", {"id": 42})).rows["deleted_customers"]
    assert row == {"id": "42", "at": "2026-03-01T00:00:00+00:00"}
    redact = {"shop_id": 1, "customer": {"id": 42, "email": "anna@example.nl"}, "orders_to_redact": []}
    assert shops.webhook(pushed("customers/redact", redact)).rows["deleted_customers"][0]["id"] == "42"
    (row,) = shops.webhook(pushed("products/delete", {"id": 70})).rows["deleted_products"]
    assert row["id"] == "70"
    with pytest.raises(RejectedError, match="nothing that is gone"):
        shops.webhook(pushed("orders/delete", {}))


def test_a_push_of_another_topic_brings_nothing_and_one_of_another_form_is_refused(shop: Shop, tmp_path: Path) -> None:
    assert plugin(shop, tmp_path).webhook(pushed("themes/publish", {"id": 1})).rows == {}
    with pytest.raises(RejectedError, match="none of Shopify's orders"):
        plugin(shop, tmp_path).webhook(pushed("orders/updated", {"id": 1}))


# writing


def test_members_of_a_segment_carry_its_name_as_a_tag_and_lose_it(shop: Shop, tmp_path: Path) -> None:
    shop.lists["customers"] = {gid("Customer", 42): customer(42, tags=["vip"])}
    rows = [Row("shop:42"), Row("43"), Row("anna@example.nl")]
    results = plugin(shop, tmp_path).sync(SyncBatch("Gold", "upsert", rows))
    assert [result.status for result in results] == ["accepted", "rejected", "rejected"]
    assert "no number of a Shopify customer" in results[2].reason
    assert shop.lists["customers"][gid("Customer", 42)]["tags"] == ["vip", "Gold"]
    plugin(shop, tmp_path).sync(SyncBatch("Gold", "remove", [Row(gid("Customer", 42))]))
    assert shop.lists["customers"][gid("Customer", 42)]["tags"] == ["vip"]


def test_fields_are_metafields_of_their_own_type_and_an_empty_one_goes(shop: Shop, tmp_path: Path) -> None:
    owner = gid("Customer", 42)
    shop.lists["customers"] = {owner: customer(42)}
    shop.metafields[owner, "old"] = ("single_line_text_field", "x")
    fields = {"tier": "gold", "score": 3, "share": Decimal("0.5"), "since": date(2026, 3, 1), "vip": True, "old": None}
    (result,) = plugin(shop, tmp_path).sync(SyncBatch("customers", "update", [Row("42", fields)]))
    assert result.status == "accepted"
    assert shop.metafields == {
        (owner, "tier"): ("single_line_text_field", "gold"),
        (owner, "score"): ("number_integer", "3"),
        (owner, "share"): ("number_decimal", "0.5"),
        (owner, "since"): ("date", "2026-03-01"),
        (owner, "vip"): ("boolean", "true"),
    }


def test_an_unsubscribe_goes_back_to_the_shop_and_a_yes_does_not(shop: Shop, tmp_path: Path) -> None:
    owner = gid("Customer", 42)
    shop.lists["customers"] = {owner: customer(42), gid("Customer", 43): customer(43)}
    rows = [Row("42", {"email_marketing": False}), Row("43", {"email_marketing": True})]
    results = plugin(shop, tmp_path).sync(SyncBatch("customers", "update", rows))
    assert [result.status for result in results] == ["accepted", "rejected"]
    assert shop.lists["customers"][owner]["defaultEmailAddress"]["marketingState"] == "UNSUBSCRIBED"
    assert shop.lists["customers"][gid("Customer", 43)]["defaultEmailAddress"]["marketingState"] == "SUBSCRIBED"


def test_many_customers_go_in_few_requests(shop: Shop, tmp_path: Path) -> None:
    shop.lists["customers"] = {gid("Customer", number): customer(number) for number in range(60)}
    results = plugin(shop, tmp_path).sync(SyncBatch("Gold", "upsert", [Row(str(number)) for number in range(60)]))
    assert {result.status for result in results} == {"accepted"}
    assert len(shop.asked) == 3


def test_a_shop_that_is_busy_takes_them_later(shop: Shop, tmp_path: Path) -> None:
    shop.throttled = 1
    (result,) = plugin(shop, tmp_path).sync(SyncBatch("Gold", "upsert", [Row("42")]))
    assert (result.status, result.retry_after) == ("later", 0.1)


def test_customers_are_made_in_the_shop(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="mode: update"):
        plugin(shop, tmp_path).sync(SyncBatch("customers", "upsert", [Row("42", {"tier": "gold"})]))
