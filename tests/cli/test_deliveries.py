"""`hub deliveries`: single messages, and what a person decides about those that nobody knows about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import TemporaryError
from hub.ledger import Ledger, Settlement, open_ledger, sealed_push
from hub.pipeline import workspace
from hub.project import load_project
from tests.ledger.intent import Intent, handed

from .conftest import as_json

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
IDS = ("aaa111", "aaa222", "bbb333")


@pytest.fixture
def ledger(corner: Path) -> Iterator[Ledger]:
    """Give a ledger with one unknown, one rejected and one queued message."""
    ledger = open_ledger("sqlite", corner / ".hub")
    ledger.outbox.add(handed(
        [
            Intent(
                id_, "welcome", "offer", "mail", "email", "marketing", f"crm:{place}", "t", 50, None, NOW,
                NOW + timedelta(days=7),
            )
            for place, id_ in enumerate(IDS)
        ]))  # fmt: skip
    ledger.outbox.start(IDS[:2], NOW)
    ledger.outbox.settle(
        [
            Settlement(IDS[0], "unknown", reason="no answer in 30 s"),
            Settlement(IDS[1], "rejected", reason="550 no such user"),
        ],
        NOW,
    )
    yield ledger
    ledger.close()


def state(ledger: Ledger, id_: str) -> tuple[str, str | None]:
    found = ledger.outbox.get(id_)
    assert found is not None
    return found.state, found.reason


def test_messages_are_listed_by_state_and_shown_with_their_attempts(hub: Any, corner: Path, ledger: Ledger) -> None:
    listed = as_json(hub("deliveries", "list", "--project", str(corner), "--json"))
    assert sorted((row["id"], row["state"]) for row in listed) == [
        ("aaa111", "unknown"),
        ("aaa222", "rejected"),
        ("bbb333", "queued"),
    ]
    unknown = as_json(hub("deliveries", "list", "--state", "unknown", "--project", str(corner), "--json"))
    assert [row["id"] for row in unknown] == ["aaa111"]
    shown = hub("deliveries", "show", "aaa1", "--project", str(corner))
    assert "unknown (perhaps sent: no answer came)" in shown.output
    assert "attempt 1  2026-03-02 09:00:00  unknown: no answer in 30 s" in shown.output


def test_an_unknown_message_is_settled_with_the_reason_and_who_said_so(hub: Any, corner: Path, ledger: Ledger) -> None:
    done = hub("deliveries", "settle", "aaa1", "--sent", "--why", "in their log", "--project", str(corner))
    assert (done.exit_code, done.stdout) == (0, "1 message settled.\n")
    now, reason = state(ledger, "aaa111")
    assert now == "accepted"
    assert reason is not None
    assert reason.startswith("settled by ")
    assert reason.endswith(": in their log")


def test_what_was_not_sent_ends_rejected(hub: Any, corner: Path, ledger: Ledger) -> None:
    hub("deliveries", "settle", "aaa111", "--not-sent", "--why", "not in their log", "--project", str(corner))
    assert state(ledger, "aaa111")[0] == "rejected"


def test_an_unknown_message_goes_again_and_a_queued_one_can_be_taken_back(
    hub: Any, corner: Path, ledger: Ledger
) -> None:
    assert hub("deliveries", "retry", "aaa111", "--why", "lost", "--project", str(corner)).exit_code == 0
    assert state(ledger, "aaa111")[0] == "queued"
    assert hub("deliveries", "cancel", "bbb333", "--why", "wrong price", "--project", str(corner)).exit_code == 0
    assert state(ledger, "bbb333")[0] == "cancelled"
    assert ledger.outbox.due("mail", NOW, 10)[0].id == "aaa111"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("settle", "bbb333", "--sent", "--why", "x"),
            "only messages that are unknown can be settled: bbb333 is queued",
        ),
        (("cancel", "aaa222", "--why", "x"), "only messages that are queued can be cancelled: aaa222 is rejected"),
        (("retry", "aaa", "--why", "x"), "several messages have an id that begins with 'aaa'"),
        (("show", "zzz"), "there is no message 'zzz': `hub deliveries list` shows the ids"),
        (("cancel", "bbb333", "--why", " "), "say why with --why"),
        (("list", "--state", "unknwn"), "there is no state 'unknwn'. Did you mean 'unknown'?"),
    ],
)
def test_what_can_not_be_done_is_said_and_changes_nothing(
    hub: Any, corner: Path, ledger: Ledger, arguments: tuple[str, ...], told: str
) -> None:
    before = {id_: state(ledger, id_) for id_ in IDS}
    done = hub("deliveries", *arguments, "--project", str(corner))
    assert done.exit_code == 2
    assert told in done.stderr
    assert {id_: state(ledger, id_) for id_ in IDS} == before


def test_a_message_that_a_run_took_meanwhile_is_left_to_the_run(ledger: Ledger) -> None:
    ledger.outbox.start(["bbb333"], NOW)
    with pytest.raises(TemporaryError, match="look at them again"):
        ledger.outbox.override(["bbb333", "aaa111"], ["queued", "unknown"], "queued", "by hand", NOW)
    assert state(ledger, "bbb333")[0] == "sending"
    assert state(ledger, "aaa111")[0] == "unknown"


def test_without_a_run_there_are_no_messages(hub: Any, corner: Path) -> None:
    assert hub("deliveries", "list", "--project", str(corner)).stdout == "No such messages.\n"
    shown = hub("deliveries", "show", "a", "--project", str(corner))
    assert (shown.exit_code, shown.stderr) == (2, "there are no messages yet: `hub run` decides and sends them\n")


def test_one_more_sender_sends_what_is_due_and_trouble_is_told_once_and_shown_while_it_lasts(
    hub: Any, corner: Path, ledger: Ledger
) -> None:
    arguments = ("--as-of", "2026-03-02T10:00", "--project", str(corner))
    first = hub("deliveries", "send", *arguments)
    told = "mail: messages wait for it, but the project has no such destination any more"
    assert (first.exit_code, told in first.stdout) == (1, True)
    again = hub("deliveries", "send", "--json", *arguments)
    assert again.exit_code == 0
    assert as_json(again) == {"messages": {"waiting": 1}, "failures": []}
    shown = hub("status", "--project", str(corner)).stdout
    assert "mail is not in the project since 2026-03-02 09:00" in shown
    assert "1 message waits; the first run after 2026-03-02 09:01 UTC tries it again." in shown
    assert state(ledger, "bbb333")[0] == "queued"


def test_what_was_pushed_and_has_not_landed_is_shown(hub: Any, corner: Path, ledger: Ledger) -> None:
    rows = {"customers": [{"id": 1}]}
    pushes = [sealed_push(b"a key of the tests", name, "1", rows, NOW) for name in ("shop", "former")]
    ledger.inbox.keep(pushes)
    shown = hub("status", "--project", str(corner)).stdout
    assert "1 pushes for shop wait since 2026-03-02 09:00 UTC: the next run lands them." in shown
    assert "1 pushes for former wait since 2026-03-02 09:00 UTC: hub.yaml has no such connection any more." in shown
    told = as_json(hub("status", "--json", "--project", str(corner)))
    assert [(it["connection"], it["pushes"], it["dead"]) for it in told["inbox"]] == [
        ("former", 1, True),
        ("shop", 1, False),
    ]


def test_rows_that_scenarios_posted_and_nobody_took_yet_are_shown_with_what_is_wrong(
    hub: Any, corner: Path, ledger: Ledger
) -> None:
    posted = [("crm", "waiting"), ("crm", "waiting"), ("crm", "taken"), ("lists", "waiting"), ("lists", "refused")]
    with workspace(load_project(corner)) as open_:
        with open_.warehouse.begin() as transaction:
            for number, (destination, state_) in enumerate(posted):
                row = {"connection": "hub", "source_key": f"p{number}", "destination": destination, "state": state_}
                transaction.execute(sa.insert(transaction.table("posted_row")).values(**row, target="t", at=NOW))
        open_.warehouse.publish(True)
    ledger.destinations.fails("crm", "later", "HTTP 503", NOW + timedelta(minutes=1), NOW)
    shown = " ".join(hub("status", "--project", str(corner)).stdout.split())
    assert "crm takes nothing now since 2026-03-02 09:00: HTTP 503. 2 rows wait; the first run after" in shown
    assert "1 rows for lists wait: the next run sends them." in shown
    told = as_json(hub("status", "--json", "--project", str(corner)))
    assert told["rows_waiting"] == {"crm": 2, "lists": 1}
