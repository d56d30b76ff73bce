"""Senders: who is at work on the outbox, and who is gone."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.errors import InternalError
from hub.ledger import Ledger, Settlement
from tests.ledger.intent import handed
from tests.ledger.test_outbox import WELCOME

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOLD = """
import sys, time
from pathlib import Path
from hub.ledger import open_ledger
ledger = open_ledger(sys.argv[1], Path(sys.argv[2]))
with ledger.senders.enter() as sender:
    print(sender, flush=True)
    time.sleep(60)
"""


def test_a_sender_is_gone_when_it_ends_and_not_before(ledger: Ledger) -> None:
    with ledger.senders.enter() as one, ledger.senders.enter() as other:
        assert one != other
        assert ledger.senders.gone([one, other]) == set()
    assert ledger.senders.gone([one, other]) == {one, other}


def test_nobody_is_always_gone(ledger: Ledger) -> None:
    assert ledger.senders.gone(["", ""]) == {""}


def test_a_sender_that_is_killed_is_gone_at_once_and_leaves_nothing(ledger: Ledger, url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [sys.executable, "-c", HOLD, url, str(tmp_path / ".hub")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        sender = process.stdout.readline().strip()
        assert ledger.senders.gone([sender]) == set()
        process.send_signal(signal.SIGKILL)
    assert _comes_true(lambda: ledger.senders.gone([sender]) == {sender})
    with ledger.senders.enter():
        pass
    assert not list((tmp_path / ".hub").glob("senders/*"))


def _comes_true(condition: object) -> bool:
    """A server notices within moments that a client is gone."""
    import time

    until = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_what_a_living_sender_sends_is_left_to_it(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME, replace(WELCOME, id="m2")]))
    with ledger.senders.enter() as sender:
        ledger.outbox.start(["m1"], NOW, sender)
        ledger.outbox.start(["m2"], NOW, "0" * 32)
        assert ledger.outbox.abandon(NOW, ledger.senders.gone) == 1
        assert ledger.outbox.states(["m1", "m2"]) == {"m1": "sending", "m2": "unknown"}
        ledger.outbox.settle([Settlement("m1", "accepted")], NOW, sender)
    assert ledger.outbox.counts() == {"accepted": 1, "unknown": 1}


@pytest.mark.parametrize(
    ("answer", "state"), [("accepted", "accepted"), ("rejected", "rejected"), ("queued", "unknown")]
)
def test_an_answer_that_comes_after_all_settles_what_was_called_unknown(
    ledger: Ledger, answer: str, state: str
) -> None:
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW, "a sender")
    ledger.outbox.abandon(NOW)
    ledger.outbox.settle([Settlement("m1", answer)], NOW, "a sender")  # type: ignore[arg-type]
    assert ledger.outbox.counts() == {state: 1}


def test_an_answer_takes_nothing_back_from_a_receipt_that_overtook_it(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW, "a sender")
    ledger.outbox.move({"m1": ""}, "delivered", NOW)
    ledger.outbox.settle([Settlement("m1", "unknown", reason="time-out")], NOW, "a sender")
    assert ledger.outbox.counts() == {"delivered": 1}


def test_the_answer_of_one_sender_does_not_settle_what_another_sends_now(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    ledger.outbox.start(["m1"], NOW, "one")
    ledger.outbox.abandon(NOW)
    assert ledger.outbox.start(["m1"], NOW, "other", window=timedelta(hours=1)) == {"m1"}
    ledger.outbox.settle([Settlement("m1", "rejected", reason="too many")], NOW, "one")
    assert ledger.outbox.counts() == {"sending": 1}
    ledger.outbox.settle([Settlement("m1", "accepted")], NOW, "other")
    assert ledger.outbox.counts() == {"accepted": 1}


def test_an_answer_for_a_message_that_nobody_ever_sent_is_a_broken_promise(ledger: Ledger) -> None:
    ledger.outbox.add(handed([WELCOME]))
    with pytest.raises(InternalError, match="1 of 1 messages were not being sent"):
        ledger.outbox.settle([Settlement("m1", "accepted")], NOW, "one")
