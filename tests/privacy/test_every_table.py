"""A canary in every table that can hold one: erased, it is in none (R40). Whoever adds a table plants one here too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.lake import Lake
from hub.privacy import Stores, ask, go_on, look
from hub.privacy.holdings import KEPT_FOR_RESOLVE
from hub.schema import BUILT_IN, Table
from hub.warehouse import Warehouse
from tests.stages.engagement import NOW, shop_in

EMAIL = "kanarie@example.nl"
NOBODYS = frozenset(
    {
        "ad_audience",
        "company",
        "event",
        "mapped_load",
        "organisation",
        "organisation_profile",
        "product",
        "quality_check",
        "quality_field",
        "quality_spread",
        "recommended_list",
        "resolved_load",
        "satisfaction",
        "scenario_result",
        "score_model",
        "score_trial",
        "scenario_version",
        "stage_state",
        "sync_run",
    }
)
"""Tables about things, counts, loads and runs."""

BY_VALUE: dict[str, dict[str, Any]] = {
    "quarantine": {"row": json.dumps({"mail": EMAIL}), "load_id": "1", "source_key": "7"},
    "lookup_value": {"output": EMAIL},
    "value_set_aside": {"type": "email", "value": EMAIL},
    "audience_state": {"row_key": EMAIL},
    "sync_change": {"row_key": EMAIL},
    "changed_there": {"row_key": EMAIL},
    "identifier": {"type": "email", "value": EMAIL, "source_key": "1"},
    "source_record": {"source_key": "1"},
    "cart_line": {"cart_key": "kanarie cart"},
    "message_event": {"record_id": None, "message_key": "kanarie message"},
}
"""Tables whose rows are found by a value, or by the row that they refer to."""

KEYS = {"connection": "shop", "record_id": "shop:1", "low_record": "shop:1", "high_record": "shop:2"}
NUMBERS = {"person_id": 1, "now_person_id": 1, "record_no": 1, "household_id": 1}


def planted(table: Table) -> dict[str, Any]:
    """Give a row of a table that says the canary's name wherever it has room for it."""
    row: dict[str, Any] = {}
    for column in table.all_columns:
        if column.name in KEYS:
            row[column.name] = KEYS[column.name]
        elif column.name in NUMBERS:
            row[column.name] = NUMBERS[column.name]
        elif column.type == "text":
            row[column.name] = f"kanarie {table.name if column.name == 'source_key' else column.name}"
    return row | BY_VALUE.get(table.name, {})


def of_others(table: Table) -> dict[str, Any]:
    """Give the same row for somebody else."""
    row = planted(table)
    for name, value in row.items():
        if name in NUMBERS:
            row[name] = 2
        elif name in KEYS and name != "connection" and value is not None:
            row[name] = "shop:3" if name == "high_record" else "shop:2"
        elif name == "source_key" and value in ("1", "7"):
            row[name] = "2"
        elif isinstance(value, str):
            row[name] = value.replace("kanarie", "bert")
    return row


def saying(warehouse: Warehouse, word: str) -> dict[str, int]:
    """Count the rows that say a word, by table."""
    found = {}
    with warehouse.begin() as transaction:
        for table in BUILT_IN:
            rows = transaction.rows(sa.select(transaction.table(table.name)))
            found[table.name] = sum(word in json.dumps(list(row), default=str) for row in rows)
    return {name: number for name, number in found.items() if number}


def test_the_canary_is_in_no_table_and_others_are_in_all(warehouse: Warehouse, tmp_path: Path) -> None:
    tables = [table for table in BUILT_IN if table.name not in NOBODYS | KEPT_FOR_RESOLVE]
    with shop_in(tmp_path, warehouse) as shop:
        for table in tables:
            shop.insert(table.name, **planted(table))
            shop.insert(table.name, **of_others(table))
        before = saying(warehouse, "kanarie")
        assert {table.name for table in tables} - before.keys() == {"person_alias", "recommended_person"}, (
            "numbers only"
        )
        stores = Stores(shop.project, Lake(tmp_path / "lake"), warehouse, shop.ledger)
        ask(stores, look(stores, [1], NOW), "anna", "", NOW)
        go_on(stores, NOW)
        assert saying(warehouse, "kanarie") == {}
        others = saying(warehouse, "bert")
        assert {name: number for name, number in others.items() if number != 1} == {}
        assert before.keys() == others.keys()
        with warehouse.begin() as transaction:
            left = {table.name: transaction.count(transaction.table(table.name)) for table in tables}
        assert left == dict.fromkeys(left, 1), "those of the others"
