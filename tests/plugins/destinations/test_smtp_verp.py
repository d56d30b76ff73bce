"""Return paths that say which mail came back, whatever the server writes that sends it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.errors import ConfigurationError
from hub.lake import Lake
from hub.stages.land import land
from hub.testing.destinations import sample_message
from hub.testing.sources import landed
from plugins.destinations.smtp import Smtp
from plugins.destinations.smtp.config import SmtpConfig
from plugins.destinations.smtp.reports import read_report
from plugins.destinations.smtp.verp import ReturnPaths

from .mails import complaint, delivery, recipient

KEY = b"a key of the tests that is long enough"
MESSAGE = "5d41402abc4b2a76b9719d911017c592"
ADDRESS = "bounces@miaoum.example"
AT = datetime(2026, 3, 3, tzinfo=UTC)
PATHS = ReturnPaths(ADDRESS, "+", KEY)


def smtp(folder: Path, key: bytes = KEY, port: int = 25, **bounces: Any) -> Smtp:
    given = {"address": ADDRESS, "verp": "+", "path": "back", **bounces}
    sender = "Mia(ou)m <hallo@miaoum.example>"
    config = {"host": "127.0.0.1", "port": port, "sender": sender, "bounces": given, "timeout": 5}
    return Smtp(SmtpConfig.model_validate(config), Place("mail", folder, key))


def bounce(
    words: str, to: str = "", sender: str = "MAILER-DAEMON@mx.example.net", header: str = "Delivered-To"
) -> bytes:
    return (
        f"Return-Path: <>\r\n{header}: {to or PATHS.of(MESSAGE)}\r\nFrom: {sender}\r\nSubject: failure notice\r\n"
        f"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n\r\nHi. This is the qmail-send program.\r\n{words}\r\n"
    ).encode()


def read(content: bytes, paths: ReturnPaths | None = PATHS) -> tuple[str | None, str | None, str | None]:
    row = read_report(content, "miaoum.example", AT, paths)
    return row["type"], row["code"], row["message_key"]


def test_every_mail_has_a_return_path_of_its_own(postbox: Any, tmp_path: Path) -> None:
    messages = [replace(sample_message("email", number), id=f"{number:032x}") for number in (1, 2)]
    smtp(tmp_path, port=postbox.port).send(messages)
    senders = [mail.sender for mail in postbox.mails]
    assert len(set(senders)) == 2
    assert [PATHS.message_in([sender]) for sender in senders] == [f"{1:032x}", f"{2:032x}"]
    assert all(len(sender.partition("@")[0]) <= 64 for sender in senders)
    assert b"hallo@miaoum.example" in postbox.mails[0].content


def test_what_is_sent_back_to_it_lands_with_its_message(postbox: Any, tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    plugin = smtp(tmp_path, port=postbox.port)
    plugin.send([replace(sample_message("email"), id=MESSAGE)])
    came_back = bounce("<anna@example.net>: 550 5.1.1 no such mailbox", to=postbox.mails[0].sender)
    (tmp_path / "back" / "1.eml").write_bytes(came_back)
    lake = Lake(tmp_path / "lake")
    land(lake, "mail", plugin, tmp_path / "work", AT)
    (row,) = landed(lake, "mail", "reactions")
    assert (row["message_key"], row["type"], row["code"]) == (MESSAGE, "bounced", "5.1.1")


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        ("550 5.1.1 <anna@example.net>: Recipient address rejected", "bounced", "5.1.1"),
        ("Remote host said: 550 no such user here", "bounced", "5.0.0"),
        ("Remote host said: 552-mailbox full", "bounced", "5.0.0"),
        ("451 4.7.1 Greylisted, try again", "delayed", "4.7.1"),
        ("421 too busy", "delayed", "4.0.0"),
    ],
)
def test_a_bounce_in_a_servers_own_words_counts_by_its_first_code(words: str, kind: str, code: str) -> None:
    assert read(bounce(words)) == (kind, code, MESSAGE)


@pytest.mark.parametrize("words", ["I am away until Monday 5 May", "It went to 550 people", "250 2.0.0 OK", ""])
def test_words_without_a_code_settle_nothing(words: str) -> None:
    assert read(bounce(words)) == ("other", None, None)


def test_an_answer_of_a_person_to_the_return_path_settles_nothing() -> None:
    answer = bounce("550 5.1.1 is what I got", sender="anna@example.net").replace(
        b"Return-Path: <>", b"Return-Path: <a@b>"
    )
    assert read(answer) == ("other", None, None)


def test_a_report_as_rfc_3464_wants_it_needs_no_returned_mail_any_more() -> None:
    report = delivery(recipient("failed", "5.2.2"), back="").replace(ADDRESS.encode(), PATHS.of(MESSAGE).encode())
    assert read(report) == ("bounced", "5.2.2", MESSAGE)
    assert read(report, None)[0] == "other"
    complained = complaint(back="").replace(ADDRESS.encode(), PATHS.of(MESSAGE).encode())
    assert read(complained) == ("complained", None, MESSAGE)


@pytest.mark.parametrize("header", ["X-Original-To", "Envelope-To", "To"])
def test_the_return_path_is_found_where_servers_note_it(header: str) -> None:
    assert read(bounce("550 5.1.1 gone", header=header))[2] == MESSAGE


@pytest.mark.parametrize(
    "to",
    [
        f"bounces+{MESSAGE}-000000000000@miaoum.example",
        f"bounces+{MESSAGE}@miaoum.example",
        ReturnPaths(ADDRESS, "+", b"another key").of(MESSAGE),
        PATHS.of(MESSAGE).replace("miaoum", "elsewhere"),
        f"x{PATHS.of(MESSAGE)}",
    ],
)
def test_a_return_path_that_we_did_not_write_leads_nowhere(to: str) -> None:
    assert read(bounce("550 5.1.1 gone", to=to)) == ("other", None, None)


def test_a_server_may_write_it_in_capitals() -> None:
    assert PATHS.message_in([PATHS.of("abc").replace("bounces", "BOUNCES")]) == "abc"


@pytest.mark.parametrize("message_id", ["x" * 41, "een:twee", "één", ""])
def test_an_id_that_does_not_fit_gets_the_plain_address(message_id: str) -> None:
    assert PATHS.of(message_id) == ADDRESS


def test_without_a_key_there_are_no_return_paths_and_the_check_says_so(postbox: Any, tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    plugin = smtp(tmp_path, key=b"", port=postbox.port)
    check = plugin.check()
    assert not check.ok
    assert "HUB_KEY" in check.message
    with pytest.raises(ConfigurationError, match="HUB_KEY"):
        plugin.send([sample_message("email")])
