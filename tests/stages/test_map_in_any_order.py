"""Mapping load by load leaves what mapping everything again leaves, whatever comes in whatever order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from hub.warehouse import Warehouse
from tests.stages.raw_lake import Mapped

SHOP = """
connection: shop
person:
  from: customers
  key: id
  updated_at: timestamp(changed)
  identifiers: {email: email(mail), phone: "phone(tel, 'NL')"}
  columns:
    surname: trim(name)
    birth_date: "date(dob, 'DD-MM-YYYY')"
    gender: {from: sex, map: {v: F, m: M}, unreadable: empty}
  consent:
    - {channel: email, purpose: marketing, given: news = '1', at: timestamp(news_at), text: v1}
  checks: [surname <> 'Nee']
sales_order:
  from: orders
  key: number
  guest: {email: email(mail)}
  columns: {total: number(total), status: status}
  checks: [{column: total, between: [0, 100], otherwise: quarantine}]
"""
OTHERWISE = SHOP.replace("trim(name)", "name").replace("status: status", "status: trim(status)")
"""The same in other words, so that everything is mapped again."""
DAYS = [f"2026-11-0{day}T10:00:00Z" for day in (1, 2, 3)]
Column = list[str | None]
CUSTOMER: dict[str, Column] = {
    "id": ["1", "2", "3", None],
    "changed": [*DAYS, *DAYS, "gisteren", None],
    "mail": ["a@example.nl", "b@example.nl", "geen", None],
    "tel": ["0612345678", "x", None],
    "name": ["Wit", "Bruin", "Nee"],
    "dob": ["01-02-1980", "31-02-1980", None],
    "sex": ["v", "m", "?"],
    "news": ["1", "0", None],
    "news_at": [*DAYS, None],
}
ORDER: dict[str, Column] = {
    "number": ["1", "2", "3"],
    "mail": ["a@example.nl", "c@example.nl", "geen"],
    "total": ["1", "200", "x"],
    "status": ["a", "b"],
}
TABLES = {
    "source_record": ("record_id", "surname", "birth_date", "gender", "source_time"),
    "identifier": ("record_id", "type", "value"),
    "quarantine": ("raw_table", "target", "source_key", "reason", "load_id", "effect"),
    "sales_order": ("source_key", "record_id", "total", "status"),
    "consent": ("record_id", "channel", "given", "at"),
}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mapping_load_by_load_leaves_what_mapping_everything_again_leaves(
    warehouse: Warehouse, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)

    def rows(of: dict[str, Column]) -> list[dict[str, Any]]:
        return [{name: chance.choice(values) for name, values in of.items()} for _ in range(chance.randint(2, 5))]

    shop = Mapped(warehouse, tmp_path)
    for number in range(1, 6):
        shop.load("shop", f"{number}00.0", customers=rows(CUSTOMER), orders=rows(ORDER))
        shop.map(SHOP)
    one_by_one = {table: shop.rows(table, *columns) for table, columns in TABLES.items()}
    shop.map(OTHERWISE)
    assert {table: shop.rows(table, *columns) for table, columns in TABLES.items()} == one_by_one
