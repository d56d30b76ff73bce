"""`sendgrid` against a server that enforces the published contract of v3 mail/send and its documented errors."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.contracts import EmailRecipient, Message, Place, Pushed
from hub.errors import RejectedError, UnsignedError
from hub.registry import Registry
from hub.testing.destinations import sample_message
from hub.testing.http import HttpDestinationSuite

from .served import Answered, Asked, Served, served

KEY = "SG.kattenluik.kattenluik"
SendGrid: Any = Registry().get("sendgrid")

TOP = {
    "personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "attachments", "template_id",
    "headers", "categories", "custom_args", "send_at", "batch_id", "asm", "ip_pool_name", "mail_settings",
    "tracking_settings",
}  # fmt: skip
ENVELOPE = {
    "from", "to", "cc", "bcc", "subject", "headers", "substitutions", "dynamic_template_data", "custom_args", "send_at",
}  # fmt: skip
RESERVED = {
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from",
    "subject", "reply-to", "cc", "bcc",
}  # fmt: skip


class Refusal(Exception):
    """What mail/send answers with 400: which field, and why."""


class Account:
    """Takes mails as the contract says, and keeps them."""

    def __init__(self) -> None:
        self.mails: list[dict[str, Any]] = []
        self.answers: list[Answered] = []

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return refused(401, "The provided authorization grant is invalid, expired, or revoked")
        if (asked.method, asked.path) == ("GET", "/v3/scopes"):
            return Answered(200, {"scopes": ["mail.send"]})
        if (asked.method, asked.path) != ("POST", "/v3/mail/send"):
            return refused(404, "not found")
        if not asked.headers.get("content-type", "").startswith("application/json"):
            return refused(400, "Content-Type should be application/json.")
        if self.answers:
            return self.answers.pop(0)
        try:
            judge(asked.json)
        except Refusal as error:
            return refused(400, str(error.args[1]), error.args[0])
        self.mails.append(asked.json)
        return Answered(202, b"", {"X-Message-Id": f"sg-{len(self.mails)}"})


def judge(body: dict[str, Any]) -> None:
    """Hold a body against the schema of the contract, and what its documentation says beside it."""
    known("", body, TOP, {"personalizations", "from", "subject", "content"})
    if not isinstance(body["subject"], str) or not body["subject"]:
        raise Refusal("subject", "The subject is required. You can get around this requirement with a template.")
    address("from", body["from"])
    if not 1 <= len(body["personalizations"]) <= 1000:
        raise Refusal("personalizations", "You must have at least one personalization.")
    for envelope in body["personalizations"]:
        known("personalizations", envelope, ENVELOPE, {"to"})
        if not envelope["to"]:
            raise Refusal("personalizations.0.to", "The to array is required.")
        for one in envelope["to"]:
            address("personalizations.0.to", one)
        for value in envelope.get("custom_args", {}).values():
            if not isinstance(value, str):
                raise Refusal("custom_args", "The custom_args values must be strings.")
    if not body["content"]:
        raise Refusal("content", "Unless a valid template_id is provided, the content parameter is required.")
    for part in body["content"]:
        known("content", part, {"type", "value"}, {"type", "value"})
        if not isinstance(part["value"], str) or not part["value"]:
            raise Refusal("content.0.value", "The content value must be a string at least one character in length.")
    if [part["type"] for part in body["content"]] not in (["text/plain"], ["text/html"], ["text/plain", "text/html"]):
        raise Refusal("content", "If present, text/plain must be first, followed by text/html.")
    for name, value in body.get("headers", {}).items():
        if name.lower() in RESERVED or not isinstance(value, str) or not value.isascii() or "<>" in value:
            raise Refusal("headers", f"The header {name} is reserved or not ASCII.")


def known(place: str, part: Any, names: set[str], required: set[str]) -> None:
    if not isinstance(part, dict):
        raise Refusal(place, "Invalid type. Expected: object.")
    if wrong := part.keys() - names:
        raise Refusal(place, f"Additional property {min(wrong)} is not allowed")
    if lacking := required - part.keys():
        raise Refusal(place, f"The {min(lacking)} parameter is required.")


def address(place: str, part: Any) -> None:
    known(place, part, {"email", "name"}, {"email"})
    local, at, domain = str(part["email"]).rpartition("@")
    if not (local and at and "." in domain) or part["email"] != part["email"].strip():
        raise Refusal(f"{place}.email", f"Does not contain a valid address: {part['email']}.")
    if not isinstance(part.get("name", "x"), str) or part.get("name") == "":
        raise Refusal(f"{place}.name", "The name must be a string.")


def refused(status: int, message: str, field: str | None = None) -> Answered:
    return Answered(status, {"errors": [{"message": message, "field": field, "help": None}]})


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def api(account: Account) -> Iterator[Served]:
    with served(account) as running:
        yield running


def settings(api: Served, **given: Any) -> dict[str, Any]:
    return {"url": f"{api.url}/v3", "key": KEY, "sender": "hallo@example.nl", "allow_private": True, **given}


def make(api: Served, **given: Any) -> Any:
    return SendGrid(SendGrid.config_model(**settings(api, **given)), Place("mail", Path()))


def mail(**content: str) -> Message:
    return replace(sample_message("email", 1), content={"subject": "Welkom", **content}, unsubscribe_token="")


class TestSendGrid(HttpDestinationSuite):
    plugin = SendGrid

    @pytest.fixture
    def config(self, api: Served) -> Mapping[str, Any]:
        return settings(api, unsubscribe_url="https://www.example.nl/u")

    @pytest.fixture
    def taken(self, account: Account) -> Callable[[], Sequence[str]]:
        return lambda: [one["personalizations"][0]["custom_args"]["hub_message"] for one in account.mails]


def test_a_mail_names_itself_and_is_known_by_sendgrids_own_id(api: Served, account: Account) -> None:
    message = replace(mail(text="Dag Anna", html="<p>Dag Anna</p>"), unsubscribe_token="t0ken")
    sendgrid = make(api, sender_name="Mia(ou)m", unsubscribe_url="https://www.example.nl/u")
    (result,) = sendgrid.send([message])
    assert (result.status, result.remote_id) == ("accepted", "sg-1")
    (sent,) = account.mails
    assert sent["personalizations"][0]["custom_args"] == {"hub_message": message.id}
    assert sent["from"] == {"email": "hallo@example.nl", "name": "Mia(ou)m"}
    assert sent["headers"] == {
        "List-Unsubscribe": "<https://www.example.nl/u?token=t0ken>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_what_a_mail_does_not_have_is_left_out(api: Served, account: Account) -> None:
    message = replace(mail(html="<p>Dag</p>", text=""), recipient=EmailRecipient("anna@example.nl", ""))
    (result,) = make(api).send([message])
    assert result.status == "accepted"
    (sent,) = account.mails
    assert sent["personalizations"][0]["to"] == [{"email": "anna@example.nl"}]
    assert [part["type"] for part in sent["content"]] == ["text/html"]
    assert sent["from"] == {"email": "hallo@example.nl"}
    assert "headers" not in sent


def test_a_mail_without_any_text_is_rejected_with_the_reason(api: Served) -> None:
    (result,) = make(api).send([mail(text="", html="")])
    assert result.status == "rejected"
    assert "the content parameter is required" in result.reason


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (refused(413, "The JSON payload you have included in your request is too large."), "rejected", "too large"),
        (Answered(429, {"errors": [{"message": "too many requests"}]}, {"Retry-After": "7"}), "later", "too many"),
        (refused(403, "The from address does not match a verified Sender Identity."), "later", "not allowed"),
        (refused(500, "Internal server error"), "unknown", "Internal server error"),
    ],
)
def test_a_refusal_says_what_to_do(api: Served, account: Account, answer: Answered, status: str, reason: str) -> None:
    account.answers = [answer]
    (result,) = make(api).send([mail(text="Dag")])
    assert result.status == status
    assert reason in result.reason
    assert account.mails == []


def test_a_revoked_key_lets_mails_wait_and_stands_in_no_reason(api: Served) -> None:
    (result,) = make(api, key="SG.revoked.revoked").send([mail(text="Dag")])
    assert result.status == "later"
    assert "the sign-in is refused" in result.reason
    assert "SG.revoked" not in result.reason


@pytest.mark.parametrize(
    "change",
    [
        {"subject": ""},
        {"content": [{"type": "text/html", "value": ""}]},
        {"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]},
        {"personalizations": []},
        {"personalizations": [{"to": [{"email": "anna"}]}]},
        {"personalizations": [{"to": [{"email": "a@example.nl"}], "custom_args": {"n": 1}}]},
        {"headers": {"Subject": "x"}},
        {"from": {"email": "a@example.nl", "fullname": "A"}},
        {"html": "x"},
    ],
)
def test_the_server_refuses_what_the_contract_does_not_know(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "personalizations": [{"to": [{"email": "a@example.nl"}]}],
        "from": {"email": "b@example.nl"},
        "subject": "x",
        "content": [{"type": "text/plain", "value": "x"}],
    }
    judge(good)
    with pytest.raises(Refusal):
        judge({**good, **change})


PRIVATE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def pushed(events: list[dict[str, Any]], at: datetime = NOW) -> Pushed:
    body, stamp = json.dumps(events).encode() + b"\r\n", str(int(at.timestamp()))
    signature = b64encode(PRIVATE.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
    name = "x-twilio-email-event-webhook"
    headers = {f"{name}-signature": signature, f"{name}-timestamp": stamp}
    return Pushed("POST", "", {}, headers, body, NOW)


def test_signed_events_come_in_once(api: Served) -> None:
    sendgrid = make(api, verification_key=b64encode(PUBLIC).decode())
    first, second = ({"sg_event_id": f"e{number}", "event": "open", "timestamp": 1} for number in (1, 2))
    together = sendgrid.webhook(pushed([first, second]))
    assert [row["sg_event_id"] for row in together.rows["events"]] == ["e1", "e2"]
    assert sendgrid.webhook(pushed([first, second])).id == together.id
    assert sendgrid.webhook(pushed([first])).id != together.id, "another company of events is another push"


def test_events_that_are_changed_unsigned_or_old_are_refused(api: Served) -> None:
    sendgrid = make(api, verification_key=b64encode(PUBLIC).decode())
    event = {"sg_event_id": "e1", "event": "open", "timestamp": 1}
    right = pushed([event])
    for wrong in (replace(right, body=right.body.replace(b"open", b"click")), replace(right, headers={})):
        with pytest.raises(UnsignedError, match="is not right, or not there"):
            sendgrid.webhook(wrong)
    with pytest.raises(UnsignedError, match="too far"):
        sendgrid.webhook(pushed([event], NOW - timedelta(days=2)))
    with pytest.raises(ValueError, match="the public key is none"):
        make(api, verification_key="kattenluik")
    with pytest.raises(RejectedError, match="takes no pushes"):
        make(api).webhook(right)
