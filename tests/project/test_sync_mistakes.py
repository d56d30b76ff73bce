"""Mistakes in syncs are told where they are, with what to write instead, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = yaml.safe_load(Path(__file__).with_name("sync_mistakes.yaml").read_text(encoding="utf-8"))
FILE = "syncs/board.yaml"


@pytest.mark.parametrize("case", CASES, ids=[case["to"].replace("\n", " ")[:60] or case["change"] for case in CASES])
def test_every_mistake_in_a_sync_is_told_at_its_place(shop: Any, case: dict[str, Any]) -> None:
    shop.change(FILE, case["change"], case["to"])
    assert shop.problems() == case["told"]


@pytest.mark.parametrize(
    "text",
    [
        "from: {table: person}\nmode: upsert\nconsent: {channel: email, purpose: service}",
        "from: {table: person, where: orders > 1}\nguards: {rows: 5, drop: 50%}\nconsent: {channel: ads}",
        "from: {segment: regulars}\nguards: {removes: 100%, may_be_empty: true}\nconsent: {channel: ads}",
        "from: {table: sales_order, where: total > 5}\nkey: source_key\nconsent: {channel: email}",
        "from: {table: product}\nkey: source_key",
        "from: {segment: regulars}\nleaving: clear\nconsent: {channel: ads}\nschedule: '0 6 * * *'",
        "from: {segment: regulars}\nshared_key: first\nkey: postcode\nconsent: {channel: letter}",
    ],
)
def test_what_syncs_may_say(shop: Any, text: str) -> None:
    fields = "{name: source_key}" if "key: source_key" in text else "{name: given_name}"
    shop.write(FILE, f"sync: board\nto: {{connection: board, object: Regulars}}\nfields: {fields}\n{text}\n")
    assert shop.problems() == []
