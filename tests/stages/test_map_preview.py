"""A preview shows rows before and after a mapping, and stores nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.stages.map import preview_mapping
from hub.warehouse import Warehouse
from tests.stages.raw_lake import Mapped, project

SHOP = """
connection: shop
sales_order:
  from: orders
  where: nr > 0
  key: nr
  person: customer
  columns: {total: "money(total, 'EUR')"}
"""


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Mapped:
    made = Mapped(warehouse, tmp_path / "lake")
    rows = [{"nr": 0, "customer": 1, "total": "1"}, {"nr": 1, "customer": 1, "total": "2"}, {"nr": 2, "total": "x"}]
    made.load("shop", "100.0", orders=[{"nr": 9, "customer": 9, "total": "9"}])
    made.load("shop", "200.0", orders=rows)
    return made


def test_rows_of_the_newest_load_are_shown_before_and_after(shop: Mapped) -> None:
    good, bad = preview_mapping(shop.warehouse, project(SHOP), shop.lake, "shop.sales_order")
    assert good.raw == {"nr": 1, "customer": 1, "total": "2"}
    assert good.mapped is not None
    assert (good.mapped["source_key"], good.mapped["record_id"], good.mapped["total"]) == ("1", "shop:1", Decimal(2))
    assert (bad.mapped, bad.reason) == (None, "total: not a number")


def test_a_preview_shows_so_many_rows_and_stores_nothing(shop: Mapped) -> None:
    assert len(preview_mapping(shop.warehouse, project(SHOP), shop.lake, "sales_order", rows=1)) == 1
    assert shop.rows("sales_order", "source_key") == []
    assert shop.rows("mapped_load", "load_id") == []


def test_an_unknown_name_gets_a_suggestion(shop: Mapped) -> None:
    with pytest.raises(ConfigurationError, match=r"no mapping 'sales_orders'. Did you mean 'sales_order'"):
        preview_mapping(shop.warehouse, project(SHOP), shop.lake, "sales_orders")


def test_a_name_that_several_connections_have_needs_the_connection(shop: Mapped) -> None:
    both = project(SHOP, SHOP.replace("connection: shop", "connection: till"))
    with pytest.raises(ConfigurationError, match=r"name one of shop.sales_order, till.sales_order"):
        preview_mapping(shop.warehouse, both, shop.lake, "sales_order")


def test_a_table_without_rows_says_how_to_get_them(shop: Mapped) -> None:
    with pytest.raises(ConfigurationError, match="has landed no rows of 'carts' yet"):
        preview_mapping(shop.warehouse, project(SHOP.replace("orders", "carts")), shop.lake, "sales_order")


def test_a_mapping_with_mistakes_is_refused_with_its_place(shop: Mapped) -> None:
    with pytest.raises(
        ConfigurationError, match=r"sales_order.columns.total: there is no 'totaal'. Did you mean 'total'"
    ):
        preview_mapping(shop.warehouse, project(SHOP.replace("money(total", "money(totaal")), shop.lake, "sales_order")
