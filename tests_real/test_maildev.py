"""The destination `smtp` against a real SMTP server that is no part of our tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Place
from hub.testing import DestinationSuite
from hub.testing.destinations import sample_message
from plugins.destinations.smtp import Smtp
from tests_real.systems.maildev import MailDev

SENDER = "Mia(ou)m <hallo@miaoum.example>"


def configuration(maildev: MailDev) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": maildev.port, "sender": SENDER, "unsubscribe_url": "https://miaoum.example/u"}


class TestMailDevConforms(DestinationSuite):
    plugin = Smtp

    @pytest.fixture
    def config(self, maildev: MailDev) -> dict[str, Any]:
        return configuration(maildev)


def test_a_mail_arrives_as_it_was_written(maildev: MailDev) -> None:
    before = {mail["id"] for mail in maildev.inbox()}
    plugin = Smtp(Smtp.config_model.model_validate(configuration(maildev)), Place("mail", Path("/nowhere"), b"key"))
    results = plugin.send([sample_message("email", 7)])
    assert [result.status for result in results] == ["accepted"]
    (mail,) = [mail for mail in maildev.inbox() if mail["id"] not in before]
    assert mail["subject"] == "Welkom 7"
    assert mail["text"].strip() == "Dag, één vraag."
    assert "<p>Dag, één vraag.</p>" in mail["html"]
    assert mail["to"][0]["address"] == "kanarieberg7@example.nl"
    assert mail["from"][0]["address"] == "hallo@miaoum.example"
    source = maildev.source(mail["id"])
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in source
