"""`hub people export`, `erase`, `erasures` and `readmit`, as somebody at a desk calls them (R40)."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hub.cli import app
from hub.errors import ConfigurationError
from hub.privacy.log import log_file
from tests.privacy.world import CANARY, FILES, KEY, NOW, World, company, rows


def hub(world: World, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--project", str(world.folder)])


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("COLUMNS", "120")
    made = company(tmp_path, "duckdb")
    assert made.run().ok
    return made


def test_nothing_is_erased_before_somebody_says_yes(world: World) -> None:
    asked = hub(world, "people", "erase", "kanarie@example.nl")
    assert asked.exit_code == 1
    assert "One person, 2 records. What would go:" in asked.stdout
    assert "crm.customers: 1" in asked.stdout
    assert "ads: audience members: 1" in asked.stdout
    assert "Nothing was erased. Say --yes" in asked.stdout
    told = json.loads(hub(world, "people", "erase", "kanarie@example.nl", "--json").stdout)
    assert told["erased"] is False
    assert told["would_erase"]["tables"]["person"] == 1
    assert world.where() != []


def test_who_erases_is_told_what_is_by_hand_and_gets_a_receipt(world: World) -> None:
    erased = hub(world, "people", "erase", "kanarie@example.nl", "--yes", "--why", "letter of 3 March", "--by", "marja")
    assert erased.exit_code == 1, "something is left to do by hand"
    assert "ads: audience members: gone" in erased.stdout
    assert "By hand at crm: 1" in erased.stdout
    assert world.where() == []
    listed = json.loads(hub(world, "people", "erasures", "--json").stdout)
    assert [(it["by"], it["why"], it["people"]) for it in listed] == [("marja", "letter of 3 March", 1)]
    request = listed[0]["id"][:8]
    assert request in hub(world, "people", "erasures").stdout
    one = json.loads(hub(world, "people", "erasures", request, "--json").stdout)
    assert one["by_hand"]["crm"] == ["1"]
    assert CANARY not in json.dumps(one["receipt"]).lower()
    assert hub(world, "people", "erasures", request, "--done", "crm").exit_code == 1
    done = hub(world, "people", "erasures", request, "--done", "shop", "--json")
    assert done.exit_code == 0, "all is done"
    told = json.loads(done.stdout)
    assert told["by_hand"] == {}
    assert {it["state"] for it in told["receipt"]["places"]} == {"confirmed"}
    again = hub(world, "people", "erasures", request, "--done", "crm")
    assert again.exit_code == 1
    assert "nothing is left to do by hand at 'crm'" in again.stderr
    assert hub(world, "people", "erase", "kanarie@example.nl", "--yes").exit_code == 1, "nobody"


def test_an_export_is_a_file_for_its_owner_only(world: World, tmp_path: Path) -> None:
    out = tmp_path / "kanarie.json"
    exported = hub(world, "people", "export", "kanarie@example.nl", "--out", str(out))
    assert exported.exit_code == 0, exported.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    told: dict[str, Any] = json.loads(out.read_text())
    assert told["tables"]["person"][0]["surname"] == "Kanarieberg"
    assert CANARY not in exported.output.lower().replace(str(out).lower(), "")
    twice = hub(world, "people", "export", "kanarie@example.nl", "--out", str(out))
    assert twice.exit_code == 2
    assert "can't be written" in twice.stderr
    assert json.loads(hub(world, "people", "export", "1").stdout)["people"] == [1]
    assert hub(world, "people", "export", "nobody@example.nl").exit_code == 1


def test_who_came_back_by_themselves_is_let_in_by_hand(world: World) -> None:
    hub(world, "people", "erase", "1", "--yes")
    back = FILES["crm/customers.csv"].replace("07:00:00", "09:00:00").replace("\n1,", "\n8,")
    world.write("customers", back, "2")
    assert world.run().ok
    assert len(rows(world, "SELECT 1 FROM person")) == 2
    for value in ("kanarie@example.nl", "crm:8"):
        let_in = hub(world, "people", "readmit", value, "--why", "a new account")
        assert let_in.exit_code == 0, let_in.output
    assert hub(world, "people", "readmit", "somebody@example.nl", "--why", "x").exit_code == 1
    world.write("customers", back.replace("09:00:00", "10:00:00"), "3")
    assert world.run().ok
    assert len(rows(world, "SELECT 1 FROM person WHERE surname = 'Kanarieberg'")) == 1


def test_what_is_left_in_the_project_s_folder_is_named(world: World) -> None:
    copy = world.folder / "for-the-boss.csv"
    copy.write_text("name,mail\nK,Kanarie@example.nl\n")
    erased = hub(world, "people", "erase", "1", "--yes")
    assert "hub: files: by hand (1 files of the project still name them)" in erased.stdout
    assert f"Still names them: {copy}" in erased.stdout
    copy.write_text("name,mail\nJ,joanna-kanarie@example.nl\n")


def test_a_log_that_cannot_be_read_stops_everything(world: World) -> None:
    hub(world, "people", "erase", "1", "--yes")
    log = log_file(world.project)
    assert CANARY not in log.read_text().lower()
    log.write_text(log.read_text() + "{half a li")
    stopped = hub(world, "run")
    assert stopped.exit_code == 2
    assert "erasures.jsonl:2: this line of the log of erasures can't be read" in stopped.stderr


def test_a_key_that_made_marks_is_asked_for_when_it_is_replaced(world: World) -> None:
    hub(world, "people", "erase", "1", "--yes")
    file = world.folder / ".env"
    text = file.read_text().replace(KEY, "0c4d8e1f6a2b73958d7e4c1b9f0a3625")
    file.write_text(text)
    refused = hub(world, "run")
    assert refused.exit_code == 2
    assert "people were erased under another HUB_KEY" in refused.stderr
    file.write_text(f"{text}HUB_FORMER_KEYS={KEY}\n")
    world.write("customers", FILES["crm/customers.csv"].replace("07:00:00", "09:00:00"), "2")
    assert world.run(at=NOW).ok
    assert len(rows(world, "SELECT 1 FROM person")) == 2


def test_a_duty_to_keep_names_a_connection_that_is_there(tmp_path: Path) -> None:
    world = company(tmp_path, "duckdb")
    file = world.folder / "hub.yaml"
    file.write_text(file.read_text() + "erasure: {keep: {crn: {why: the law}}}\n")
    with pytest.raises(ConfigurationError, match=r"hub.yaml:\d+:\d+: there is no connection 'crn'. Did you mean"):
        world.project  # noqa: B018 - reading it is the test
