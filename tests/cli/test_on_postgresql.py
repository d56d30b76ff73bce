"""The same first day with PostgreSQL as the warehouse and the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def on(corner: Path, engine: str, ledger: str) -> None:
    path = corner / "hub.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("locale:", 'engine: "${SHOP_ENGINE}"\nledger: "${SHOP_LEDGER}"\nlocale:'), encoding="utf-8"
    )
    with (corner / ".env").open("a") as file:
        file.write(f"SHOP_ENGINE={engine}\nSHOP_LEDGER={ledger}\n")


def test_a_project_on_a_server_answers_the_same(hub: Any, corner: Path, postgres_url: str) -> None:
    on(corner, postgres_url, postgres_url)
    here = ("--project", str(corner))
    ran = hub("run", *here)
    assert ran.exit_code == 0, ran.output
    assert len(list((corner / "out/letters").glob("*.pdf"))) == 2
    asked = hub("query", "SELECT person_id, surname FROM person ORDER BY 1", "--format", "csv", *here)
    assert asked.stdout == "person_id,surname\n1,Vries\n2,Jansen\n3,Valk\n4,Smit\n5,Yilmaz\n"
    assert hub("explain", "1", *here).stdout.startswith("Person 1: Anna de Vries\n")
    assert json.loads(hub("status", "--json", *here).stdout)["messages"] == {"accepted": 2}
    assert "set aside" in hub("preview", "mapping", "sales_order", "--rows", "5", *here).stdout
    assert hub("doctor", *here).exit_code == 0
    refused = hub("query", "DELETE FROM store.person", *here)
    assert refused.exit_code == 2
    assert json.loads(hub("query", "SELECT count(*) AS n FROM person", "--json", *here).stdout) == [{"n": 5}]


@pytest.mark.parametrize("command", [["run"], ["query", "SELECT 1"], ["doctor"], ["status"], ["explain", "1"]])
def test_a_server_that_is_down_is_told_without_its_password(hub: Any, corner: Path, command: list[str]) -> None:
    gone = "postgresql://hub:canary-pw@127.0.0.1:9/hub"
    on(corner, gone, gone)
    answered = hub(*command, "--project", str(corner))
    assert answered.exit_code == (1 if command == ["doctor"] else 3), answered.output
    assert "does not answer" in answered.output
    assert "canary" not in answered.output
