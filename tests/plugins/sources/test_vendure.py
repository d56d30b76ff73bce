"""The source `vendure` against a server that enforces the contract of Vendure's Admin API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.errors import ConfigurationError, TemporaryError
from hub.testing import HttpSourceSuite, HttpSourceWorld
from hub.testing.sources import Landing
from plugins.sources.vendure import Vendure
from plugins.sources.vendure.config import VendureConfig
from tests.plugins.sources.default_mappings import differences
from tests.plugins.sources.vendure_server import PASSWORD, VendureServer, customer, order, variant, vendure_server


@pytest.fixture
def server():
    with vendure_server() as shop:
        yield shop


def config(server: VendureServer, **given: Any) -> VendureConfig:
    values = {"url": server.url, "username": "hub", "password": PASSWORD, "allow_private": True, **given}
    return VendureConfig.model_validate(values)


@pytest.fixture
def landing(server, tmp_path):
    return Landing(Vendure(config(server, page_size=2), Place("shop", tmp_path)), tmp_path)


class ShopWorld(HttpSourceWorld):
    plugin = Vendure
    table = "variants"
    secrets = (PASSWORD, "wr0ng-geheim")

    def __init__(self, server: VendureServer) -> None:
        self.server, self.url = server, server.url

    def config(self, **given: Any) -> VendureConfig:
        return config(self.server, url=self.url, custom_fields={"variants": ["nickname"]}, **given)

    def wrong_config(self) -> VendureConfig:
        return self.config(password="wr0ng-geheim")

    def write(self, records) -> None:
        for record in records:
            at = datetime.fromisoformat(record["changed_at"]).replace(tzinfo=UTC)
            self.server.add("productVariants", variant(record["id"], record["name"], at, record.get("nickname")))
            self.server.clock = max(self.server.clock, at)

    def remove(self, id_: int) -> None:
        del self.server.items["productVariants"][str(id_)]


class TestVendureConforms(HttpSourceSuite):
    @pytest.fixture
    def world(self, server):
        server.clock = datetime(2026, 1, 1, tzinfo=UTC)
        return ShopWorld(server)


def test_the_cases_of_the_default_mapping_hold(tmp_path: Path) -> None:
    assert differences(Vendure, tmp_path) == (4, [])


def test_orders_come_with_their_lines_and_customers_with_their_addresses(server, landing) -> None:
    server.add("customers", customer(1, server.clock))
    server.add("orders", order(7, server.clock))
    assert landing.run().rows == {"customers": 1, "addresses": 1, "orders": 1, "order_lines": 1}
    (sale,) = landing.rows("orders")
    assert (sale["customer_id"], sale["coupon_codes"], sale["shipping_city"]) == (1, "LENTE, EXTRA", "Urk")
    (line,) = landing.rows("order_lines")
    assert (line["order_id"], line["variant_id"], line["discounted_line_price_with_tax"]) == (7, 1, 2000)
    assert [row["groups"] for row in landing.rows("customers")] == ['["Goud"]']


def test_what_changes_while_it_is_read_is_neither_lost_nor_skipped(server, landing) -> None:
    for number in range(1, 6):
        server.add("orders", order(number, server.clock - timedelta(hours=6 - number)))
    asked: list[int] = []

    def meanwhile(name: str) -> None:
        asked.append(1) if name == "orders" else None
        if len(asked) == 2:  # the first changes, and the second is deleted
            server.add("orders", order(1, server.clock, state="PaymentSettled"))
            server.items["orders"].pop("2", None)

    server.before = meanwhile
    landing.run()
    assert sorted(row["id"] for row in landing.rows("orders")) == [1, 1, 2, 3, 4, 5]
    assert landing.run().loads == ()


def test_many_of_one_moment_come_once(server, landing) -> None:
    """One transaction gives all its rows one time: more of them than a page holds."""
    for number in range(1, 8):
        server.add("orders", order(number, server.clock.replace(microsecond=123_456)))
    assert landing.run().rows["orders"] == 7
    assert landing.run().loads == ()
    server.add("orders", order(8, server.clock.replace(microsecond=123_457)))
    assert landing.run().rows["orders"] == 1


def test_a_user_without_the_right_is_told(server, landing) -> None:
    server.hidden.add("customers")
    assert landing.plugin.check().message.endswith("hub may not read customers: give it the right")
    with pytest.raises(ConfigurationError, match="hub may not read customers"):
        landing.run()


def test_a_custom_field_that_the_shop_lacks_is_named(server, tmp_path) -> None:
    plugin = Vendure(config(server, custom_fields={"orders": ["pets"]}), Place("shop", tmp_path))
    assert 'Cannot query field "pets": check `custom_fields`' in plugin.check().message


def test_a_shop_that_is_busy_is_asked_again(server, landing) -> None:
    server.add("orders", order(1, server.clock))
    busy = [(429, b""), (503, b"")]
    server.before = lambda name: busy.pop() if name == "orders" and busy else None
    assert landing.run().rows["orders"] == 1
    assert busy == []


def test_a_shop_that_stays_busy_makes_the_run_wait(server, tmp_path) -> None:
    server.before = lambda _: (429, b"")
    with pytest.raises(TemporaryError, match="no time now"):
        Landing(Vendure(config(server), Place("shop", tmp_path)), tmp_path).run()


def test_a_page_for_people_is_no_answer(server, landing) -> None:
    server.before = lambda _: (200, b"<html>Onderhoud</html>")
    assert "no Admin API of Vendure 3" in landing.plugin.check().message
