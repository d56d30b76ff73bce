"""Text messages from the decision to STOP: what a gateway pushes back settles the message and ends them (R41, R42)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.ledger import Ledger, open_ledger
from hub.pipeline import run
from hub.project import Project
from hub.serve.site import Site
from tests.plugins.vendors.served import Answered, Served, served
from tests.serve.conftest import listening
from tests.serve.texting import MORNING, PHONE, SECRET, asked, posted, states, texting, walk


@pytest.fixture
def gateway() -> Iterator[Served]:
    with served(lambda one: Answered(202, {"id": "g1"})) as api:
        yield api


@contextmanager
def open_hub(project: Project) -> Iterator[tuple[httpx.Client, Ledger]]:
    ledger = open_ledger(project.hub.ledger, project.state)
    site = Site(project, ledger, clock=lambda: MORNING + timedelta(hours=1))
    with listening(site) as address, httpx.Client(base_url=address, timeout=10, verify=False) as client:
        yield client, ledger
    ledger.close()


def push(client: httpx.Client, **query: Any) -> httpx.Response:
    return client.get(f"/in/sms/{SECRET}", params=query)


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_a_delivery_report_settles_its_message_and_stop_ends_them(tmp_path: Path, engine: str, gateway: Served) -> None:
    project = texting(tmp_path, posted(gateway.url), engine)
    walk(project, MORNING)
    (sent,) = gateway.asked
    report = httpx.URL(sent.json["report"])
    assert report.path == f"/in/sms/{SECRET}"
    with open_hub(project) as (client, ledger):
        assert states(ledger) == ["accepted"]
        assert push(client, **report.params, status="1").status_code == 200
        walk(project, MORNING + timedelta(hours=2))
        assert states(ledger) == ["delivered"]
        assert asked(project, "SELECT type, code FROM message_event WHERE connection = 'sms' AND type <> 'sent'") == [
            ("delivered", None)
        ]
        told = push(client, **{"from": PHONE, "text": "Stop.", "reply": "r1"})
        assert told.text == "Je krijgt geen sms meer."
        walk(project, MORNING + timedelta(hours=3))
        assert asked(project, "SELECT given, channel FROM consent WHERE connection = 'sms'") == [(False, "sms")]
        assert asked(project, "SELECT count(DISTINCT person_id) FROM source_record") == [(1,)]


def test_a_message_that_waits_in_the_outbox_does_not_go_once_its_reader_said_stop(
    tmp_path: Path, gateway: Served
) -> None:
    project = texting(tmp_path, posted(gateway.url))
    assert run(project, MORNING, ["ingest", "build", "decide"]).ok
    with open_hub(project) as (client, ledger):
        assert states(ledger) == ["queued"]
        assert push(client, **{"from": "0612345678", "text": "AFMELDEN", "reply": "r1"}).status_code == 200
        assert run(project, MORNING + timedelta(hours=1), ["activate"]).ok  # nothing was landed in between
        assert states(ledger) == ["refused"]
    assert gateway.asked == []


def test_a_new_yes_after_stop_counts_again(tmp_path: Path, gateway: Served) -> None:
    project = texting(tmp_path, posted(gateway.url))
    with open_hub(project) as (client, ledger):
        push(client, **{"from": PHONE, "text": "STOP", "reply": "r1"})
        again = "id,mobile,agreed_at,visited_at\n1,+31612345678,2026-03-03T10:00:00Z,2026-03-03T11:00:00Z\n"
        (tmp_path / "data" / "customers.csv").write_text(again)
        walk(project, MORNING + timedelta(days=1, hours=3))
        assert states(ledger) == ["accepted"]
    assert len(gateway.asked) == 1


def test_who_does_not_know_the_secret_can_stop_nobody(tmp_path: Path, gateway: Served) -> None:
    project = texting(tmp_path, posted(gateway.url))
    with open_hub(project) as (client, ledger):
        for path in ("/in/sms", "/in/sms/kanarieberg"):
            answer = client.get(path, params={"from": PHONE, "text": "STOP"})
            assert (answer.status_code, answer.text) == (401, "Unauthorized")
        assert ledger.suppressions.empty()
        assert ledger.inbox.waiting() == {}


def test_a_refusal_is_not_answered_before_it_holds(tmp_path: Path, gateway: Served) -> None:
    project = texting(tmp_path, posted(gateway.url))
    with open_hub(project) as (client, ledger):
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE suppression")
        assert push(client, **{"from": PHONE, "text": "STOP", "reply": "r1"}).status_code == 503
        assert ledger.inbox.waiting() == {}
