"""Activate: each destination at its own pace, left alone in trouble, and nothing twice (R12, R16)."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.contracts import Message, Result, Sent
from hub.errors import RejectedError, StoppedError, TemporaryError
from hub.report import Report
from hub.schema import BUILT_IN
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.units import Rate
from hub.warehouse import Warehouse, open_warehouse
from tests.stages.engagement import NOW, RecorderConfig, Shop, shop_in

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        yield opened


def mail(**config: Any) -> RecorderConfig:
    return RecorderConfig(channel="email", **config)


def people(shop: Shop, number: int) -> None:
    for one in range(1, number + 1):
        shop.newcomer(one)


def run(shop: Shop, later: timedelta = timedelta(0)) -> Report:
    decide(shop.warehouse, shop.ledger, shop.project, NOW + later)
    return send(shop, later)


def send(shop: Shop, later: timedelta) -> Report:
    return activate(shop.warehouse, shop.ledger, shop.project, NOW + later)


def taken(shop: Shop) -> Counter[str]:
    return Counter(entry["id"] for entry in shop.taken("mail"))


# trouble


def test_a_destination_that_is_down_is_told_once_tried_with_one_message_and_told_no_more(shop: Shop) -> None:
    calls: list[int] = []

    def down(batch: Sequence[Message]) -> Sequence[Result]:
        calls.append(len(batch))
        raise TemporaryError("connection refused", retry_after=30)

    shop.answer("mail", down)
    people(shop, 8)
    assert run(shop).failures == ("mail: connection refused",)
    assert calls == [8]
    quiet = send(shop, timedelta(seconds=20))
    assert (quiet.failures, quiet.skipped, quiet.counts["waiting"]) == ((), True, 8)
    assert calls == [8], "it asked to be left alone for half a minute"
    trial = send(shop, 3 * MINUTE)
    assert (calls, trial.failures) == ([8, 1], ())
    (health,) = shop.ledger.destinations.in_trouble()
    assert (health.trouble, health.failures) == ("later", 2)
    shop.answer_again("mail")
    assert send(shop, HOUR).counts == {"accepted": 8}
    assert shop.ledger.destinations.in_trouble() == []
    assert set(taken(shop).values()) == {1}


def test_another_trouble_is_told_again(shop: Shop) -> None:
    shop.answer("mail", lambda batch: [Result(message.id, "later", reason="busy") for message in batch])
    people(shop, 6)
    assert run(shop).failures == ("mail: takes nothing now: busy",)
    shop.answer("mail", lambda batch: [Result(message.id, "unknown", reason="time-out") for message in batch])
    assert send(shop, HOUR).failures == ("mail: takes nothing now: time-out",)
    assert send(shop, 2 * HOUR).failures == ()


def test_a_destination_that_never_answers_does_not_get_the_whole_queue(shop: Shop) -> None:
    shop = shop.connected(mail=mail(batch_size=3))
    shop.answer("mail", lambda batch: [Result(message.id, "unknown", reason="time-out") for message in batch])
    people(shop, 20)
    assert run(shop).failures == ("mail: takes nothing now: time-out",)
    assert shop.ledger.outbox.counts() == {"unknown": 6, "queued": 14}


def test_messages_in_a_row_that_are_rejected_are_an_answer_and_no_trouble(shop: Shop) -> None:
    shop = shop.connected(mail=mail(one_by_one=True))
    shop.answer("mail", lambda batch: [Result(message.id, "rejected", reason="no such user") for message in batch])
    people(shop, 6)
    assert run(shop).failures == ("mail: none of 6 messages was taken: 6 x no such user",)
    assert shop.ledger.destinations.in_trouble() == []


def test_a_short_wait_that_a_destination_asks_for_is_waited_out_in_the_run(shop: Shop) -> None:
    shop = shop.connected(mail=mail(batch_size=2))
    calls: list[int] = []

    def busy_once(batch: Sequence[Message]) -> Sequence[Result]:
        calls.append(len(batch))
        if len(calls) == 1:
            return [Result(message.id, "later", reason="slow down", retry_after=0.1) for message in batch]
        return [Result(message.id, "accepted") for message in batch]

    shop.answer("mail", busy_once)
    people(shop, 6)
    assert run(shop).counts == {"later": 2, "accepted": 4}
    assert send(shop, HOUR).counts == {"accepted": 2}


def test_a_dead_destination_costs_another_not_a_single_message(shop: Shop) -> None:
    """The other one gets everything before the dead one has given its first answer."""
    others_done = threading.Event()
    got: list[str] = []

    def dead(batch: Sequence[Message]) -> Sequence[Result]:
        assert others_done.wait(30), "the text messages waited for the mails"
        raise TemporaryError("connection refused", retry_after=60)

    def quick(batch: Sequence[Message]) -> Sequence[Result]:
        got.extend(message.id for message in batch)
        if len(got) == 25:
            others_done.set()
        return [Result(message.id, "accepted") for message in batch]

    shop = shop.connected(texts=RecorderConfig(channel="sms", batch_size=5))
    shop.answer("mail", dead)
    shop.answer("texts", quick)
    people(shop, 5)
    for number in range(6, 31):
        shop.newcomer(number, consent=["sms"], phone="+31612345678")
    assert run(shop).counts == {"accepted": 25, "later": 5, "waiting": 5}
    assert len(got) == 25


# rates and concurrency


def test_a_day_s_number_ends_the_run_without_a_failure_and_holds_for_the_next_run(shop: Shop) -> None:
    shop = shop.connected(mail=mail(rate=(Rate(4, 86_400),), batch_size=3))
    people(shop, 7)
    report = run(shop)
    assert (report.counts, report.failures) == ({"accepted": 4, "waiting": 3}, ())
    assert send(shop, HOUR).skipped
    (health,) = shop.ledger.destinations.in_trouble()
    assert health.trouble == "limit"
    assert send(shop, 25 * HOUR).counts == {"waiting": 3}, "by the real clock the day is not over"
    assert sum(taken(shop).values()) == 4


def test_as_many_calls_are_under_way_as_the_destination_takes(shop: Shop) -> None:
    shop = shop.connected(mail=mail(concurrency=3, batch_size=1))
    together = threading.Barrier(3, timeout=30)

    def meet(batch: Sequence[Message]) -> Sequence[Result]:
        together.wait()
        return [Result(message.id, "accepted") for message in batch]

    shop.answer("mail", meet)
    people(shop, 9)
    assert run(shop).counts == {"accepted": 9}


# one message that sinks its batch


@pytest.mark.parametrize("way", ["answers", "raises"])
def test_a_batch_that_is_rejected_as_a_whole_is_split_until_the_bad_one_is_found(shop: Shop, way: str) -> None:
    people(shop, 9)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    bad = shop.rows("decision", "decision_id")[4]
    took: list[str] = []

    def all_or_nothing(batch: Sequence[Message]) -> Sequence[Result]:
        if any(message.id == bad for message in batch):
            if way == "raises":
                raise RejectedError("HTTP 400: a field is wrong")
            return [Result(message.id, "rejected", reason="HTTP 400: a field is wrong") for message in batch]
        took.extend(message.id for message in batch)
        return [Result(message.id, "accepted") for message in batch]

    shop.answer("mail", all_or_nothing)
    report = send(shop, timedelta(0))
    assert (report.counts, report.failures) == ({"accepted": 8, "rejected": 1}, ())
    assert len(took) == len(set(took)) == 8
    assert shop.ledger.outbox.states([bad]) == {bad: "rejected"}


def test_a_destination_that_goes_down_while_a_batch_is_split_keeps_the_rest_for_later(shop: Shop) -> None:
    calls: list[int] = []

    def refuse_then_fall(batch: Sequence[Message]) -> Sequence[Result]:
        calls.append(len(batch))
        if len(calls) > 1:
            raise TemporaryError("gone", retry_after=60)
        return [Result(message.id, "rejected", reason="HTTP 400") for message in batch]

    shop.answer("mail", refuse_then_fall)
    people(shop, 8)
    assert run(shop).counts == {"later": 8, "waiting": 8}
    assert calls == [8, 4]


def test_messages_that_are_rejected_one_by_one_are_not_sent_twice(shop: Shop) -> None:
    shop = shop.connected(mail=mail(one_by_one=True))
    calls: list[int] = []

    def refuse(batch: Sequence[Message]) -> Sequence[Result]:
        calls.append(len(batch))
        return [Result(message.id, "rejected", reason="550 no such user") for message in batch]

    shop.answer("mail", refuse)
    people(shop, 6)
    run(shop)
    assert calls == [6]


def test_a_plugin_that_breaks_off_at_one_message_loses_that_one_where_an_id_is_taken_once(shop: Shop) -> None:
    shop = shop.connected(mail=mail(window=timedelta(hours=24)))
    people(shop, 6)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    bad = shop.rows("decision", "decision_id")[2]
    took: set[str] = set()

    def break_at_bad(batch: Sequence[Message]) -> Sequence[Result]:
        for message in batch:
            if message.id == bad:
                raise KeyError("surname")
            took.add(message.id)
        return [Result(message.id, "accepted") for message in batch]

    shop.answer("mail", break_at_bad)
    report = send(shop, timedelta(0))
    assert (report.counts, report.failures) == ({"accepted": 5, "unknown": 1, "parked": 1}, ())
    assert len(took) == 5
    assert shop.ledger.outbox.states([bad]) == {bad: "unknown"}


def test_a_plugin_that_breaks_off_is_not_called_again_where_an_id_is_taken_twice(shop: Shop) -> None:
    calls: list[int] = []

    def break_off(batch: Sequence[Message]) -> Sequence[Result]:
        calls.append(len(batch))
        raise KeyError("surname")

    shop.answer("mail", break_off)
    people(shop, 4)
    assert run(shop).failures == ("mail: the plugin broke off: KeyError",)
    assert calls == [4]
    assert shop.ledger.outbox.counts() == {"unknown": 4}


# what nobody knows


def test_a_provider_that_can_be_asked_settles_what_nobody_knew(shop: Shop) -> None:
    shop = shop.connected(mail=mail(can_ask=True))
    shop.answer("mail", lambda batch: [Result(message.id, "unknown", f"r{message.id}", "no") for message in batch])
    people(shop, 3)
    run(shop)
    ids = shop.rows("decision", "decision_id")
    asked: list[Sent] = []

    def say(sent: Sequence[Sent]) -> Sequence[Result]:
        asked.extend(sent)
        said = {ids[0]: "accepted", ids[1]: "rejected", ids[2]: "unknown"}
        return [Result(one.id, said[one.id], reason="no trace" if one.id == ids[1] else "") for one in sent]  # type: ignore[arg-type]

    shop.answer("mail asked", say)
    shop.answer_again("mail")
    assert send(shop, timedelta(seconds=30)).counts == {"parked": 3}, "they may be on their way"
    assert send(shop, 3 * MINUTE).counts == {"accepted": 1, "parked": 1}
    assert sorted(asked, key=lambda one: one.id) == [Sent(id_, f"r{id_}") for id_ in ids]
    assert shop.ledger.outbox.states(ids) == {ids[0]: "accepted", ids[1]: "accepted", ids[2]: "unknown"}
    assert taken(shop) == {ids[1]: 1}, "only what never came is sent"


def test_a_provider_that_can_not_be_asked_now_leaves_it_unknown(shop: Shop) -> None:
    shop = shop.connected(mail=mail(can_ask=True))
    shop.answer("mail", lambda batch: [Result(message.id, "unknown") for message in batch])
    people(shop, 2)
    run(shop)

    def away(sent: Sequence[Sent]) -> Sequence[Result]:
        raise TemporaryError("away", retry_after=99)

    shop.answer("mail asked", away)
    assert send(shop, HOUR).counts == {"parked": 2}


def test_a_message_that_may_have_been_taken_never_becomes_merely_late(shop: Shop) -> None:
    """Its first attempt got no answer, its second was put off: after the window it must not go as if it were new."""
    shop = shop.connected(mail=mail(window=timedelta(hours=2)))
    shop.answer("mail", lambda batch: [Result(message.id, "unknown") for message in batch])
    people(shop, 1)
    run(shop)
    shop.answer("mail", lambda batch: [Result(message.id, "later", reason="busy") for message in batch])
    assert send(shop, HOUR).counts == {"later": 1, "parked": 1}
    shop.answer_again("mail")
    assert send(shop, 3 * HOUR).counts == {"parked": 1}
    assert taken(shop) == {}


def test_a_message_that_may_have_been_taken_is_not_repeated_after_consent_is_withdrawn(shop: Shop) -> None:
    shop = shop.connected(mail=mail(window=timedelta(hours=24)))
    shop.answer("mail", lambda batch: [Result(message.id, "unknown") for message in batch])
    people(shop, 1)
    run(shop)
    shop.consent("shop:1", "email", given=False, at=NOW)
    shop.answer_again("mail")
    assert send(shop, HOUR).counts == {"parked": 1}
    assert taken(shop) == {}
    (parked,) = shop.ledger.outbox.parked()
    assert parked.reason == "not sent again: consent withdrawn"


# stopping, and what a full disk does


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_told_to_stop_it_ends_what_is_under_way_and_leaves_the_rest(shop: Shop, number: int, code: int) -> None:
    shop = shop.connected(mail=mail(batch_size=2))

    def stop(batch: Sequence[Message]) -> Sequence[Result]:
        os.kill(os.getpid(), number)
        until = time.monotonic() + 60
        while signal.getsignal(number) != handler and time.monotonic() < until:
            time.sleep(0.001)  # it arrives in another thread, which may have to wait for its turn
        return [Result(message.id, "accepted") for message in batch]

    handler = signal.getsignal(number)
    shop.answer("mail", stop)
    people(shop, 6)
    with pytest.raises(StoppedError, match="the rest waits for the next run") as stopped:
        run(shop)
    assert stopped.value.exit_code == code
    assert signal.getsignal(number) == handler
    assert shop.ledger.outbox.counts() == {"accepted": 2, "queued": 4}
    shop.answer_again("mail")
    assert send(shop, HOUR).counts == {"accepted": 4}


def test_a_ledger_that_can_not_be_written_sends_nothing(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path / ".hub", [tmp_path])
    with shop_in(tmp_path, warehouse) as shop:
        people(shop, 3)
        decide(shop.warehouse, shop.ledger, shop.project, NOW)
        with shop.ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = on")
            connection.commit()
        with pytest.raises(TemporaryError, match="the ledger can't be used: attempt to write a readonly database"):
            send(shop, HOUR)
        assert taken(shop) == {}
    warehouse.close()
