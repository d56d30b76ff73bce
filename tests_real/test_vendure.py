"""The source `vendure` against a real Vendure: what visitors of the shop do comes in, once and in time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub import pipeline
from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.project import Project
from hub.project.load import load_project
from hub.registry import Registry
from hub.schema import BUILT_IN
from hub.testing.sources import Landing
from hub.warehouse import open_warehouse
from plugins.sources.vendure import Vendure
from plugins.sources.vendure.config import VendureConfig
from tests_real.systems.vendure import Vendure as RealVendure

HUB = """
name: Miaoum
connections:
  shop:
    {{plugin: vendure, url: "{url}/admin-api", username: "{user}", password: "${{SHOP_PASSWORD}}", allow_private: true}}
"""


def names(name: str, **more: str) -> list[dict[str, str]]:
    return [{"languageCode": "en", "name": name, **more}]


@pytest.fixture(scope="module")
def variant(vendure: RealVendure) -> str:
    """Fit the shop out: a country, taxes, a product, a way to ship and a way to pay; gives the product's variant."""

    def make(what: str, **values: Any) -> Any:
        kind = f"[Create{what[:-1]}Input!]!" if what == "ProductVariants" else f"Create{what}Input!"
        query = f"mutation ($input: {kind}) {{ made: create{what}(input: $input) {{ id }} }}"
        return vendure.ask("admin", query, **values)["made"]

    country = make("Country", input={"code": "NL", "enabled": True, "translations": names("Nederland")})["id"]
    zone = make("Zone", input={"name": "NL", "memberIds": [country]})["id"]
    channel = {"id": "1", "defaultTaxZoneId": zone, "defaultShippingZoneId": zone, "pricesIncludeTax": True}
    money = {"defaultCurrencyCode": "EUR", "availableCurrencyCodes": ["EUR"]}
    update = "mutation ($input: UpdateChannelInput!) { updateChannel(input: $input) { __typename } }"
    vendure.ask("admin", update, input={**channel, **money})
    tax = make("TaxCategory", input={"name": "Hoog", "isDefault": True})["id"]
    make("TaxRate", input={"name": "21%", "enabled": True, "value": 21, "categoryId": tax, "zoneId": zone})
    words = names("Brokken", slug="brokken", description="")
    product = make("Product", input={"enabled": True, "translations": words})["id"]
    bag = {"productId": product, "sku": "BR-1", "price": 1250, "taxCategoryId": tax, "trackInventory": "FALSE"}
    (variant,) = make("ProductVariants", input=[{**bag, "translations": names("Brokken 2 kg")}])
    rate = [("rate", "0"), ("includesTax", "auto"), ("taxRate", "0")]
    make(
        "ShippingMethod",
        input={
            "code": "post",
            "fulfillmentHandler": "manual-fulfillment",
            "checker": {
                "code": "default-shipping-eligibility-checker",
                "arguments": [{"name": "orderMinimum", "value": "0"}],
            },
            "calculator": {
                "code": "default-shipping-calculator",
                "arguments": [{"name": name, "value": value} for name, value in rate],
            },
            "translations": names("Post", description=""),
        },
    )
    handler = {"code": "dummy-payment-handler", "arguments": [{"name": "automaticSettle", "value": "true"}]}
    ideal = {"code": "ideal", "enabled": True, "handler": handler, "translations": names("iDEAL", description="")}
    make("PaymentMethod", input=ideal)
    return str(variant["id"])


def fill(vendure: RealVendure, who: str, variant: str, quantity: int = 2) -> None:
    """Put something into the basket, and say who one is."""
    add = "mutation ($v: ID!, $q: Int!) { addItemToOrder(productVariantId: $v, quantity: $q) { __typename } }"
    assert vendure.ask(who, add, v=variant, q=quantity)["addItemToOrder"]["__typename"] == "Order"
    tell = "mutation ($input: CreateCustomerInput!) { done: setCustomerForOrder(input: $input) { __typename } }"
    told = {"firstName": who.title(), "lastName": "van 't Wolkje", "emailAddress": f"{who}@example.nl"}
    vendure.ask(who, tell, input=told)


