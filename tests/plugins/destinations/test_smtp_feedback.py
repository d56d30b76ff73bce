"""The reactions of smtp, landed by the land stage and mapped by the plugin's own mapping."""

import json
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import sqlalchemy as sa

from hub.check import check_project
from hub.contracts import Place
from hub.lake import REJECTED, Lake
from hub.project import Project
from hub.project.load import load_project
from hub.stages.land import land
from hub.stages.map import map_loads
from hub.warehouse import Warehouse
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


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a connection to smtp and no mapping of its own."""
    connection = '{plugin: smtp, host: localhost, sender: "hallo@example.nl", reactions: reactions}'
    (tmp_path / ".env").write_text(f"HUB_KEY={token_hex(32)}\n")
    (tmp_path / "hub.yaml").write_text(f"name: Test\nconnections:\n  post_office: {connection}\n")
    return load_project(tmp_path)


def test_the_plugins_mapping_makes_message_events_of_reactions(project: Project, warehouse: Warehouse) -> None:
    lake = Lake(project.lake)
    bounced = {**opened(2), "type": "bounced", "code": "5.1.1"}
    clicked = {**opened(3), "message_id": "7b1c", "type": "clicked", "url": "https://www.example.nl/kat"}
    write(project.folder / "reactions", opened(1), bounced, clicked)
    mail = project.connections["post_office"].open()
    assert isinstance(mail, Smtp)
    land(lake, "post_office", mail, project.state / "work", AS_OF)
    assert check_project(project, AS_OF, lake) == []
    report = map_loads(warehouse, project, lake, AS_OF)
    assert (report.rows_in, report.rows_out, report.failures) == (3, 3, ())
    with warehouse.begin() as transaction:
        event = transaction.table("message_event").c
        rows = transaction.rows(
            sa.select(event.message_key, event.type, event.at, event.code, event.url).order_by(event.source_key)
        )
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert [tuple(row) for row in rows] == [
        ("3fa9", "opened", at, None, None),
        ("3fa9", "bounced", at, "5.1.1", None),
        ("7b1c", "clicked", at, None, "https://www.example.nl/kat"),
    ]
