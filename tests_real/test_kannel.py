"""The destination `sms_http`, configured for Kannel, against a real Kannel with a pretended network."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from hub.contracts import Message, Place, Result
from hub.ledger import Ledger, open_ledger
from hub.project import Project
from hub.serve.site import Site
from hub.testing import DestinationSuite
from hub.testing.destinations import sample_message
from plugins.destinations.sms_http import SmsHttp
from plugins.destinations.sms_http.config import SmsHttpConfig
from tests.serve.conftest import listening
from tests.serve.texting import MORNING, PHONE, asked, states, texting, walk
from tests_real.systems.kannel import Kannel


def configuration(kannel: Kannel, **given: Any) -> dict[str, Any]:
    """The configuration that docs/connectors.md gives for Kannel."""
    return {
        "url": kannel.url,
        "method": "GET",
        "query": {
            "username": kannel.username,
            "password": "{password}",
            "from": "{sender}",
            "to": "{phone}",
            "text": "{text}",
            "charset": "UTF-8",
            "coding": "{coding}",
        },
        "secrets": {"password": kannel.password},
        "sender": "Miaoum",
        "allow_private": True,
        **given,
    }


def reporting(kannel: Kannel) -> dict[str, Any]:
    """The same with delivery reports and answers, as that page gives it."""
    plain = configuration(kannel, secrets={"password": "${SMS_PASSWORD}"})
    reports = {"dlr-mask": "31", "dlr-url": "{receipt_url}&status=%d&at=%T"}
    return {**plain, "query": {**plain["query"], **reports}}


class TestKannelConforms(DestinationSuite):
    plugin = SmsHttp

    @pytest.fixture
    def config(self, kannel: Kannel) -> dict[str, Any]:
        return configuration(kannel)


def send(kannel: Kannel, *texts: str, **given: Any) -> tuple[list[Result], list[str]]:
    """Send texts, and give the results and what then reached the network, a line per part."""
    before = once_still(kannel)  # what was sent before may be under way still
    plugin = SmsHttp(SmsHttpConfig.model_validate(configuration(kannel, **given)), Place("sms", Path("/nowhere")))
    messages: list[Message] = [
        replace(sample_message("sms", number), content={"text": text}) for number, text in enumerate(texts, 1)
    ]
    results = list(plugin.send(messages))
    until = time.monotonic() + 10
    wanted = sum(result.status == "accepted" for result in results)
    while len(kannel.sent()) < before + wanted and time.monotonic() < until:
        time.sleep(0.05)
    once_still(kannel)
    return results, kannel.sent()[before:]


def once_still(kannel: Kannel) -> int:
    """Wait until nothing has reached the network for a second; give how many parts have."""
    parts, since = len(kannel.sent()), time.monotonic()
    while time.monotonic() < since + 1:
        time.sleep(0.05)
        if len(kannel.sent()) != parts:
            parts, since = len(kannel.sent()), time.monotonic()
    return parts


def test_a_plain_text_reaches_the_network_as_one_part(kannel: Kannel) -> None:
    results, sent = send(kannel, "Je bestelling staat klaar: €5 {korting}")
    assert [result.status for result in results] == ["accepted"]
    assert len(sent) == 1
    assert re.search(r"<Miaoum \+31612345679 text Je bestelling staat klaar: €5 \{korting\}>", sent[0])


def test_letters_that_telephones_lack_go_as_ucs_2(kannel: Kannel) -> None:
    _, sent = send(kannel, "Hoi Zoë 🐈")
    assert len(sent) == 1
    data = re.search(r"ucs-2 (.*)>", sent[0])
    assert data is not None
    assert unquote_to_bytes(data[1].replace("+", " ")).decode("utf-16-be") == "Hoi Zoë 🐈"


def test_a_long_text_goes_in_as_many_parts_as_were_counted(kannel: Kannel) -> None:
    results, sent = send(kannel, "x" * 400)
    assert [result.status for result in results] == ["accepted"]
    assert len(sent) == 3
    assert sorted(line.count("x") for line in sent) == [94, 153, 153]


def test_a_longer_text_than_allowed_is_not_sent(kannel: Kannel) -> None:
    results, sent = send(kannel, "x" * 460, "kort")
    assert [result.status for result in results] == ["rejected", "accepted"]
    assert len(sent) == 1


def test_a_wrong_password_makes_messages_wait_for_the_admin(kannel: Kannel) -> None:
    results, sent = send(kannel, "Dag", secrets={"password": "oud-geheim"})
    assert (results[0].status, sent) == ("later", [])
    assert "not allowed" in results[0].reason
    assert "oud-geheim" not in results[0].reason


def test_a_gateway_that_is_down_makes_messages_wait(kannel: Kannel) -> None:
    results, _ = send(kannel, "Dag", url="http://127.0.0.1:9/cgi-bin/sendsms")
    assert results[0].status == "later"


# what comes back ------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(kannel: Kannel, tmp_path: Path) -> Project:
    hub_url = f"http://127.0.0.1:{kannel.hub_port}"
    return texting(tmp_path, reporting(kannel), hub_url=hub_url, password=kannel.password)


@contextmanager
def served_hub(kannel: Kannel, project: Project) -> Iterator[Ledger]:
    """Serve the hub where Kannel pushes to."""
    ledger = open_ledger(project.hub.ledger, project.state)
    with listening(Site(project, ledger), kannel.hub_port):
        yield ledger
    ledger.close()


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not done():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.1)


def test_a_delivery_report_of_the_network_settles_the_message(kannel: Kannel, project: Project) -> None:
    with served_hub(kannel, project) as ledger:
        walk(project, MORNING)
        assert states(ledger) == ["accepted"]
        wait_until(lambda: ledger.inbox.waiting() == {"sms": 1})
        walk(project, MORNING + timedelta(hours=1))
        assert states(ledger) == ["delivered"]
    assert asked(project, "SELECT count(*) FROM message_event WHERE type = 'delivered'") == [(1,)]


def test_stop_from_a_telephone_withdraws_consent_and_is_confirmed(kannel: Kannel, project: Project) -> None:
    walk(project, MORNING)
    before = once_still(kannel)
    with served_hub(kannel, project) as ledger:
        kannel.texts(PHONE, "Stop.")
        wait_until(lambda: not ledger.suppressions.empty())
        wait_until(lambda: len(kannel.sent()) > before)
    assert PHONE in kannel.sent()[before]
    assert "Je krijgt geen sms meer." in kannel.sent()[before]
    walk(project, datetime.now(UTC))
    assert asked(project, "SELECT channel, given FROM consent WHERE connection = 'sms'") == [("sms", False)]
    assert asked(project, "SELECT count(DISTINCT person_id) FROM source_record") == [(1,)]


def test_an_ordinary_answer_is_kept_and_not_answered(kannel: Kannel, project: Project) -> None:
    before = once_still(kannel)
    with served_hub(kannel, project) as ledger:
        kannel.texts(PHONE, "Dank je wel!")
        wait_until(lambda: ledger.inbox.waiting() == {"sms": 1})
        assert once_still(kannel) == before
        assert ledger.suppressions.empty()
