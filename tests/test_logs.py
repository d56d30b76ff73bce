"""Logs and error texts hold no personal data and no secret: canaries are planted in the data, and looked for."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from examples.miaoum.demo import AS_OF
from examples.miaoum.world import make_data, read_env, world
from hub.warehouse.duckdb import query
from tests.examples.test_miaoum import copy_project

CANARIES = ("Kanariegeel", "kanarie@voorbeeld.example", "0687654321", "Zangvogelstraat", "1234KN")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Everything that two runs print at the most talkative level, the second one with a mail server that is down."""
    folder = tmp_path_factory.mktemp("canaries")
    copy_project(folder)
    make_data(folder, 200)
    plant(folder / "data" / "shop.db")
    texts = []
    with world(folder):
        texts.append(run(folder))
    texts.append(run(folder))
    return "".join(texts), folder


def plant(shop: Path) -> None:
    """Give a customer values that are easy to find again, some of them wrong, and an order that can't be read."""
    with sqlite3.connect(shop) as database:
        columns = {row[1] for row in database.execute("PRAGMA table_info(customers)")}
        name, mail, phone, street, postcode = CANARIES
        values = {
            "last_name": name,
            "surname": name,
            "email": mail,
            "mobile": phone,
            "phone": phone + " (werk)",
            "street": street,
            "postcode": postcode,
            "dob": f"geen {name}",
        }
        planted = {column: value for column, value in values.items() if column in columns}
        assert len(planted) >= 4
        readable = {column: value for column, value in planted.items() if column != "dob"}
        for place, row in ((3, planted), (4, readable)):
            assignments = ", ".join(f'"{column}" = ?' for column in row)
            one = f"rowid = (SELECT rowid FROM customers ORDER BY rowid LIMIT 1 OFFSET {place})"
            database.execute(f"UPDATE customers SET {assignments} WHERE {one}", list(row.values()))


def run(folder: Path) -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from hub.cli import main; main()",
            "run",
            "--project",
            str(folder),
            "--as-of",
            AS_OF.isoformat(),
        ],
        env={**os.environ, "HUB_LOG_FORMAT": "json", "HUB_LOG_LEVEL": "debug"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr


def test_the_canaries_reached_the_warehouse_and_the_quarantine(printed: tuple[str, Path]) -> None:
    published = printed[1] / ".hub" / "published.duckdb"
    assert query(published, f"SELECT 1 AS found FROM identifier WHERE value = '{CANARIES[1]}'").num_rows
    assert query(published, f"SELECT 1 AS found FROM quarantine WHERE row LIKE '%{CANARIES[0]}%'").num_rows


def test_nothing_that_is_printed_holds_a_canary(printed: tuple[str, Path]) -> None:
    for canary in CANARIES:
        assert canary.lower() not in printed[0].lower()


def test_nothing_that_is_printed_holds_a_secret(printed: tuple[str, Path]) -> None:
    text, folder = printed
    secrets = {
        name: value for name, value in read_env(folder / ".env").items() if name.endswith(("KEY", "TOKEN", "SECRET"))
    }
    assert len(secrets) == 4
    for name, value in secrets.items():
        assert value not in text, name


def test_the_runs_logged_in_json_with_run_stage_and_connection_bound(printed: tuple[str, Path]) -> None:
    entries = [json.loads(line) for line in printed[0].splitlines() if line.startswith("{")]
    assert {"land", "map", "activate"} <= {entry.get("stage") for entry in entries}
    assert "shop" in {entry.get("connection") for entry in entries}
    assert len({entry["run"] for entry in entries if "run" in entry}) == 1


def test_no_working_file_outside_warehouse_lake_and_exports_holds_a_canary(printed: tuple[str, Path]) -> None:
    folder = printed[1]
    kept = [folder / "data", folder / "lake", folder / "out"]
    for path in folder.rglob("*"):
        if path.is_dir() or any(path.is_relative_to(place) for place in kept) or path.suffix == ".duckdb":
            continue
        content = path.read_bytes().lower()
        for canary in CANARIES:
            assert canary.lower().encode() not in content, path.relative_to(folder)
