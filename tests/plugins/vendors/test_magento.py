"""`magento` against a server that keeps to the published contract of the REST API (2.4)."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Destination, Operation, Place, Row, SyncBatch
from hub.errors import ConfigurationError
from hub.registry import Registry
from hub.testing import HttpDestinationSuite
from hub.testing.http_sources import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import CONNECTION, Landing

from .served import Answered, Asked, served

TOKEN = "kattenluik0123456789"
FILTER = "searchCriteria[filterGroups][0][filters][0]"
SORT = "searchCriteria[sortOrders][0]"
SIZE, PAGE = "searchCriteria[pageSize]", "searchCriteria[currentPage]"
PARAMETERS = {f"{FILTER}[{key}]" for key in ("field", "value", "conditionType")} | {
    f"{SORT}[field]",
    f"{SORT}[direction]",
    SIZE,
    PAGE,
}
ATTRIBUTES = {"tier", "score", "name", "calls"}
"""The custom attributes that somebody made in the shop."""
Magento: Any = Registry().get("magento")


class Shop:
    """Customers, products and orders by number; a page beyond the last is the last one again."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[int, dict[str, Any]]] = {"customers/search": {}, "products": {}, "orders": {}}
        self.coupons: dict[int, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal(401, "The consumer isn't authorized to access %resources.")
        name = asked.path.removeprefix("/rest/V1/")
        if name.startswith("coupons"):
            return self.coupon(asked, name)
        if name.startswith("customers/") and name != "customers/search":
            return self.customer(asked, int(name.removeprefix("customers/")))
        if asked.method != "GET" or name not in self.lists:
            return refusal(404, "Request does not match any route.")
        query = asked.query
        if query.keys() - PARAMETERS or query[f"{FILTER}[conditionType]"] != "gteq":
            return refusal(400, "One or more input exceptions have occurred.")
        field, since = query[f"{FILTER}[field]"], query[f"{FILTER}[value]"]
        assert (query[f"{SORT}[field]"], query[f"{SORT}[direction]"]) == (field, "ASC")
        rows = sorted(self.lists[name].items(), key=lambda one: (one[1][field], one[0]))
        found = [item for _, item in rows if item[field] >= since]
        size = int(query[SIZE])
        page = min(int(query.get(PAGE, 1)), max(1, -(-len(found) // size)))
        return Answered(200, {"items": found[(page - 1) * size : page * size], "total_count": len(found)})

    def customer(self, asked: Asked, number: int) -> Answered:
        """Saves what is named and keeps the rest; an attribute that nobody made is passed over in silence."""
        known = self.lists["customers/search"].get(number)
        if known is None:
            return refusal(404, "No such entity with %fieldName = %fieldValue")
        if asked.method == "PUT":
            given = asked.json["customer"]
            if missing := [name for name in ("email", "firstname", "lastname", "website_id") if name not in given]:
                return refusal(400, f'"{missing[0]}" is required. Enter and try again.')
            attributes = {one["attribute_code"]: one["value"] for one in known.get("custom_attributes", [])}
            changed = {one["attribute_code"]: one["value"] for one in given.pop("custom_attributes", [])}
            attributes |= {code: value for code, value in changed.items() if code in ATTRIBUTES}
            known |= given
            known["custom_attributes"] = [
                {"attribute_code": code, "value": value} for code, value in attributes.items() if value
            ]
        return Answered(200, known)

    def coupon(self, asked: Asked, name: str) -> Answered:
        """Rule 7 has many generated codes; a code is there once in the whole shop."""
        match asked.method, name.split("/"):
            case "GET", ["coupons", "search"]:
                assert (asked.query[f"{FILTER}[field]"], asked.query[f"{FILTER}[conditionType]"]) == ("code", "eq")
                found = [one for one in self.coupons.values() if one["code"] == asked.query[f"{FILTER}[value]"]]
                return Answered(200, {"items": found, "total_count": len(found)})
            case "POST", ["coupons"]:
                coupon = asked.json["coupon"]
                if coupon["rule_id"] != 7 or coupon["type"] != 1:
                    return refusal(400, "Error occurred when saving coupon: %1")
                if any(one["code"] == coupon["code"] for one in self.coupons.values()):
                    return refusal(400, "Coupon with the same code already exists.")
                number = len(self.coupons) + 1
                self.coupons[number] = {"coupon_id": number, **coupon, "usage_limit": 1, "usage_per_customer": 1}
                return Answered(200, self.coupons[number])
            case "DELETE", ["coupons", number] if self.coupons.pop(int(number), None):
                return Answered(200, True)
        return refusal(404, "No such entity with %fieldName = %fieldValue")


def refusal(status: int, message: str) -> Answered:
    return Answered(status, {"message": message, "parameters": [{"resources": "Magento_Sales::sales"}]})


class ShopWorld(HttpSourceWorld):
    plugin = Magento
    table = "products"
    secrets = (TOKEN, "wr0ng0123456789")

    def __init__(self, shop: Shop, url: str) -> None:
        self.shop, self.url = shop, url

    def config(self, token: str = TOKEN) -> Any:
        return Magento.config_model(url=self.url, token=token, allow_private=True, resources=["products"])

    def wrong_config(self) -> Any:
        return self.config("wr0ng0123456789")

    def write(self, records: Any) -> None:
        for record in records:
            self.shop.lists["products"][record["id"]] = {**record, "updated_at": record["changed_at"]}

    def remove(self, id_: int) -> None:
        del self.shop.lists["products"][id_]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with served(shop) as api:
        yield api.url


class TestMagentoConforms(HttpSourceSuite):
    @pytest.fixture
    def world(self, shop: Shop, url: str) -> ShopWorld:
        return ShopWorld(shop, url)


class TestMagentoWrites(HttpDestinationSuite):
    plugin = Magento
    target = "customers"
    writes_at = "^PUT "

    @pytest.fixture
    def config(self, shop: Shop, url: str) -> Mapping[str, Any]:
        shop.lists["customers/search"] = {number: customer(number) for number in range(1, 300)}
        return {"url": url, "token": TOKEN, "allow_private": True}

    def rows(self, count: int, start: int = 1) -> list[Row]:
        return [Row(str(number), {"tier": "gold"}) for number in range(start, start + count)]

    def able(self, destination: Destination) -> Collection[Operation]:
        return ["update"]


def customer(number: int, **more: Any) -> dict[str, Any]:
    told = {"id": number, "email": "anna@example.nl", "firstname": "Anna", "lastname": "de Vries", "group_id": 1}
    return {**told, "website_id": 1, "store_id": 2, "updated_at": "2026-03-01 10:00:00", **more}


def landing(url: str, tmp_path: Path, *resources: str) -> Landing:
    config = Magento.config_model(url=url, token=TOKEN, allow_private=True, resources=list(resources))
    return Landing(Magento(config, Place(CONNECTION, tmp_path)), tmp_path)


def test_the_server_refuses_what_the_contract_does_not_know(shop: Shop) -> None:
    asked = Asked("GET", "/rest/V1/orders", {"since": "2026"}, {"authorization": f"Bearer {TOKEN}"}, b"")
    assert shop(asked).status == 400


@pytest.mark.parametrize(("number", "pages"), [(0, 1), (100, 1), (101, 3), (250, 4)])
def test_pages_of_one_moment_go_on_by_their_number(shop: Shop, tmp_path: Path, number: int, pages: int) -> None:
    for product in range(number):
        shop.lists["products"][product] = {"id": product, "updated_at": "2026-03-01 10:00:00"}
    with served(shop) as api:
        rows = landing(api.url, tmp_path, "products").run().rows
        assert (rows.get("products", 0), len(api.asked)) == (number, pages)


def test_the_lines_of_an_order_and_the_addresses_of_a_customer_lead_back(shop: Shop, url: str, tmp_path: Path) -> None:
    shop.lists["orders"][727] = {
        "entity_id": 727,
        "created_at": "2026-03-01 10:00:00",
        "updated_at": "2026-03-01 10:00:01",
        "billing_address": {"country_id": "BE", "telephone": "0470 12 34 56", "street": ["Meir 1"]},
        "items": [{"item_id": 5, "product_id": 93, "qty_ordered": 2, "row_total": 20.0}],
    }
    shop.lists["customers/search"][26] = {
        "id": 26,
        "updated_at": "2026-03-01 10:00:00",
        "addresses": [{"id": 5, "street": ["Dorpsstraat", "12"], "country_id": "NL"}],
    }
    landed = landing(url, tmp_path, "orders", "customers")
    landed.run()
    (order,), (line,), (address,) = (landed.rows(table) for table in ("orders", "order_lines", "addresses"))
    assert (order["entity_id"], order["billing_address_country_id"]) == (727, "BE")
    assert (line["order_id"], line["item_id"], line["ordered_at"]) == (727, 5, "2026-03-01 10:00:00")
    assert (address["customer_id"], address["street"]) == (26, '["Dorpsstraat","12"]')


def test_what_is_known_of_customers_becomes_attributes_a_group_and_the_newsletter(
    shop: Shop, url: str, tmp_path: Path
) -> None:
    kept = {"custom_attributes": [{"attribute_code": "score", "value": "7"}], "addresses": [{"id": 5}]}
    shop.lists["customers/search"] = {number: customer(number, **kept) for number in (1, 2)}
    shops = Magento(Magento.config_model(url=url, token=TOKEN, allow_private=True), Place(CONNECTION, tmp_path))
    anna = {"tier": "gold", "name": "cats", "calls": False, "group_id": 3, "is_subscribed": False}
    rows = [Row("1", anna, "1"), Row("2", {"score": None, "is_subscribed": None}), Row("7", {"tier": "none"})]
    for _ in range(2):
        known, other, gone = shops.sync(SyncBatch("customers", "update", rows))
        assert [(one.status, one.remote_id) for one in (known, other)] == [("accepted", "1"), ("accepted", "2")]
        assert (gone.status, gone.reason.split(":")[0]) == ("rejected", "HTTP 404")
    first, second = shop.lists["customers/search"].values()
    attributes = {"score": "7", "tier": "gold", "name": "cats", "calls": "0"}
    assert {one["attribute_code"]: one["value"] for one in first.pop("custom_attributes")} == attributes
    told = {"group_id": 3, "extension_attributes": {"is_subscribed": False}, "addresses": [{"id": 5}]}
    assert first == {**customer(1), **told}
    assert second == {**customer(2), "custom_attributes": [], "addresses": [{"id": 5}]}


def test_an_attribute_that_the_shop_does_not_have_is_told_and_nobody_is_made(
    shop: Shop, url: str, tmp_path: Path
) -> None:
    shop.lists["customers/search"] = {1: customer(1)}
    shops = Magento(Magento.config_model(url=url, token=TOKEN, allow_private=True), Place(CONNECTION, tmp_path))
    (lost,) = shops.sync(SyncBatch("customers", "update", [Row("1", {"tier": "gold", "teir": "gold"})]))
    assert (lost.status, lost.reason) == ("rejected", "the answer leaves out teir: not known there")
    with pytest.raises(ConfigurationError, match="upsert"):
        shops.sync(SyncBatch("customers", "upsert", [Row("8", {"tier": "gold"})]))


def test_a_code_of_a_cart_price_rule_is_made_once_and_taken_back(shop: Shop, url: str, tmp_path: Path) -> None:
    config = Magento.config_model(url=url, token=TOKEN, allow_private=True)
    shops = Magento(config, Place(CONNECTION, tmp_path))
    anna = {"code": "ANNA-10", "rule": "7"}
    for _ in range(2):
        (made,) = shops.sync(SyncBatch("coupons", "upsert", [Row("42", anna)]))
        assert (made.status, made.remote_id, made.reason) == ("accepted", "1", "")
    (coupon,) = shop.coupons.values()
    assert (coupon["code"], coupon["rule_id"], coupon["type"]) == ("ANNA-10", 7, 1)
    taken, refused = shops.sync(
        SyncBatch("coupons", "add", [Row("43", {**anna, "rule": 8}), Row("44", {"code": "BO-1", "rule": 8})])
    )
    assert (taken.status, refused.status) == ("rejected", "rejected")
    assert "something else's" in taken.reason
    assert "saving coupon" in refused.reason
    for _ in range(2):
        (gone,) = shops.sync(SyncBatch("coupons", "remove", [Row("42", remote_id="1")]))
        assert gone.status == "accepted"
    assert shop.coupons == {}


def test_counting_items_needs_pages_with_a_size_and_a_total() -> None:
    from plugins.sources.rest.config import Paginate

    with pytest.raises(ValueError, match="needs `size` and `total`"):
        Paginate(by="page", counts="items", total="total_count")
