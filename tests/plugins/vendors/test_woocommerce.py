"""`woocommerce` against a server that keeps to the REST API's documentation (v3)."""

import hmac
import json
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Destination, Operation, Place, Pushed, Row, SyncBatch
from hub.errors import RejectedError, UnsignedError
from hub.registry import Registry
from hub.testing import HttpDestinationSuite
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, basic, served

KEY, SECRET = "ck_kattenluik", "cs_s3same"
PARAMETERS = {
    "customers": {"page", "per_page", "role", "orderby", "order", "email"},
    "products": {"page", "per_page", "status", "orderby", "order", "modified_after", "dates_are_gmt"},
    "orders": {"page", "per_page", "status", "orderby", "order", "modified_after", "dates_are_gmt"},
}
COUPON = {
    **dict.fromkeys(("code", "amount", "discount_type", "description", "date_expires"), str),
    "usage_limit": int,
    "email_restrictions": list,
}
WooCommerce: Any = Registry().get("woocommerce")


class Shop:
    """Customers, products and orders, paged as WooCommerce does: `modified_after` leaves its own moment out."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[int, dict[str, Any]]] = {"customers": {}, "products": {}, "orders": {}}
        self.coupons: dict[int, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != basic(KEY, SECRET):
            return refusal(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        path = asked.path.removeprefix("/wp-json/wc/v3/")
        match asked.method, path.split("/"):
            case "GET", [name] if name in self.lists:
                return self.page(name, asked.query)
            case "POST", ["customers", "batch"]:
                return Answered(200, {"update": [self.update(entry) for entry in asked.json["update"]]})
            case "GET", ["coupons"]:
                code = asked.query["code"].lower()
                return Answered(200, [{"id": n, **one} for n, one in self.coupons.items() if one["code"] == code])
            case "POST", ["coupons"]:
                return self.put_coupon(len(self.coupons) + 1, asked.json)
            case "PUT", ["coupons", number]:
                return self.put_coupon(int(number), asked.json)
            case "DELETE", ["coupons", number] if int(number) in self.coupons:
                assert asked.query == {"force": "true"}
                return Answered(200, self.coupons.pop(int(number)))
        return refusal(404, "rest_no_route", "No route was found matching the URL and request method.")

    def page(self, name: str, query: dict[str, str]) -> Answered:
        if unknown := query.keys() - PARAMETERS[name]:
            return refusal(400, "rest_invalid_param", f"Invalid parameter(s): {', '.join(unknown)}")
        size, number = int(query.get("per_page", 10)), int(query.get("page", 1))
        if not 1 <= size <= 100:
            return refusal(400, "rest_invalid_param", "per_page must be between 1 (inclusive) and 100 (inclusive)")

        def order(item: dict[str, Any]) -> str:
            return str(item["date_modified_gmt"]) if query.get("orderby") == "modified" else ""

        found = [
            item
            for _, item in sorted(self.lists[name].items(), key=lambda one: (order(one[1]), one[0]))
            if (item.get("date_modified_gmt") or "") > query.get("modified_after", "").removesuffix("Z")
            and (item.get("status") == "trash") == (query.get("status") == "trash")
        ]
        part = found[(number - 1) * min(size, 2) : number * min(size, 2)]  # small pages, so that there are several
        return Answered(200, part, {"X-WP-Total": str(len(found))})

    def update(self, entry: dict[str, Any]) -> dict[str, Any]:
        customer = self.lists["customers"].get(int(entry["id"]))
        if customer is None:
            error = {"code": "woocommerce_rest_customer_invalid_id", "message": "Invalid resource ID."}
            return {"id": int(entry["id"]), "error": error}
        customer["meta_data"] = entry["meta_data"]
        return {"id": int(entry["id"]), **customer}

    def put_coupon(self, number: int, coupon: dict[str, Any]) -> Answered:
        """Codes and addresses are kept in small letters; the types are the documentation's."""
        for name, value in coupon.items():
            if name not in COUPON or not isinstance(value, COUPON[name]):
                return refusal(400, "rest_invalid_param", f"Invalid parameter(s): {name}")
        coupon |= {
            "code": coupon["code"].lower(),
            "email_restrictions": [a.lower() for a in coupon["email_restrictions"]],
        }
        if any(known["code"] == coupon["code"] for other, known in self.coupons.items() if other != number):
            return refusal(400, "woocommerce_rest_coupon_code_already_exists", "The coupon code already exists")
        self.coupons[number] = {**self.coupons.get(number, {}), **coupon}
        return Answered(200, {"id": number, **self.coupons[number]})


def refusal(status: int, code: str, message: str) -> Answered:
    return Answered(status, {"code": code, "message": message, "data": {"status": status}})


