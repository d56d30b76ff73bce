"""webhook against a real HTTP server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.contracts import Place, Row, SyncBatch
from hub.testing.destinations import sample_message, sample_rows
from hub.testing.http import HttpDestinationSuite
from plugins.destinations.webhook import Webhook
from plugins.destinations.webhook.config import WebhookConfig
from plugins.destinations.webhook.signature import sign

from .conftest import Api, Call, Reply

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver:
    """Keeps audiences and messages; answers row by row."""

    def __init__(self) -> None:
        self.members: dict[str, Any] = {}
        self.messages: dict[str, Any] = {}

    def __call__(self, call: Call) -> Reply:
        batch = call.json
        if "messages" in batch:
            return Reply(200, {"results": [self.take(message) for message in batch["messages"]]})
        for row in batch["rows"]:
            self.members[row["key"]] = row
            if batch["operation"] == "remove":
                del self.members[row["key"]]
        results = [{"key": row["key"], "status": "accepted", "id": f"r-{row['key']}"} for row in batch["rows"]]
        return Reply(200, {"results": results})

    def take(self, message: dict[str, Any]) -> dict[str, str]:
        if "\n" in message["recipient"]["email"]:
            return {"id": message["id"], "status": "rejected", "reason": f"bad address {message['recipient']['email']}"}
        self.messages[message["id"]] = message
        return {"id": message["id"], "status": "accepted"}


class TestWebhook(HttpDestinationSuite):
    plugin = Webhook

    @pytest.fixture
    def receiver(self, api: Api) -> Receiver:
        api.answer = receiver = Receiver()
        return receiver

    @pytest.fixture
    def config(self, api: Api, receiver: Receiver) -> Mapping[str, Any]:
        return {"url": api.url, "secret": SECRET, "allow_private": True}


class TestWebhookForMessages(TestWebhook):
    @pytest.fixture
    def config(self, api: Api, receiver: Receiver) -> Mapping[str, Any]:
        return {
            "url": api.url,
            "secret": SECRET,
            "allow_private": True,
            "channel": "email",
            "idempotency_window": "1 day",
            "headers": {"X-Key": "kattenluik"},
        }

    @pytest.fixture
    def taken(self, receiver: Receiver) -> Callable[[], Sequence[str]]:
        return lambda: list(receiver.messages)


def make(url: str, **settings: Any) -> Webhook:
    config = {"url": url, "secret": SECRET, "allow_private": True, "timeout": 5, **settings}
    return Webhook(WebhookConfig.model_validate(config), Place("ads", Path()))


def gold(*rows: Row) -> SyncBatch:
    return SyncBatch("Customers A", "upsert", rows)


# the signature (vector of the field rules, section "Webhooks in and out") ---------------------------------------------


def test_a_request_is_signed_by_standard_webhooks() -> None:
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_receiver_can_verify_what_arrives(api: Api) -> None:
    destination = make(api.url)
    destination.clock = lambda: 1614265330.7
    destination.sync(gold(*sample_rows(2)))
    (call,) = api.calls
    assert call.headers["webhook-timestamp"] == "1614265330"
    expected = sign(SECRET, call.headers["webhook-id"], 1614265330, call.body)
    assert call.headers["webhook-signature"] == expected


def test_rows_sent_again_get_a_new_request_id_so_that_a_receiver_takes_them(api: Api) -> None:
    destination = make(api.url)
    moments = iter([100.0, 200.0, 300.0, 400.0])
    destination.clock = lambda: next(moments)
    destination.sync(gold(*sample_rows(1)))
    destination.sync(gold(*sample_rows(1)))
    assert len({call.headers["webhook-id"] for call in api.calls}) == 2


def test_messages_sent_again_keep_their_request_id(api: Api) -> None:
    destination = make(api.url, channel="email")
    for _ in range(2):
        destination.send([sample_message("email")])
    assert len({call.headers["webhook-id"] for call in api.calls}) == 1


# what is sent ---------------------------------------------------------------------------------------------------------


def test_rows_carry_their_key_and_fields(api: Api) -> None:
    row = Row("7", {"email": "anna@example.nl", "since": date(2026, 3, 2), "spent": Decimal("12.50"), "city": None})
    make(api.url).sync(gold(row))
    (call,) = api.calls
    assert call.json == {
        "audience": "Customers A",
        "operation": "upsert",
        "rows": [{"key": "7", "email": "anna@example.nl", "since": "2026-03-02", "spent": "12.50", "city": None}],
    }


def test_a_removal_sends_the_key_and_nothing_else(api: Api) -> None:
    make(api.url).sync(SyncBatch("Customers A", "remove", [Row("7", {"email": "anna@example.nl"})]))
    assert api.calls[0].json["rows"] == [{"key": "7"}]


def test_messages_carry_what_their_receiver_needs(api: Api) -> None:
    message = replace(sample_message("sms"), queued_at=datetime(2026, 3, 2, 9, tzinfo=UTC))
    make(api.url, channel="sms").send([message])
    (sent,) = api.calls[0].json["messages"]
    assert api.calls[0].json["channel"] == "sms"
    assert sent["recipient"] == {"phone": "+31612345679"}
    assert (sent["id"], sent["queued_at"]) == ("sample-sms-0001", "2026-03-02T09:00:00+00:00")


def test_no_request_is_made_for_nothing(api: Api) -> None:
    assert list(make(api.url).sync(gold())) == []
    (result,) = make(api.url).sync(gold(Row("7", {"score": float("nan")})))
    assert result.status == "rejected"
    assert api.calls == []


# what the receiver says -----------------------------------------------------------------------------------------------


def test_each_row_has_its_own_result_whatever_the_order_of_the_answer(api: Api) -> None:
    results = [
        {"key": "row-0003", "status": "later", "retry_after": 60},
        {"key": "row-0002", "status": "rejected", "reason": "anna@example.nl is\nno customer"},
        {"key": "row-0001", "status": "accepted", "id": "r-1"},
        {"key": "row-0004", "status": "enchanted"},
    ]
    api.answer = lambda call: Reply(200, {"results": results})
    first, second, third, fourth, fifth = make(api.url).sync(gold(*sample_rows(5)))
    assert (first.status, first.remote_id) == ("accepted", "r-1")
    assert (second.status, second.reason) == ("rejected", "[address] is no customer")
    assert (third.status, third.retry_after) == ("later", 60)
    assert (fourth.status, fourth.reason) == ("unknown", "the answer gives it no status that we know")
    assert (fifth.status, fifth.reason) == ("unknown", "the answer says nothing about it")


@pytest.mark.parametrize("body", [b"", {"ok": True}])
def test_a_success_without_results_means_that_all_rows_were_taken(api: Api, body: Any) -> None:
    api.answer = lambda call: Reply(200, body)
    assert {result.status for result in make(api.url).sync(gold(*sample_rows(2)))} == {"accepted"}


@pytest.mark.parametrize("body", [b"<html>", [1, 2], {"results": "all"}])
def test_an_answer_that_is_no_answer_leaves_the_rows_unknown(api: Api, body: Any) -> None:
    api.answer = lambda call: Reply(200, body)
    assert {result.status for result in make(api.url).sync(gold(*sample_rows(2)))} == {"unknown"}


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(400, {"error": "no"}), "rejected"),
        (Reply(401, b""), "later"),
        (Reply(429, b"", {"Retry-After": "5"}), "later"),
        (Reply(500, b""), "unknown"),
        (Reply(302, b"", {"Location": "http://127.0.0.1/"}), "later"),
        (Reply(hang_up=True), "unknown"),
    ],
)
def test_any_other_status_holds_for_the_whole_batch(api: Api, reply: Reply, status: str) -> None:
    api.answer = lambda call: reply
    results = make(api.url).sync(gold(*sample_rows(2)))
    assert [result.status for result in results] == [status] * 2
    assert len(api.calls) == 1
    assert all(result.reason for result in results)


# configuration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsec_***", "base64"),
        ("whsec_c2hvcnQ=", "24 to 64 bytes"),
    ],
)
def test_a_secret_that_is_no_key_is_refused(secret: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as raised:
        make("https://ads.example.nl/", secret=secret)
    assert secret not in str(raised.value)


def test_a_webhook_without_channel_sends_no_messages(api: Api) -> None:
    with pytest.raises(TypeError, match="sends no messages"):
        make(api.url).send([sample_message("email")])
