"""Mistakes in syncs are told where they are, with what to write instead, before anything runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.check import check_project
from hub.errors import ConfigurationError

CASES = yaml.safe_load(Path(__file__).with_name("sync_mistakes.yaml").read_text(encoding="utf-8"))
FILE = "syncs/board.yaml"


def problems(shop: Any) -> list[str]:
    """Tell what `hub check` tells: first what loading finds, then what is wrong in expressions."""
    try:
        project = shop.load()
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    found = check_project(project, datetime(2026, 3, 2, tzinfo=UTC), registry=shop.registry)
    return [str(problem) for problem in found]


@pytest.mark.parametrize("case", CASES, ids=[case["to"].replace("\n", " ")[:60] or case["change"] for case in CASES])
def test_every_mistake_in_a_sync_is_told_at_its_place(shop: Any, case: dict[str, Any]) -> None:
    shop.change(FILE, case["change"], case["to"])
    assert problems(shop) == case["told"]


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
    assert problems(shop) == []
