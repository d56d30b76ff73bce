"""The reactions of smtp, landed by the land stage and mapped by the plugin's own mapping."""

import json
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from hub.contracts import Place
from hub.lake import REJECTED, Lake
from hub.project.load import load_project
from hub.stages.land import land
from plugins.destinations.smtp import Smtp
from plugins.destinations.smtp.config import SmtpConfig

AS_OF = datetime(2026, 3, 3, tzinfo=UTC)


def write(folder: Path, *events: dict[str, Any] | str) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "reactions.jsonl").open("a") as file:
        file.writelines((event if isinstance(event, str) else json.dumps(event)) + "\n" for event in events)


def opened(number: int) -> dict[str, Any]:
    return {"event_id": f"re_{number}", "message_id": "<3fa9@x.nl>", "type": "opened", "at": "2026-03-02T10:00:00Z"}


@pytest.fixture
def mail(tmp_path: Path) -> Smtp:
    config = {"host": "localhost", "sender": "hallo@example.nl", "reactions": "reactions"}
    return Smtp(SmtpConfig.model_validate(config), Place("mail", tmp_path))


def test_each_run_lands_the_reactions_that_are_new(tmp_path: Path, mail: Smtp) -> None:
    lake = Lake(tmp_path / "lake")
    write(tmp_path / "reactions", opened(1), opened(2))
    first = land(lake, "mail", mail, tmp_path / "work", AS_OF)
    nothing = land(lake, "mail", mail, tmp_path / "work", AS_OF)
    write(tmp_path / "reactions", opened(3), "no json")
    last = land(lake, "mail", mail, tmp_path / "work", AS_OF)
    assert (dict(first.rows), first.set_aside) == ({"reactions": 2}, 0)
    assert nothing.loads == ()
    assert (dict(last.rows), last.set_aside) == ({"reactions": 1}, 1)
    assert set(lake.loads("mail")[-1].files) == {"reactions", REJECTED}


def test_a_project_gets_the_plugins_mapping_for_its_connection(tmp_path: Path) -> None:
    connection = '{plugin: smtp, host: localhost, sender: "hallo@example.nl", reactions: reactions}'
    (tmp_path / ".env").write_text(f"HUB_KEY={token_hex(32)}\n")
    (tmp_path / "hub.yaml").write_text(f"name: Test\nconnections:\n  post_office: {connection}\n")
    (mapped,) = load_project(tmp_path).mappings
    assert (mapped.connection, mapped.target, mapped.mapping.from_) == ("post_office", "message_event", "reactions")
