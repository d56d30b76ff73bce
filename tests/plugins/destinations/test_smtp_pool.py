"""Connections of smtp, counted by the server: kept over batches, several at once, replaced where they broke."""

import gc
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from hub.contracts import EmailRecipient, Place
from hub.testing.destinations import sample_message
from plugins.destinations.smtp import Smtp
from plugins.destinations.smtp.config import SmtpConfig


def make(port: int, **settings: Any) -> Smtp:
    given = {"host": "127.0.0.1", "port": port, "sender": "hallo@miaoum.example", "timeout": 10, **settings}
    return Smtp(SmtpConfig.model_validate(given), Place("mail", Path()))


def statuses(destination: Smtp, *numbers: int) -> list[str]:
    return [result.status for result in destination.send([sample_message("email", number) for number in numbers])]


def until(holds: Callable[[], bool]) -> None:
    """Wait for the server, which works in a thread of its own."""
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it did not come to that")


def test_batches_share_a_connection_and_it_is_closed_in_good_order(postbox: Any) -> None:
    destination = make(postbox.port)
    for number in range(0, 6, 2):
        assert statuses(destination, number, number + 1) == ["accepted", "accepted"]
    assert (len(postbox.mails), postbox.connections, postbox.quits) == (6, 1, 0)
    del destination
    gc.collect()
    until(lambda: postbox.quits == 1)


def send_at_once(destination: Smtp, threads: int, mails: int) -> None:
    together = Barrier(threads)

    def send(start: int) -> None:
        together.wait(30)
        for number in range(start, mails, threads):
            assert statuses(destination, number) == ["accepted"]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(send, range(threads)))


def test_as_many_connections_are_open_as_batches_are_sent_at_once(postbox: Any) -> None:
    send_at_once(make(postbox.port, concurrency=3), threads=3, mails=30)
    assert len(postbox.mails) == len({mail.content for mail in postbox.mails}) == 30
    assert 1 <= postbox.connections <= 3
    gc.collect()
    until(lambda: postbox.quits == postbox.connections)


def test_a_connection_that_the_server_closed_is_replaced_before_a_mail_meets_it(postbox: Any) -> None:
    destination = make(postbox.port)
    assert statuses(destination, 1) == ["accepted"]
    postbox.hang_up()
    assert statuses(destination, 2, 3) == ["accepted", "accepted"]
    assert (len(postbox.mails), postbox.connections) == (3, 2)


def test_a_connection_that_broke_with_a_mail_is_not_used_again(postbox: Any) -> None:
    destination = make(postbox.port)
    recipient = sample_message("email", 1).recipient
    assert isinstance(recipient, EmailRecipient)
    postbox.data_answers[recipient.email] = "hang up"
    assert statuses(destination, 1) == ["unknown"]
    assert statuses(destination, 2) == ["accepted"]
    assert postbox.connections == 2


def test_a_server_that_was_away_is_tried_again_by_the_next_batch(start_postbox: Callable[..., Any]) -> None:
    gone = start_postbox()
    away = make(gone.port, security="tls", timeout=2)
    assert statuses(away, 1, 2) == ["later", "later"]
    assert statuses(away, 3) == ["later"]
    assert gone.mails == []


def test_a_connection_carries_so_many_mails_as_the_server_likes(postbox: Any) -> None:
    destination = make(postbox.port, mails_per_connection=2)
    assert statuses(destination, 1, 2, 3) == ["accepted"] * 3
    assert statuses(destination, 4) == ["accepted"]
    assert statuses(destination, 5) == ["accepted"]
    assert (len(postbox.mails), postbox.connections, postbox.quits) == (5, 3, 2)
