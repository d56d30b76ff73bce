"""Activate: what goes out, how failures are met, and that consent can't be got around (R11, R16, R17)."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.contracts import Message, Place, Result, Status
from hub.errors import ConfigurationError, TemporaryError
from hub.ledger import Suppression, digest, hashed, tables
from hub.outgoing import NoAnswerError
from hub.project import Connection
from hub.report import Report
from hub.stages.activate import activate
from hub.stages.decide import decide
from hub.stages.feedback import feedback
from hub.tokens import subject_of
from hub.warehouse import Warehouse
from tests.ledger.intent import handed
from tests.ledger.test_outbox import WELCOME as INTENT
from tests.stages.engagement import CONNECTIONS, KEY, NOW, Recorder, RecorderConfig, Shop, shop_in

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, warehouse) as opened:
        yield opened


def run(shop: Shop, later: timedelta = timedelta(0)) -> Report:
    decide(shop.warehouse, shop.ledger, shop.project, NOW + later)
    return send(shop, later)


def send(shop: Shop, later: timedelta = timedelta(0)) -> Report:
    return activate(shop.warehouse, shop.ledger, shop.project, NOW + later)


def answering(status: Status, **more: Any) -> Any:
    return lambda batch: [Result(message.id, status, **more) for message in batch]


def breaking(error: Exception) -> Any:
    def answer(batch: Sequence[Message]) -> Sequence[Result]:
        raise error

    return answer


def only_message(shop: Shop) -> Any:
    (id_,) = shop.rows("decision", "decision_id")
    return shop.ledger.outbox.get(id_)


def test_a_decided_message_is_rendered_sent_and_accepted(shop: Shop) -> None:
    shop.newcomer(1, gender="F", prefix="van der", surname="Valk", interests="dog")
    report = run(shop)
    assert (report.rows_in, report.rows_out, dict(report.counts), report.failures) == (1, 1, {"accepted": 1}, ())
    (taken,) = shop.taken("mail")
    assert taken["to"] == {"email": "person1@example.nl", "name": "Person1 van der Valk"}
    assert taken["content"]["subject"] == "Welkom"
    text, url = taken["content"]["text"].rsplit(" ", 1)
    assert text == "Beste mevrouw Van der Valk: dog"
    token = url.removeprefix("https://shop.example/out?token=")
    assert subject_of(KEY, "unsubscribe", token) == taken["id"]
    message = only_message(shop)
    assert (message.state, message.remote_id, message.attempts) == ("accepted", f"remote-{taken['id']}", 1)


def test_a_second_run_sends_nothing(shop: Shop) -> None:
    shop.newcomer(1)
    run(shop)
    report = run(shop, HOUR)
    assert report.skipped
    assert len(shop.taken("mail")) == 1


def test_each_channel_goes_to_its_own_destination(shop: Shop) -> None:
    home = {"street": "Dorpsstraat", "house_number": "1", "postcode": "1234AB", "city": "Ons Dorp", "country": "NL"}
    shop.newcomer(1)
    shop.newcomer(2, consent=["sms"], phone="+31612345678")
    shop.newcomer(3, consent=["letter"], **home)
    assert run(shop).rows_out == 3
    assert shop.taken("texts")[0]["to"] == {"phone": "+31612345678"}
    assert shop.taken("texts")[0]["content"] == {"text": "Dag Person2: cat"}
    letter = shop.taken("post")[0]
    assert letter["to"] == {"name": "Person3", **home, "house_letter": "", "house_addition": ""}
    assert letter["content"] == {"typst": "#let given = json(bytes(sys.inputs.data))"}


# consent fails closed


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ({"given": False, "at": NOW + HOUR}, "consent withdrawn"),
        ({"given": False, "at": NOW - timedelta(days=1)}, "consent withdrawn"),  # at the moment of the yes itself
        ({"given": None, "at": NOW + HOUR}, "consent withdrawn"),
        ({"given": False, "at": NOW + HOUR + timedelta(hours=23)}, "consent withdrawn"),  # a clock that runs ahead
    ],
)
def test_consent_withdrawn_between_decision_and_sending_stops_the_message(
    shop: Shop, statement: dict[str, Any], reason: str
) -> None:
    record = shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    shop.consent(record, "email", **statement)
    report = send(shop, HOUR)
    assert (report.rows_in, report.set_aside, dict(report.counts)) == (1, 1, {"refused": 1})
    assert only_message(shop).reason == reason
    assert shop.taken("mail") == []


def test_a_withdrawal_through_a_record_that_was_merged_in_counts(shop: Shop) -> None:
    shop.newcomer(1)
    other = shop.person(2)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    shop.consent(other, "email", given=False, at=NOW)
    shop.merge(into=1, other=2)
    assert dict(send(shop, HOUR).counts) == {"refused": 1}


@pytest.mark.parametrize(
    "statement",
    [
        {"channel": "sms"},
        {"purpose": "service"},
        {"purpose": "profiling"},
        {"at": NOW + 2 * HOUR},
        {"at": None},
        {"given": None},
    ],
)
def test_only_a_clear_and_dated_yes_to_this_channel_and_purpose_is_consent(
    shop: Shop, statement: dict[str, Any]
) -> None:
    record = shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    with shop.warehouse.begin() as transaction:
        transaction.execute(transaction.table("consent").delete())
    shop.consent(record, **{"channel": "email", **statement})
    assert dict(send(shop, HOUR).counts) == {"refused": 1}
    assert shop.taken("mail") == []


def test_a_message_whose_decision_is_gone_does_not_go(shop: Shop) -> None:
    shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    (id_,) = shop.rows("decision", "decision_id")
    with shop.warehouse.begin() as transaction:
        transaction.execute(transaction.table("decision").delete())
    assert dict(send(shop, HOUR).counts) == {"refused": 1}
    message = shop.ledger.outbox.get(id_)
    assert message is not None
    assert message.reason == "the decision behind it is gone"


def test_a_message_written_into_the_outbox_past_decide_does_not_go(shop: Shop) -> None:
    shop.person(1, email="a@example.nl")
    shop.ledger.outbox.add(handed([replace(INTENT, id="forged", record=digest("shop:1"), template="t")]))
    assert dict(send(shop).counts) == {"refused": 1}
    assert shop.taken("mail") == []


def test_an_address_suppressed_after_the_decision_gets_nothing(shop: Shop) -> None:
    shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    mark = hashed(KEY, "email", "person1@example.nl")
    shop.ledger.suppressions.add([Suppression(mark, "marketing", "complained", "mail:1", NOW)])
    assert dict(send(shop, HOUR).counts) == {"refused": 1}
    assert only_message(shop).reason == "suppressed, complained"


def test_an_address_that_turned_out_to_be_invalid_while_a_message_waited_gets_nothing(shop: Shop) -> None:
    for number in (1, 2):
        shop.newcomer(number, email="family@example.nl")
    shop.answer("mail", lambda batch: [Result(it.id, ("accepted", "later")[at]) for at, it in enumerate(batch)])
    assert dict(run(shop).counts) == {"accepted": 1, "later": 1}
    went = dict(shop.rows("decision", "decision_id", "record_id"))
    (gone,) = [id_ for id_, state in shop.ledger.outbox.states(list(went)).items() if state == "accepted"]
    bounce = {"message_key": gone, "record_id": went.pop(gone), "type": "bounced", "code": "5.1.1", "at": NOW}
    shop.insert("message_event", connection="mail", source_key="e1", load_id="load1", **bounce)
    feedback(shop.warehouse, shop.ledger, shop.project, NOW + HOUR)
    assert dict(send(shop, HOUR).counts) == {"refused": 1}
    (waited,) = (shop.ledger.outbox.get(id_) for id_ in went)
    assert waited is not None
    assert waited.reason == "suppressed, bounced 5.1.1"


def test_without_a_key_nothing_is_sent(shop: Shop) -> None:
    shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    with pytest.raises(ConfigurationError, match="HUB_KEY is not set"):
        send(shop.with_(key=b""))
    assert only_message(shop).state == "queued"


# what interrupts and expires


def test_an_order_between_decision_and_sending_stops_the_message_r11(shop: Shop) -> None:
    shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    shop.trait(1, last_order_at=NOW)
    assert dict(send(shop, HOUR).counts) == {"cancelled": 1}
    assert only_message(shop).reason == "interrupted: last_order_at > entered_at"
    assert shop.taken("mail") == []


def test_a_message_of_a_scenario_that_is_gone_is_cancelled(shop: Shop) -> None:
    shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    assert dict(send(shop.with_(scenarios={}), HOUR).counts) == {"cancelled": 1}


def test_a_message_that_waited_too_long_expires(shop: Shop) -> None:
    shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    assert dict(send(shop, timedelta(days=14)).counts) == {"expired": 1}
    assert shop.taken("mail") == []


# templates


def test_a_message_that_can_not_be_rendered_is_parked_and_the_others_go(shop: Shop) -> None:
    (shop.project.templates / "welcome" / "email.txt").write_text(
        "{% if species == 'dog' %}{{ nobody }}{% else %}Dag{% endif %}"
    )
    shop.newcomer(1, interests="dog")
    shop.newcomer(2)
    report = run(shop)
    assert dict(report.counts) == {"accepted": 1, "rejected": 1}
    assert sorted(
        (state, shop.ledger.outbox.get(id_).reason)  # type: ignore[union-attr]
        for id_, state in shop.ledger.outbox.states(shop.rows("decision", "decision_id")).items()
    ) == [("accepted", None), ("rejected", "email.txt:1:29: there is no value 'nobody'")]


def test_a_retry_repeats_the_same_bytes_whatever_has_changed_since(shop: Shop) -> None:
    sent: list[Message] = []

    def later(batch: Sequence[Message]) -> Sequence[Result]:
        sent.extend(batch)
        return [Result(message.id, "later", reason="busy") for message in batch]

    shop.answer("mail", later)
    shop.newcomer(1, surname="Jansen", gender="F")
    run(shop)
    (shop.project.templates / "welcome" / "email.txt").write_text("Something else")
    shop.update("person", {"person_id": 1}, surname="De Vries", email="new@example.nl")
    send(shop, HOUR)
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert sent[0].queued_at == NOW


# answers of destinations


def test_a_message_that_is_to_come_later_waits_as_long_as_asked(shop: Shop) -> None:
    shop.answer("mail", answering("later", reason="busy", retry_after=7200.0))
    shop.newcomer(1)
    report = run(shop)
    assert dict(report.counts) == {"later": 1, "waiting": 1}
    assert report.failures == ("mail: none of 1 messages was taken: 1 x busy",)
    message = only_message(shop)
    assert (message.state, message.next_at) == ("queued", NOW + 2 * HOUR)
    Recorder.answers.clear()
    assert send(shop, HOUR).skipped
    assert dict(send(shop, 2 * HOUR).counts) == {"accepted": 1}


def test_waits_grow_and_are_spread_by_the_message_and_not_by_chance(shop: Shop) -> None:
    shop.answer("mail", answering("later"))
    shop.newcomer(1)
    waits, at = [], timedelta(0)
    for _ in range(4):
        run(shop, at)
        waits.append(only_message(shop).next_at - NOW - at)
        at += waits[-1]
    for attempt, wait in enumerate(waits):
        assert timedelta(minutes=2**attempt) <= wait <= timedelta(minutes=2**attempt * 1.25)
    assert len({wait / 2**attempt for attempt, wait in enumerate(waits)}) == 4


def test_a_rejected_message_is_never_sent_again_and_the_reason_is_told(shop: Shop) -> None:
    shop.answer("mail", answering("rejected", reason="550 no such user"))
    for number in (1, 2):
        shop.newcomer(number)
    report = run(shop)
    assert (report.rows_in, report.set_aside) == (2, 2)
    assert report.failures == ("mail: none of 2 messages was taken: 2 x 550 no such user",)
    Recorder.answers.clear()
    assert send(shop, HOUR).skipped


def test_an_unknown_outcome_is_parked_where_the_provider_takes_an_id_twice(shop: Shop) -> None:
    shop.answer("mail", answering("unknown", reason="time-out"))
    shop.newcomer(1)
    assert dict(run(shop).counts) == {"unknown": 1, "parked": 1}
    Recorder.answers.clear()
    assert dict(send(shop, HOUR).counts) == {"parked": 1}
    assert shop.taken("mail") == []


def test_an_unknown_outcome_is_tried_again_with_the_same_id_inside_the_window_only(shop: Shop) -> None:
    connections = {**CONNECTIONS, "mail": RecorderConfig(channel="email", window=timedelta(hours=24))}
    shop = shop.with_(connections=_connected(shop, connections))
    shop.answer("mail", answering("unknown", reason="time-out"))
    shop.newcomer(1)
    run(shop)
    assert dict(send(shop, HOUR).counts) == {"unknown": 1, "parked": 1}
    assert only_message(shop).attempts == 2
    Recorder.answers.clear()
    assert dict(send(shop, timedelta(hours=24)).counts) == {"parked": 1}
    assert dict(send(shop, timedelta(hours=23)).counts) == {"accepted": 1}


def _connected(shop: Shop, configs: dict[str, RecorderConfig]) -> dict[str, Any]:
    folder = shop.project.folder
    return {name: Connection(name, Recorder, config, Place(name, folder, KEY)) for name, config in configs.items()}


def test_a_short_failure_is_tried_again_within_the_run(shop: Shop) -> None:
    calls = []

    def hiccup(batch: Sequence[Message]) -> Sequence[Result]:
        calls.append(len(batch))
        if len(calls) < 3:
            raise TemporaryError("the server hung up")
        return [Result(message.id, "accepted") for message in batch]

    shop.answer("mail", hiccup)
    shop.newcomer(1)
    assert dict(run(shop).counts) == {"accepted": 1}
    assert calls == [1, 1, 1]
    assert only_message(shop).attempts == 1


@pytest.mark.parametrize(
    ("error", "state", "failure"),
    [
        (TemporaryError("down for an hour", retry_after=3600), "queued", "mail: down for an hour"),
        (NoAnswerError("no answer in 30 s"), "unknown", "mail: no answer in 30 s"),
        (ConfigurationError("the password is wrong"), "queued", "mail: the password is wrong"),
        (KeyError("anna@example.nl"), "unknown", "mail: the plugin broke off: KeyError"),
    ],
)
def test_whatever_a_plugin_raises_no_message_is_lost(shop: Shop, error: Exception, state: str, failure: str) -> None:
    shop.answer("mail", breaking(error))
    shop.newcomer(1)
    assert run(shop).failures == (failure,)
    assert only_message(shop).state == state


def test_a_message_without_a_result_is_unknown(shop: Shop) -> None:
    shop.answer("mail", lambda batch: [Result(batch[0].id, "accepted"), Result("stranger", "accepted")])
    for number in (1, 2):
        shop.newcomer(number)
    report = run(shop)
    assert dict(report.counts) == {"accepted": 1, "unknown": 1, "parked": 1}
    assert report.failures == ("mail: the plugin's results do not match",)


def test_a_destination_that_is_down_stops_its_own_queue_only(shop: Shop) -> None:
    connections = {**CONNECTIONS, "mail": RecorderConfig(channel="email", batch_size=5)}
    shop = shop.with_(connections=_connected(shop, connections))
    calls = []

    def down(batch: Sequence[Message]) -> Sequence[Result]:
        calls.append(len(batch))
        return [Result(message.id, "later", reason="connection refused") for message in batch]

    shop.answer("mail", down)
    for number in range(1, 13):
        shop.newcomer(number)
    shop.newcomer(13, consent=["sms"], phone="+31612345678")
    report = run(shop)
    assert calls == [5]
    assert dict(report.counts) == {"later": 5, "accepted": 1, "waiting": 12}
    assert report.failures == ("mail: takes nothing now: connection refused",)
    Recorder.answers.clear()
    assert send(shop, HOUR).rows_out == 12


def test_a_slow_destination_does_not_hold_up_another(shop: Shop) -> None:
    texts_done = threading.Event()

    def slow(batch: Sequence[Message]) -> Sequence[Result]:
        assert texts_done.wait(20), "the text messages waited for the mails"
        return [Result(message.id, "accepted") for message in batch]

    def quick(batch: Sequence[Message]) -> Sequence[Result]:
        texts_done.set()
        return [Result(message.id, "accepted") for message in batch]

    shop.answer("mail", slow)
    shop.answer("texts", quick)
    shop.newcomer(1)
    shop.newcomer(2, consent=["sms"], phone="+31612345678")
    assert dict(run(shop).counts) == {"accepted": 2}


def test_messages_for_a_destination_that_is_gone_wait_and_are_told(shop: Shop) -> None:
    shop.newcomer(1)
    decide(shop.warehouse, shop.ledger, shop.project, NOW)
    report = send(shop.with_(connections={}))
    assert report.failures == ("mail: messages wait for it, but the project has no such destination any more",)
    assert only_message(shop).state == "queued"


def test_sending_is_committed_before_the_call(shop: Shop) -> None:
    seen: list[Any] = []

    def look(batch: Sequence[Message]) -> Sequence[Result]:
        seen.append(shop.ledger.outbox.states([message.id for message in batch]))
        return [Result(message.id, "accepted") for message in batch]

    shop.answer("mail", look)
    shop.newcomer(1)
    run(shop)
    assert list(seen[0].values()) == ["sending"]


def test_no_personal_data_is_in_report_or_ledger_after_failures(shop: Shop) -> None:
    shop.answer("mail", breaking(ValueError("kanarie@example.nl")))
    shop.newcomer(1, given_name="Kanarie", email="kanarie@example.nl")
    report = run(shop)
    with shop.ledger.engine.begin() as connection:
        text = str([connection.execute(sa.select(table)).all() for table in tables.metadata.tables.values()])
    assert "anarie" not in text + json.dumps(report.failures)


def test_nothing_to_do_is_told_as_skipped(shop: Shop) -> None:
    assert send(shop).skipped
