"""`cm` against a server that keeps to the documentation of CM.com's Business Messaging API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hub.errors import UnsignedError
from hub.incoming import REFUSALS
from hub.normalise.sms import sms_parts
from hub.registry import Registry
from hub.testing.http import HttpDestinationSuite

from .served import Answered, Asked, served
from .texts import NOW, PHONE, made, parts, post, text

TOKEN, SECRET = "00000000-kattenluik", "kruidnagel"
MESSAGE = {"allowedChannels", "from", "to", "body", "reference", "minimumNumberOfMessageParts"} | {
    "maximumNumberOfMessageParts"
}
CM: Any = Registry().get("cm")


class Gateway:
    """Takes messages of SMS alone; tells of each what became of it, and 201 where not all were taken."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def __call__(self, asked: Asked) -> Answered:
        if (asked.method, asked.path) != ("POST", "/v1.0/message"):
            return Answered(404, {"details": "Not found"})
        messages = asked.json["messages"]
        if messages.get("authentication") != {"productToken": TOKEN}:
            return refusal(401, 103, "The product token is incorrect.")
        told = [self.take(one) for one in messages["msg"]]
        failed = any(one["messageErrorCode"] for one in told)
        details = "Not all messages were sent" if failed else f"Created {len(told)} message(s)"
        return Answered(200, {"details": details, "errorCode": 201 if failed else 0, "messages": told})

    def take(self, one: dict[str, Any]) -> dict[str, Any]:
        number = one["to"][0]["number"]
        told = {"to": number, "status": "Rejected", "reference": one.get("reference"), "parts": 0}
        if one.keys() - MESSAGE or not re.fullmatch(r"[0-9A-Za-z]{1,32}", one.get("reference", "")):
            return {**told, "messageDetails": "Invalid field", "messageErrorCode": 305}
        if not re.fullmatch(r"(\+|00)[1-9][0-9]{7,14}", number):
            return {**told, "messageDetails": "Invalid MSISDN", "messageErrorCode": 303}
        if one["body"]["type"] != "auto" or not one["body"]["content"]:
            return {**told, "messageDetails": "A body without content was found", "messageErrorCode": 304}
        self.messages.append(one)
        size = parts(one["body"]["content"])
        return {**told, "status": "Accepted", "parts": size, "messageDetails": None, "messageErrorCode": 0}


def refusal(status: int, code: int, details: str) -> Answered:
    return Answered(status, {"details": details, "errorCode": code, "messages": []})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def url(gateway: Gateway) -> Iterator[str]:
    with served(gateway) as api:
        yield api.url


def settings(url: str, **more: str) -> dict[str, Any]:
    return {"url": url, "token": TOKEN, "push_secret": SECRET, "sender": "Miaoum", **more}


class LettersOnly(Gateway):
    """The same for the sample messages of the suite, whose ids hold hyphens."""

    def take(self, one: dict[str, Any]) -> dict[str, Any]:
        return super().take({**one, "reference": one["reference"].replace("-", "")})


class TestCmConforms(HttpDestinationSuite):
    plugin = CM

    @pytest.fixture
    def config(self) -> Iterator[Mapping[str, Any]]:
        with served(LettersOnly()) as api:
            yield {**settings(api.url), "allow_private": True}


def test_a_message_is_known_by_our_reference(gateway: Gateway, url: str) -> None:
    (result,) = made(CM, **settings(url)).send([text("Dag!", number=7)])
    (sent,) = gateway.messages
    assert (result.status, result.remote_id) == ("accepted", f"{7:032x}")
    assert (sent["to"], sent["from"], sent["allowedChannels"]) == ([{"number": PHONE}], "Miaoum", ["SMS"])


def test_an_answer_of_200_with_a_rejected_message_is_a_rejection() -> None:
    told = {
        "to": PHONE,
        "status": "Rejected",
        "messageDetails": f"Spam to {PHONE}",
        "messageErrorCode": 401,
        "parts": 0,
    }
    answer = Answered(200, {"details": "Not all messages were sent", "errorCode": 201, "messages": [told]})
    with served(lambda asked: answer) as api:
        (result,) = made(CM, **settings(api.url)).send([text("Dag!")])
    assert result.status == "rejected"
    assert "an answer of 200 with an error" in result.reason
    assert PHONE not in result.reason


def test_a_wrong_token_makes_messages_wait_and_is_not_told(url: str) -> None:
    (result,) = made(CM, **settings(url, token="wr0ng-kruidnagel")).send([text("Dag!")])
    assert result.status == "later"
    assert "wr0ng" not in result.reason


@pytest.mark.parametrize("content", ["a" * 161, "€" * 80, "ï" * 71])
def test_the_hub_counts_parts_as_cm_does(content: str) -> None:
    with served(Gateway()) as api:
        made(CM, **settings(api.url)).send([text(content)])
        assert api.answered[0].body["messages"][0]["parts"] == sms_parts(content).parts


def test_the_server_refuses_what_the_documentation_does_not_know(gateway: Gateway) -> None:
    message = {"to": [{"number": "0612345678"}], "body": {"type": "auto", "content": "x"}, "reference": "m1"}
    assert gateway.take(message)["status"] == "Rejected"
    assert gateway.take({**message, "to": [{"number": PHONE}], "hello": 1})["status"] == "Rejected"
    assert gateway.take({**message, "to": [{"number": PHONE}], "reference": "m-1"})["status"] == "Rejected"


# what CM.com pushes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [("2", "", "delivered", None), ("4", "", "delivered", None), ("3", "5", "bounced", "5.0.0 5")],
)
def test_a_status_report_settles_its_message(status: str, error: str, kind: str, code: str | None) -> None:
    said = {"code": status, "errorCode": error, "errorDescription": ""}
    report = {"messages": {"msg": {"received": "2026-11-22T12:00:00", "to": PHONE, "reference": "m1", "status": said}}}
    request = post(json.dumps(report).encode(), "application/json", SECRET)
    received = made(CM, **settings("https://gw.messaging.cm.com")).webhook(request)
    (row,) = received.rows["receipts"]
    assert (row["message_key"], row["type"], row["code"], row["at"]) == ("m1", kind, code, NOW.isoformat())


def test_stop_is_a_refusal_of_who_knows_the_address() -> None:
    answer = {"from": {"number": "0031612345678"}, "to": {"number": "+31970"}, "message": {"text": "STOP"}}
    answer |= {"timeUtc": "2026-11-22T11:59:00", "channel": "SMS", "reference": "m1"}
    destination = made(CM, **settings("https://gw.messaging.cm.com"))
    received = destination.webhook(post(json.dumps(answer).encode(), "application/json", SECRET))
    assert received.rows[REFUSALS][0]["address"] == PHONE
    with pytest.raises(UnsignedError):
        destination.webhook(post(json.dumps(answer).encode(), "application/json", "guessed"))