def order(vendure: RealVendure, who: str) -> None:
    """Pay for what is in the basket."""
    ship = "mutation ($input: CreateAddressInput!) { done: setOrderShippingAddress(input: $input) { __typename } }"
    home = {"streetLine1": "Dorpsstraat 5", "postalCode": "1234AB", "city": "Urk", "countryCode": "NL"}
    vendure.ask(who, ship, input={"fullName": who.title(), **home})
    (method,) = vendure.ask(who, "{ eligibleShippingMethods { id } }")["eligibleShippingMethods"]
    choose = "mutation ($id: [ID!]!) { done: setOrderShippingMethod(shippingMethodId: $id) { __typename } }"
    vendure.ask(who, choose, id=[method["id"]])
    on = 'mutation { done: transitionOrderToState(state: "ArrangingPayment") { __typename } }'
    assert vendure.ask(who, on)["done"]["__typename"] == "Order"
    pay = 'mutation { done: addPaymentToOrder(input: {method: "ideal", metadata: {}}) { ... on Order { state } } }'
    assert vendure.ask(who, pay)["done"] == {"state": "PaymentSettled"}


def plugin(vendure: RealVendure, **given: Any) -> Vendure:
    config = {"url": f"{vendure.url}/admin-api", "username": vendure.username, "password": vendure.password}
    return Vendure(
        VendureConfig.model_validate({**config, "allow_private": True, **given}), Place("shop", Path("/nowhere"))
    )


@pytest.fixture
def project(vendure: RealVendure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("SHOP_PASSWORD", vendure.password)
    (tmp_path / "hub.yaml").write_text(HUB.format(url=vendure.url, user=vendure.username))
    return load_project(tmp_path, Registry({"vendure": EntryPoint("vendure", "plugins.sources.vendure", "hub")}))


def run(project: Project) -> None:
    report = pipeline.run(project, datetime.now(UTC), ["land", "map", "resolve"])
    assert [failure for each in report.reports for failure in each.failures] == []
    assert sum(each.counts.get("quarantined", 0) for each in report.reports) == 0


def rows(project: Project, table: str) -> list[dict[str, Any]]:
    warehouse = open_warehouse("duckdb", BUILT_IN, project.state, [project.folder])
    with warehouse.begin() as transaction:
        found: list[dict[str, Any]] = transaction.arrow(sa.select(transaction.table(table))).read_all().to_pylist()
    warehouse.close()
    return found


def test_the_check_signs_in(vendure: RealVendure) -> None:
    assert plugin(vendure).check().message == "the shop gives customers, orders, variants"
    assert RealVendure.version == Vendure.proven[0].version, "it claims another version"


def test_what_is_wrong_is_told_in_words(vendure: RealVendure, tmp_path: Path) -> None:
    wrong = plugin(vendure, password="oud")
    assert "the shop refuses the sign-in" in wrong.check().message
    with pytest.raises(ConfigurationError, match="the shop refuses the sign-in"):
        Landing(wrong, tmp_path).run()
    assert "no Admin API of Vendure" in plugin(vendure, url=f"{vendure.url}/nowhere").check().message


def test_a_basket_becomes_a_cart_and_then_an_order(vendure: RealVendure, variant: str, project: Project) -> None:
    fill(vendure, "anna", variant)
    fill(vendure, "bram", variant, quantity=1)
    run(project)
    assert [(row["status"], float(row["total"])) for row in rows(project, "cart")] == [("open", 25.0), ("open", 12.5)]
    assert rows(project, "sales_order") == []
    order(vendure, "anna")
    run(project)
    assert sorted(row["status"] for row in rows(project, "cart")) == ["open", "ordered"]
    (sale,) = rows(project, "sales_order")
    assert (sale["status"], float(sale["total"]), sale["currency"]) == ("paid", 25.0, "EUR")
    (line,) = rows(project, "order_line")
    assert (float(line["quantity"]), float(line["amount"]), line["product_key"]) == (2.0, 25.0, variant)
    assert [(row["name"], float(row["price"])) for row in rows(project, "product")] == [("Brokken 2 kg", 12.5)]
    people = {row["record_id"]: row for row in rows(project, "source_record")}
    buyer = people[sale["record_id"]]
    assert (buyer["given_name"], buyer["prefix"], buyer["surname"]) == ("Anna", "van 't", "Wolkje")


def test_a_run_without_news_lands_nothing_and_pages_lose_nothing(
    vendure: RealVendure, variant: str, tmp_path: Path
) -> None:
    for number in range(7):
        fill(vendure, f"klant{number}", variant)
    landing = Landing(plugin(vendure, page_size=2), tmp_path)
    landed = landing.run().rows
    there = vendure.ask("admin", "{ orders { totalItems } customers { totalItems } }")
    assert landed["orders"] == there["orders"]["totalItems"]
    assert landed["customers"] == there["customers"]["totalItems"]
    assert landing.run().loads == ()
    time.sleep(0.01)
    fill(vendure, "klant3", variant, quantity=1)
    again = landing.run().rows
    assert (again["orders"], again["order_lines"]) == (1, 1)
    assert landing.run().loads == ()
