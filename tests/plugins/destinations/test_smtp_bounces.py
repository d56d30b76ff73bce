"""Bounces and complaints that arrive as mails: read once from a folder or over IMAP, landed and mapped (R43)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from hub.contracts import EmailRecipient, Message, Place
from hub.errors import ConfigurationError, TemporaryError
from hub.lake import REJECTED, Lake
from hub.project.load import load_project
from hub.stages.land import LandReport, land
from hub.stages.map import map_loads
from hub.warehouse import Warehouse
from plugins.destinations.smtp import Smtp
from plugins.destinations.smtp.arrived import Arrived
from plugins.destinations.smtp.config import SmtpConfig

from .conftest import write_certificate
from .imap_server import Mailserver, serve_imap
from .mails import ANSWER, OURS, complaint, delivery, recipient, returned

AS_OF = datetime(2026, 3, 3, tzinfo=UTC)
GONE = recipient("failed", "5.1.1")
SENDER = "Mia(ou)m <hallo@miaoum.example>"


class Post:
    """A connection whose bounces arrive somewhere, and its lake."""

    def __init__(self, folder: Path, bounces: Mapping[str, Any], **more: Any) -> None:
        config = {"host": "127.0.0.1", "sender": SENDER, "timeout": 5, "bounces": bounces, **more}
        self.plugin = Smtp(SmtpConfig.model_validate(config), Place("mail", folder))
        self.lake, self.work = Lake(folder / "lake"), folder / "work"

    def land(self) -> LandReport:
        return land(self.lake, "mail", self.plugin, self.work, AS_OF)

    def landed(self) -> tuple[int, int]:
        report = self.land()
        return report.rows.get("reactions", 0), report.set_aside

    def rejected(self) -> list[tuple[str, str]]:
        import pyarrow.parquet as pq

        files = [path for load in self.lake.loads("mail") for path in load.files.get(REJECTED, ())]
        tables = [pq.read_table(self.lake.here([file])[0]) for file in files]
        return [(row["reason"], row["raw"]) for table in tables for row in table.to_pylist()]


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "bounces" / name).mkdir(parents=True)
    return tmp_path / "bounces"


def test_each_mail_of_a_maildir_is_landed_once_also_after_it_was_moved_and_marked(maildir: Path) -> None:
    post = Post(maildir.parent, {"path": "bounces"})
    (maildir / "new" / "1.a.host").write_bytes(delivery(GONE))
    (maildir / "cur" / "2.b.host:2,S").write_bytes(complaint(number=2))
    (maildir / "tmp" / "3.c.host").write_bytes(delivery(GONE, number=3))
    assert post.landed() == (2, 0)
    (maildir / "new" / "1.a.host").rename(maildir / "cur" / "1.a.host:2,S")
    assert post.land().loads == ()
    (maildir / "tmp" / "3.c.host").rename(maildir / "new" / "3.c.host")
    assert post.landed() == (1, 0)
    assert len(list(maildir.rglob("*.host*"))) == 3


def test_a_folder_of_files_is_read_too_and_nothing_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "1.eml").write_bytes(delivery(GONE))
    (tmp_path / "back" / "notes.txt").write_text("not a mail")
    assert Post(tmp_path, {"path": "back"}).landed() == (1, 0)


def test_a_mail_that_can_not_be_read_is_set_aside_by_name_and_the_others_land(maildir: Path) -> None:
    post = Post(maildir.parent, {"path": "bounces"})
    (maildir / "new" / "1").write_bytes(delivery(GONE))
    (maildir / "new" / "2").write_bytes(b"")
    (maildir / "new" / "3").write_bytes(b"\xff" * (Arrived.LARGEST + 1))
    (maildir / "new" / "4").write_bytes(delivery(GONE, kind="text/plain"))
    (maildir / "new" / "5").write_bytes(complaint(number=5))
    assert post.landed() == (2, 3)
    assert post.rejected() == [
        ("it is empty", "2"),
        ("it is larger than 5 MiB", "3"),
        ("it says that it is a report, and has none that can be read", "4"),
    ]
    assert post.land().loads == ()


def test_a_folder_that_is_not_there_is_named_with_the_key_to_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder nowhere: check `path` under `bounces`"):
        Post(tmp_path, {"path": "nowhere"}).land()


def test_mails_and_lines_of_reactions_come_together(maildir: Path) -> None:
    line = '{"event_id": "1", "message_id": "3fa9", "type": "opened", "at": "2026-03-02T10:00:00Z"}\n'
    (maildir.parent / "lines").mkdir()
    (maildir.parent / "lines" / "a.jsonl").write_text(line)
    (maildir / "new" / "1").write_bytes(delivery(GONE))
    post = Post(maildir.parent, {"path": "bounces"}, reactions="lines")
    assert post.landed() == (2, 0)
    assert post.land().loads == ()


def test_mails_say_that_they_are_to_be_returned_to_the_place_where_bounces_are_read(
    tmp_path: Path, postbox: Any
) -> None:
    message = Message("3fa9", "email", EmailRecipient("anna@example.net"), {"subject": "Dag", "text": "Anna"}, AS_OF)
    for bounces in ({"path": "back"}, {"path": "back", "address": "bounces@miaoum.example"}):
        [result] = Post(tmp_path, bounces, port=postbox.port).plugin.send([message])
        assert result.remote_id == OURS
    assert [mail.sender for mail in postbox.mails] == ["hallo@miaoum.example", "bounces@miaoum.example"]
    assert all(b'From: "Mia(ou)m" <hallo@miaoum.example>' in mail.content for mail in postbox.mails)


# a mailbox over IMAP --------------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mailserver]:
    with serve_imap(write_certificate(tmp_path / "loopback.pem", "127.0.0.1")) as state:
        yield state


def mailbox(server: Mailserver, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "trust": "loopback.pem",
        "username": "bounces",
        "password": server.password,
        "folder": server.folder,
        **more,
    }


def test_each_mail_of_a_mailbox_is_fetched_once_and_none_is_marked(tmp_path: Path, server: Mailserver) -> None:
    post = Post(tmp_path, mailbox(server))
    server.add(delivery(GONE), complaint(number=2), ANSWER)
    assert post.landed() == (3, 0)
    assert post.land().loads == ()
    server.add(delivery(GONE, number=4))
    assert post.landed() == (1, 0)
    assert server.fetched == 4
    asked = {" ".join(command.split()[:2]) for command in server.commands}
    assert asked == {"CAPABILITY", 'LOGIN "bounces"', 'EXAMINE "Bounces', "UID SEARCH", "UID FETCH", "LOGOUT"}
    assert all("BODY.PEEK[]" in c or "RFC822.SIZE" in c for c in server.commands if c.startswith("UID FETCH"))


def test_a_mailbox_that_was_made_anew_is_read_from_its_start(tmp_path: Path, server: Mailserver) -> None:
    post = Post(tmp_path, mailbox(server))
    server.add(delivery(GONE))
    assert post.landed() == (1, 0)
    server.validity += 1
    assert post.landed() == (1, 0)


def test_a_connection_that_breaks_halfway_loses_nothing_and_doubles_nothing(tmp_path: Path, server: Mailserver) -> None:
    post = Post(tmp_path, mailbox(server))
    server.add(*(delivery(GONE, number=number) for number in range(5)))
    server.hang_up_after = 3
    assert post.landed() == (5, 0)
    assert server.fetched == 3 + 5
    assert post.land().loads == ()


def test_a_mail_that_is_too_large_is_not_even_fetched(tmp_path: Path, server: Mailserver) -> None:
    server.add(b"x" * (Arrived.LARGEST + 1), delivery(GONE))
    post = Post(tmp_path, mailbox(server))
    assert post.landed() == (1, 1)
    assert server.fetched == 1
    assert post.rejected() == [("it is larger than 5 MiB", "UID 1 of Bounces 2026")]


def test_of_a_long_mail_the_start_is_enough(maildir: Path, server: Mailserver) -> None:
    long = delivery(GONE, back=returned() + "x" * (2 * Arrived.READ))
    server.add(long)
    (maildir / "new" / "1").write_bytes(long)
    for folder, bounces in (("a", mailbox(server, trust="../loopback.pem")), ("b", {"path": "../bounces"})):
        (maildir.parent / folder).mkdir()
        assert Post(maildir.parent / folder, bounces).landed() == (1, 0)


def test_the_check_tells_what_there_is_and_what_to_mend(tmp_path: Path, server: Mailserver, postbox: Any) -> None:
    def said(**more: Any) -> tuple[bool, str]:
        check = Post(tmp_path, mailbox(server, **more), port=postbox.port).plugin.check()
        assert "kattenluik" not in check.message
        return check.ok, check.message.removeprefix("the IMAP server 127.0.0.1 ")

    server.add(ANSWER)
    ready = f"the SMTP server 127.0.0.1:{postbox.port} is ready (not encrypted)"
    assert said() == (True, f"{ready}; bounces: 1 mails in Bounces 2026 of the IMAP server 127.0.0.1")
    assert said(password="hondenluik") == (False, "refuses the username or the password")
    assert said(folder="Bounces") == (False, "has no folder Bounces: check `folder`")
    ok, message = said(trust=None)
    assert not ok
    assert "its certificate is not trusted" in message
    assert "`trust` names a file with the right one" in message


def test_a_server_that_is_away_is_tried_again_later(tmp_path: Path) -> None:
    config = {"host": "127.0.0.1", "port": 1, "username": "bounces", "password": "kattenluik"}
    with pytest.raises(TemporaryError, match=r"the IMAP server 127\.0\.0\.1 can't be read: Connection refused"):
        Post(tmp_path, config).land()


@pytest.mark.parametrize(
    ("bounces", "message"),
    [
        ({}, "write either `host`"),
        ({"host": "imap.example", "path": "x", "username": "a", "password": "b"}, "write either `host`"),
        ({"host": "imap.example"}, "a mailbox needs `username` and `password`"),
        ({"host": "imap.example", "username": "a", "password": "b", "security": "none"}, "a password needs `security:"),
        ({"host": "imap.example", "username": "a\r\nb", "password": "b"}, "IMAP takes letters of ASCII"),
        ({"host": "imap.example", "username": "a", "password": "één"}, "IMAP takes letters of ASCII"),
    ],
)
def test_a_place_that_can_not_be_read_is_refused_beforehand(bounces: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SmtpConfig.model_validate({"host": "127.0.0.1", "sender": SENDER, "bounces": bounces})


# what they become -----------------------------------------------------------------------------------------------------


def test_reports_become_message_events_of_the_connection_that_sent_the_mail(
    tmp_path: Path, maildir: Path, warehouse: Warehouse
) -> None:
    connection = f'{{plugin: smtp, host: localhost, sender: "{SENDER}", bounces: {{path: bounces}}}}'
    (tmp_path / ".env").write_text(f"HUB_KEY={token_hex(32)}\n")
    (tmp_path / "hub.yaml").write_text(f"name: Test\nconnections:\n  post_office: {connection}\n")
    project = load_project(tmp_path)
    reports = [
        delivery(GONE, number=1),
        delivery(recipient("failed", "5.2.2"), number=2),
        delivery(recipient("delayed", "4.2.2"), number=3),
        delivery(recipient("failed", "5.7.1"), number=4),
        complaint(number=5),
        ANSWER,
    ]
    for number, report in enumerate(reports):
        (maildir / "new" / str(number)).write_bytes(report)
    (maildir / "new" / "again").write_bytes(reports[0])
    plugin = project.connections["post_office"].open()
    assert isinstance(plugin, Smtp)
    lake = Lake(project.lake)
    land(lake, "post_office", plugin, project.state / "work", AS_OF)
    assert map_loads(warehouse, project, lake, AS_OF).failures == ()
    with warehouse.begin() as transaction:
        event = transaction.table("message_event").c
        columns = (event.connection, event.message_key, event.type, event.code, event.at)
        rows = [tuple(row) for row in transaction.rows(sa.select(*columns).order_by(event.type, event.code))]
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert rows == [
        ("post_office", "3fa9", "bounced", "5.1.1", at),
        ("post_office", "3fa9", "bounced", "5.2.2", at),
        ("post_office", "3fa9", "bounced", "5.7.1", at),
        ("post_office", "3fa9", "complained", None, at),
    ]