class ShopWorld(HttpSourceWorld):
    plugin = WooCommerce
    table = "products"
    secrets = (SECRET, "cs_wr0ng")

    def __init__(self, shop: Shop, url: str) -> None:
        self.shop, self.url = shop, url

    def config(self, secret: str = SECRET) -> Any:
        return WooCommerce.config_model(
            url=self.url, key=KEY, secret=secret, allow_private=True, resources=["products"]
        )

    def wrong_config(self) -> Any:
        return self.config("cs_wr0ng")

    def write(self, records: Any) -> None:
        for record in records:
            moment = record["changed_at"].replace(" ", "T")
            self.shop.lists["products"][record["id"]] = {**record, "date_modified_gmt": moment}

    def remove(self, id_: int) -> None:
        del self.shop.lists["products"][id_]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with served(shop) as api:
        yield api.url


class TestWooCommerceConforms(HttpSourceSuite):
    @pytest.fixture
    def world(self, shop: Shop, url: str) -> ShopWorld:
        return ShopWorld(shop, url)


class TestWooCommerceWrites(HttpDestinationSuite):
    plugin = WooCommerce
    target = "customers"

    @pytest.fixture
    def config(self, shop: Shop, url: str) -> Mapping[str, Any]:
        shop.lists["customers"] = {number: {"email": f"a{number}@example.nl"} for number in range(1, 300)}
        return {"url": url, "key": KEY, "secret": SECRET, "allow_private": True}

    def rows(self, count: int, start: int = 1) -> list[Row]:
        return [Row(str(number), {"tier": "gold"}) for number in range(start, start + count)]

    def able(self, destination: Destination) -> Collection[Operation]:
        return ["update"]


def plugin(url: str, tmp_path: Path, **settings: Any) -> Destination:
    config = WooCommerce.config_model(url=url, key=KEY, secret=SECRET, allow_private=True, **settings)
    made: Destination = WooCommerce(config, Place(CONNECTION, tmp_path))
    return made


def test_the_server_refuses_what_the_documentation_does_not_know(shop: Shop) -> None:
    asked = Asked("GET", "/wp-json/wc/v3/orders", {"since": "2026"}, {"authorization": basic(KEY, SECRET)}, b"")
    assert shop(asked).status == 400


def test_the_lines_of_an_order_lead_back_to_it(shop: Shop, url: str, tmp_path: Path) -> None:
    lines = [{"id": 5, "product_id": 93, "quantity": 2, "total": "20.00", "taxes": []}]
    shop.lists["orders"][727] = {
        "id": 727,
        "date_created_gmt": "2026-03-01T10:00:00",
        "date_modified_gmt": "2026-03-01T10:00:01",
        "billing": {"email": "anna@example.nl", "country": "NL"},
        "line_items": lines,
    }
    landing = Landing(plugin(url, tmp_path, resources=["orders"]), tmp_path)  # type: ignore[arg-type]
    landing.run()
    (order,), (line,) = landing.rows("orders"), landing.rows("order_lines")
    assert (order["id"], order["billing_email"]) == (727, "anna@example.nl")
    assert (line["order_id"], line["id"], line["ordered_at"]) == (727, 5, "2026-03-01T10:00:00")


def test_what_is_known_of_customers_becomes_their_meta_data(shop: Shop, url: str, tmp_path: Path) -> None:
    shop.lists["customers"][1] = {"email": "anna@example.nl"}
    rows = [Row("1", {"tier": "gold"}), Row("7", {"tier": "none"})]
    results = plugin(url, tmp_path).sync(SyncBatch("customers", "update", rows))
    assert [(result.status, result.reason) for result in results] == [
        ("accepted", ""),
        ("rejected", "Invalid resource ID."),
    ]
    assert shop.lists["customers"][1]["meta_data"] == [{"key": "hub", "value": {"tier": "gold"}}]


TEN = {"code": "ANNA-10", "email": "Anna@example.nl", "discount_type": "percent", "amount": 10}


def test_a_coupon_is_the_customers_own_and_is_found_where_its_answer_was_lost(
    shop: Shop, url: str, tmp_path: Path
) -> None:
    ends = datetime(2026, 4, 1, tzinfo=UTC)
    shops, row = plugin(url, tmp_path), Row("42", {**TEN, "title": "Welkom", "ends_at": ends, "uses": "3"})
    (made,) = shops.sync(SyncBatch("coupons", "upsert", [row]))
    assert (made.status, made.remote_id, made.reason) == ("accepted", "1", "")
    assert shop.coupons[1] == {
        "code": "anna-10",
        "email_restrictions": ["anna@example.nl"],
        "discount_type": "percent",
        "amount": "10",
        "usage_limit": 3,
        "description": "Welkom",
        "date_expires": "2026-04-01T00:00:00+00:00",
    }
    for known in ("", made.remote_id):
        (again,) = shops.sync(SyncBatch("coupons", "upsert", [Row("42", {**TEN, "amount": 15}, known)]))
        assert (again.status, again.remote_id) == ("accepted", "1")
    assert (shop.coupons[1]["amount"], shop.coupons[1]["usage_limit"], len(shop.coupons)) == ("15", 1, 1)
    for _ in range(2):
        (gone,) = shops.sync(SyncBatch("coupons", "remove", [Row("42", remote_id="1")]))
        assert gone.status == "accepted"
    assert shop.coupons == {}


