"""`messagebird` against a server that keeps to the documentation of its SMS API."""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.contracts import Pushed
from hub.errors import UnsignedError
from hub.incoming import REFUSALS
from hub.normalise.sms import sms_parts
from hub.registry import Registry
from hub.testing.http import HttpDestinationSuite

from .served import Answered, Asked, served
from .texts import HUB, NOW, PHONE, get, made, parts, text

KEY, SIGNING = "live_kattenluik", "kruidnagel"
FIELDS = {"originator", "recipients", "body", "reference", "datacoding", "reportUrl", "type", "validity"}
MessageBird: Any = Registry().get("messagebird")


class Account:
    """Takes messages to numbers of digits; each has an id, and the parts that its recipients get."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"AccessKey {KEY}":
            return refusal(401, 2, "Request not allowed (incorrect access_key)", "access_key")
        if (asked.method, asked.path) == ("GET", "/balance"):
            return Answered(200, {"payment": "prepaid", "type": "credits", "amount": 9.2})
        if (asked.method, asked.path) != ("POST", "/messages"):
            return refusal(404, 20, "message not found", None)
        given = asked.json
        if given.keys() - FIELDS or given.get("datacoding") not in ("plain", "unicode", "auto"):
            return refusal(422, 10, "invalid parameter", "datacoding")
        if not all(re.fullmatch(r"[1-9][0-9]{7,14}", number) for number in given["recipients"]):
            return refusal(422, 9, "no (correct) recipients found", "recipients")
        if not 1 <= len(given["originator"]) <= 17 or len(given.get("reference", "")) > 128:
            return refusal(422, 10, "originator is invalid", "originator")
        self.messages.append(given)
        id_ = sha256(str(len(self.messages)).encode()).hexdigest()[:32]
        items = [
            {
                "recipient": int(number),
                "status": "sent",
                "statusDatetime": "2026-11-22T12:00:00+00:00",
                "messagePartCount": parts(given["body"]),
            }
            for number in given["recipients"]
        ]
        counts = {"totalCount": 1, "totalSentCount": 1, "totalDeliveredCount": 0, "totalDeliveryFailedCount": 0}
        body = {**given, "id": id_, "direction": "mt", "type": "sms", "recipients": {**counts, "items": items}}
        return Answered(201, {**body, "href": f"https://rest.messagebird.com/messages/{id_}"})


def refusal(status: int, code: int, description: str, parameter: str | None) -> Answered:
    return Answered(status, {"errors": [{"code": code, "description": description, "parameter": parameter}]})


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    with served(account) as api:
        yield api.url


def settings(url: str, **more: str) -> dict[str, Any]:
    return {"url": url, "key": KEY, "signing_key": SIGNING, "sender": "Miaoum", **more}


class TestMessageBirdConforms(HttpDestinationSuite):
    plugin = MessageBird

    @pytest.fixture
    def config(self, url: str) -> Mapping[str, Any]:
        return {**settings(url), "allow_private": True}


def test_a_message_has_a_reference_without_which_there_is_no_report(account: Account, url: str) -> None:
    (result,) = made(MessageBird, **settings(url)).send([text("Dag!", number=7)])
    (sent,) = account.messages
    assert (result.status, len(result.remote_id)) == ("accepted", 32)
    assert (sent["recipients"], sent["reference"]) == (["31612345678"], f"{7:032x}")
    assert sent["reportUrl"] == f"{HUB}/in/sms?message={7:032x}"


@pytest.mark.parametrize("content", ["a" * 161, "€" * 80, "ï" * 71])
def test_the_hub_counts_parts_as_messagebird_does(content: str) -> None:
    with served(Account()) as api:
        made(MessageBird, **settings(api.url)).send([text(content)])
        (item,) = api.answered[0].body["recipients"]["items"]
        assert item["messagePartCount"] == sms_parts(content).parts


def test_a_wrong_key_makes_messages_wait_and_is_not_told(url: str) -> None:
    (result,) = made(MessageBird, **settings(url, key="wr0ng")).send([text("Dag!")])
    assert result.status == "later"
    assert "wr0ng" not in result.reason


def test_the_server_refuses_what_the_documentation_does_not_know(account: Account) -> None:
    headers = {"authorization": f"AccessKey {KEY}"}
    right = {"originator": "x", "recipients": ["31612345678"], "body": "y", "datacoding": "auto"}
    for wrong in ({"hello": 1}, {"recipients": ["0612345678"]}, {"datacoding": "gsm"}):
        asked = Asked("POST", "/messages", {}, headers, json.dumps({**right, **wrong}).encode())
        assert account(asked).status == 422


# what MessageBird pushes ----------------------------------------------------------------------------------------------


def signed(query: Mapping[str, str], key: str = SIGNING) -> Pushed:
    def part(content: Mapping[str, Any] | bytes) -> str:
        written = content if isinstance(content, bytes) else json.dumps(content).encode()
        return urlsafe_b64encode(written).decode().rstrip("=")

    at = int(NOW.timestamp())
    address = sha256(f"{HUB}/in/sms?{urlencode(query)}".encode()).hexdigest()
    claims = {"iss": "MessageBird", "nbf": at, "exp": at + 60, "jti": "1", "url_hash": address}
    written = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    token = f"{written}.{part(hmac.digest(key.encode(), written.encode(), sha256))}"
    return get(query, messagebird_signature_jwt=token)


@pytest.mark.parametrize(
    ("status", "error", "kind", "code"),
    [
        ("delivered", "", "delivered", None),
        ("delivery_failed", "1", "bounced", "5.0.0 1"),
        ("expired", "", "bounced", "5.0.0"),
    ],
)
def test_a_status_report_settles_its_message(status: str, error: str, kind: str, code: str | None) -> None:
    report = {"message": "m1", "id": "e8077d80", "reference": "m1", "recipient": "31612345678", "status": status}
    report |= {"statusDatetime": "2026-11-22T11:58:10+00:00", **({"statusErrorCode": error} if error else {})}
    received = made(MessageBird, **settings("https://rest.messagebird.com")).webhook(signed(report))
    (row,) = received.rows["receipts"]
    assert (row["message_key"], row["type"], row["code"]) == ("m1", kind, code)
    assert row["at"] == "2026-11-22T11:58:10+00:00"


def test_stop_is_a_refusal_if_messagebird_signed_it() -> None:
    answer = {"id": "r1", "originator": "31612345678", "recipient": "31970", "body": "Uit"}
    destination = made(MessageBird, **settings("https://rest.messagebird.com"))
    assert destination.webhook(signed(answer)).rows[REFUSALS][0]["address"] == PHONE
    with pytest.raises(UnsignedError):
        destination.webhook(signed(answer, key="another"))