def test_a_code_of_another_coupon_is_left_alone_and_a_field_that_goes_nowhere_is_told(
    shop: Shop, url: str, tmp_path: Path
) -> None:
    shop.coupons[1] = {"code": "anna-10", "email_restrictions": [], "amount": "50"}
    rows = [Row("42", TEN), Row("43", {**TEN, "code": "BO-10", "end_at": "2026-04-01"})]
    taken, lost = plugin(url, tmp_path).sync(SyncBatch("coupons", "upsert", rows))
    assert (taken.status, taken.reason) == (
        "rejected",
        "it is there already, and is something else's: it is left alone",
    )
    assert lost.status == "rejected"
    assert "no request holds the field 'end_at'. Did you mean 'ends_at'?" in lost.reason
    assert shop.coupons == {1: {"code": "anna-10", "email_restrictions": [], "amount": "50"}}
    (unknown,) = plugin(url, tmp_path).sync(SyncBatch("coupons", "remove", [Row("42")]))
    assert "does not know what it is called there" in unknown.reason


def pushed(topic: str, body: Any, secret: str = "h00k-geheim", delivery: str = "d1") -> Pushed:
    content = json.dumps(body).encode()
    signature = b64encode(hmac.digest(secret.encode(), content, "sha256")).decode()
    headers = {"x-wc-webhook-topic": topic, "x-wc-webhook-signature": signature, "x-wc-webhook-delivery-id": delivery}
    return Pushed("POST", "", {}, headers, content, datetime(2026, 3, 1, tzinfo=UTC))


def test_a_pushed_order_brings_the_rows_that_the_list_brings(shop: Shop, url: str, tmp_path: Path) -> None:
    woo = plugin(url, tmp_path, webhook_secret="h00k-geheim")
    order = {"id": 7, "date_modified_gmt": "2026-03-01T10:00:00", "date_created_gmt": "2026-03-01T10:00:00"}
    order |= {"billing": {"email": "anna@example.nl"}, "line_items": [{"id": 71, "quantity": 2}]}
    received = woo.webhook(pushed("order.updated", order))
    (row,) = received.rows["orders"]
    (line,) = received.rows["order_lines"]
    assert (row["id"], row["billing_email"]) == (7, "anna@example.nl")
    assert (line["order_id"], line["quantity"]) == (7, 2)
    assert woo.webhook(pushed("order.updated", order)).id == received.id
    assert woo.webhook(pushed("order.created", order)).id != received.id
    assert woo.webhook(pushed("order.updated", order, delivery="d2")).id != received.id
    assert woo.webhook(pushed("order.updated", {**order, "id": 8})).id != received.id, "one second, one delivery id"
    assert woo.webhook(pushed("coupon.updated", order)).rows == {}


def test_a_push_that_the_shop_did_not_sign_is_refused(url: str, tmp_path: Path) -> None:
    order = {"id": 7, "date_modified_gmt": "2026-03-01T10:00:00"}
    with pytest.raises(UnsignedError):
        plugin(url, tmp_path, webhook_secret="h00k-geheim").webhook(pushed("order.updated", order, secret="another"))
    with pytest.raises(RejectedError, match="takes no pushes"):
        plugin(url, tmp_path).webhook(pushed("order.updated", order))


def test_a_deleted_customer_is_a_row_of_its_own_and_a_deleted_order_is_found_in_the_bin(
    shop: Shop, url: str, tmp_path: Path
) -> None:
    woo = plugin(url, tmp_path, webhook_secret="h00k-geheim")
    assert woo.webhook(pushed("customer.deleted", {"id": 7})).rows == {"deleted_customers": [{"id": 7}]}
    assert woo.webhook(pushed("product.deleted", {"id": 93})).rows == {"deleted_products": [{"id": 93}]}
    assert woo.webhook(pushed("order.deleted", {"id": 7})).rows == {}
    with pytest.raises(RejectedError, match="does not say id and X-WC-Webhook-Delivery-ID"):
        woo.webhook(pushed("customer.deleted", {"id": 7}, delivery=""))
    order = {"id": 7, "status": "processing", "date_modified_gmt": "2026-03-01T10:00:00", "line_items": []}
    shop.lists["orders"][7] = order
    landing = Landing(plugin(url, tmp_path, resources=["orders", "trashed_orders"]), tmp_path)  # type: ignore[arg-type]
    assert landing.run().rows == {"orders": 1}
    shop.lists["orders"][7] = {**order, "status": "trash", "date_modified_gmt": "2026-03-02T10:00:00"}
    assert landing.run().rows == {"trashed_orders": 1}


def test_a_list_that_the_shop_does_not_have_is_a_mistake_with_a_remedy(url: str) -> None:
    with pytest.raises(ValueError, match=r"there is no list 'order'\. Did you mean 'orders'"):
        WooCommerce.config_model(url=url, key=KEY, secret=SECRET, allow_private=True, resources=["order"])
