"""What comes back about text messages, as gateways and providers push it."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from hub.contracts import Place, Pushed, Received
from hub.errors import ConfigurationError, RejectedError, UnsignedError
from hub.incoming import REFUSALS
from plugins.destinations.sms_http import SmsHttp
from plugins.destinations.sms_http.config import SmsHttpConfig
from plugins.destinations.sms_http.signatures import judge

from .conftest import Api, Reply
from .test_sms_http import message_with

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET, HUB = "kattenluik", "https://hub.example"
FORM = "application/x-www-form-urlencoded"
RECEIPTS = {"status": "status", "delivered": ["1"], "failed": ["2", "16"], "code": "code", "gone": ["404"], "at": "at"}
PUSHES: Mapping[str, Any] = {"secret": SECRET, "receipts": RECEIPTS, "replies": {"id": "reply", "at": "at"}}


def connection(
    pushes: Mapping[str, Any] | None = PUSHES, public_url: str = "https://hub.example", **more: Any
) -> SmsHttp:
    body = {"to": "{phone}", "text": "{text}"}
    config = {"url": "https://sms.example/send", "body": body, "pushes": pushes, **more}
    return SmsHttp(SmsHttpConfig.model_validate(config), Place("sms", Path(), public_url=public_url))


def pushed(query: Mapping[str, str] | None = None, body: bytes = b"", path: str = SECRET, **headers: str) -> Pushed:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Pushed("POST" if body else "GET", path, query or {}, named, body, NOW)


def take(*arguments: Any, pushes: Mapping[str, Any] = PUSHES, **more: Any) -> Received:
    return connection(pushes).webhook(pushed(*arguments, **more))


# delivery reports -----------------------------------------------------------------------------------------------------


def test_a_delivery_report_leads_back_to_the_message() -> None:
    received = take({"message": "m1", "status": "1", "at": str(int((NOW - timedelta(minutes=3)).timestamp()))})
    (row,) = received.rows["receipts"]
    assert (row["message_key"], row["type"], row["code"]) == ("m1", "delivered", None)
    assert row["at"] == "2026-11-22T11:57:00+00:00"
    assert received.answer == ""


@pytest.mark.parametrize(("code", "written"), [("", "5.0.0"), ("30003", "5.0.0 30003"), ("404", "5.1.1 404")])
def test_a_failure_carries_the_providers_code_behind_ours(code: str, written: str) -> None:
    (row,) = take({"message": "m1", "status": "2", "code": code}).rows["receipts"]
    assert (row["type"], row["code"]) == ("bounced", written)


def test_a_report_that_comes_twice_has_the_same_id_and_another_outcome_has_another() -> None:
    ids = [take({"message": "m1", "status": status}).id for status in ("1", "1", "2")]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("query", [{"message": "m1", "status": "8"}, {"status": "1"}])
def test_a_report_that_settles_nothing_is_taken_and_not_kept(query: dict[str, str]) -> None:
    assert take(query).rows == {}


@pytest.mark.parametrize("at", ["", "soon", "2026-11-22 11:00:00", "99999999999999999999", "2026-11-22T14:00:00+01:00"])
def test_a_moment_that_does_not_say_what_it_means_is_ours(at: str) -> None:
    (row,) = take({"message": "m1", "status": "1", "at": at}).rows["receipts"]
    assert row["at"] == NOW.isoformat()


def test_a_report_as_json_is_read_by_paths_and_several_at_once() -> None:
    pushes = {**PUSHES, "each": "results", "receipts": {**RECEIPTS, "message": "ref", "status": "status.code"}}
    body = json.dumps({"results": [{"ref": "m1", "status": {"code": 1}}, {"ref": "m2", "status": {"code": 16}}]})
    received = take(body=body.encode(), content_type="application/json", pushes=pushes)
    assert [(row["message_key"], row["type"]) for row in received.rows["receipts"]] == [
        ("m1", "delivered"),
        ("m2", "bounced"),
    ]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"hello": 1}', "neither a delivery report nor an answer"),
        (b"<html>", "no JSON"),
        (b'{"status": {"a": 1}, "text": []}', "neither"),
    ],
)
def test_what_is_neither_a_report_nor_an_answer_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(RejectedError, match=why):
        take(body=body)


def test_a_message_asks_for_its_report_at_the_address_of_the_hub(api: Api) -> None:
    api.answer = lambda call: Reply(202, {"id": 1})
    body = {"to": "{phone}", "text": "{text}", "dlr-url": "{receipt_url}&status=%d"}
    sms = connection(url=api.url, allow_private=True, body=body)
    assert sms.send([message_with()])[0].status == "accepted"
    asked = f"https://hub.example/in/sms/{SECRET}?message=sample-sms-0001&status=%d"
    assert api.calls[0].json["dlr-url"] == asked


def test_a_gateway_beside_the_hub_has_an_address_of_its_own(api: Api) -> None:
    api.answer = lambda call: Reply(202, {"id": 1})
    pushes = {**PUSHES, "url": "http://10.0.0.5:8321/", "signed": "hmac", "header": "X-Signature"}
    body = {"to": "{phone}", "text": "{text}", "report": "{receipt_url}"}
    connection(pushes, url=api.url, allow_private=True, body=body).send([message_with()])
    assert api.calls[0].json["report"] == "http://10.0.0.5:8321/in/sms?message=sample-sms-0001"


# answers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", ["+31612345678", "31612345678", "0031612345678", "0612345678"])
def test_stop_is_a_refusal_of_the_number_in_every_spelling(sender: str) -> None:
    received = take({"from": sender, "text": "Stop.", "reply": "r7"})
    assert received.rows[REFUSALS] == [{"channel": "sms", "address": "+31612345678", "at": NOW.isoformat()}]
    assert received.rows["replies"][0]["refuses"]
    assert received.id == "reply:r7"


def test_an_answer_that_is_no_refusal_is_kept_for_people_to_read() -> None:
    received = take({"from": "+32470123456", "text": "Dank je wel!"})
    assert REFUSALS not in received.rows
    (row,) = received.rows["replies"]
    assert (row["phone"], row["text"], row["refuses"]) == ("+32470123456", "Dank je wel!", False)


def test_a_refusal_from_what_is_no_number_is_kept_and_refuses_for_nobody() -> None:
    received = take({"from": "MIAOUM", "text": "STOP"})
    assert REFUSALS not in received.rows
    assert received.rows["replies"][0]["phone"] is None


def test_a_refusal_is_confirmed_where_the_gateway_sends_on_the_answer() -> None:
    pushes = {**PUSHES, "replies": {"confirmation": "Je krijgt geen sms meer."}}
    assert take({"from": "+31612345678", "text": "UIT"}, pushes=pushes).answer == "Je krijgt geen sms meer."
    assert take({"from": "+31612345678", "text": "Hoi"}, pushes=pushes).answer == ""


def test_the_same_word_on_another_day_is_another_answer() -> None:
    sms = connection({**PUSHES, "replies": {}})
    first = pushed({"from": "+31612345678", "text": "STOP"})
    later = Pushed("GET", SECRET, first.query, {}, b"", NOW + timedelta(days=3))
    assert sms.webhook(first).id != sms.webhook(later).id


# who pushed -----------------------------------------------------------------------------------------------------------


def test_who_does_not_know_the_address_is_refused() -> None:
    for path in ("", "kattenluik2", "kattenlui"):
        with pytest.raises(UnsignedError, match="does not end in the secret"):
            take({"message": "m1", "status": "1"}, path=path)


def test_an_hmac_over_the_body_is_judged() -> None:
    pushes = {**PUSHES, "signed": "hmac", "header": "X-Signature", "prefix": "sha256="}
    body = json.dumps({"message": "m1", "status": "1"}).encode()
    right = f"sha256={hmac.digest(SECRET.encode(), body, sha256).hex()}"
    assert take(body=body, path="", x_signature=right, pushes=pushes).rows["receipts"]
    with pytest.raises(UnsignedError, match="X-Signature"):
        take(body=body + b" ", path="", x_signature=right, pushes=pushes)


def test_the_documented_signature_of_twilio_is_right() -> None:
    """The example of Twilio's page on webhook security: a token, an address with a query, five fields."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    headers = {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "content-type": FORM}
    request = Pushed("POST", "", {"foo": "1", "bar": "2"}, headers, urlencode(fields).encode(), NOW)
    config = connection(TWILIO).config.pushes
    assert config is not None
    judge(request, config, "https://mycompany.com/myapp.php")
    with pytest.raises(UnsignedError):
        judge(request, config, "https://mycompany.com/myapp.ph")


TWILIO = {
    "secret": "12345",
    "signed": "twilio",
    "receipts": {
        "status": "MessageStatus",
        "delivered": ["delivered"],
        "failed": ["undelivered", "failed"],
        "code": "ErrorCode",
    },
    "replies": {"sender": "From", "text": "Body", "id": "MessageSid"},
}


def signed_by_twilio(fields: Mapping[str, str], query: Mapping[str, str], key: str = "12345") -> Pushed:
    address = "https://hub.example/in/sms" + (f"?{urlencode(query)}" if query else "")
    written = address + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    signature = b64encode(hmac.digest(key.encode(), written.encode(), sha1)).decode()
    headers = {"x-twilio-signature": signature, "content-type": FORM}
    return Pushed("POST", "", query, headers, urlencode(fields).encode(), NOW)


def test_twilio_signs_the_full_address_and_the_form() -> None:
    sms = connection(TWILIO)
    report = signed_by_twilio(
        {"MessageStatus": "undelivered", "ErrorCode": "30005", "To": "+31612345678"}, {"message": "m1"}
    )
    assert sms.webhook(report).rows["receipts"][0]["code"] == "5.0.0 30005"
    stop = signed_by_twilio({"MessageSid": "SM1", "From": "+31612345678", "Body": "STOP", "SmsStatus": "received"}, {})
    assert sms.webhook(stop).rows[REFUSALS]


@pytest.mark.parametrize("change", ["key", "query", "body", "nothing signed"])
def test_a_push_that_twilio_did_not_sign_is_refused(change: str) -> None:
    right = signed_by_twilio({"MessageStatus": "delivered"}, {"message": "m1"}, "54321" if change == "key" else "12345")
    wrong = Pushed(
        "POST",
        "",
        {"message": "m2"} if change == "query" else right.query,
        {"content-type": FORM} if change == "nothing signed" else right.headers,
        right.body + b"&To=1" if change == "body" else right.body,
        NOW,
    )
    with pytest.raises(UnsignedError, match="X-Twilio-Signature"):
        connection(TWILIO).webhook(wrong)


MESSAGEBIRD = {
    "secret": SECRET,
    "signed": "messagebird",
    "receipts": {
        "message": "reference",
        "status": "status",
        "delivered": ["delivered"],
        "failed": ["delivery_failed", "expired"],
        "code": "statusErrorCode",
        "at": "statusDatetime",
    },
    "replies": {"sender": "originator", "text": "body", "id": "id", "at": "createdDatetime"},
}
REPORT = {
    "id": "e8077d803532c0b5937c639b60216938",
    "reference": "m1",
    "recipient": "31612345678",
    "status": "delivered",
    "statusDatetime": "2026-11-22T11:58:10+00:00",
}


def token(claims: Mapping[str, Any], algorithm: str = "HS256", key: str = SECRET) -> str:
    def part(content: bytes) -> str:
        return urlsafe_b64encode(content).decode().rstrip("=")

    written = f"{part(json.dumps({'alg': algorithm, 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}"
    how = {"HS256": "sha256", "HS512": "sha512"}.get(algorithm, "sha256")
    return f"{written}.{part(hmac.digest(key.encode(), written.encode(), how))}"


def claims(query: Mapping[str, str] = REPORT, **changed: Any) -> dict[str, Any]:
    address = f"https://hub.example/in/sms?{urlencode(query)}"
    made = {
        "iss": "MessageBird",
        "nbf": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 60,
        "url_hash": sha256(address.encode()).hexdigest(),
    }
    return {name: value for name, value in {**made, **changed}.items() if value is not None}


def test_a_token_of_messagebird_is_judged() -> None:
    for algorithm in ("HS256", "HS512"):
        request = pushed(REPORT, path="", messagebird_signature_jwt=token(claims(), algorithm))
        (row,) = connection(MESSAGEBIRD).webhook(request).rows["receipts"]
        assert (row["message_key"], row["type"], row["at"]) == ("m1", "delivered", "2026-11-22T11:58:10+00:00")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "a.b.c",
        token(claims(), key="another"),
        token(claims(), algorithm="none"),
        token(claims(iss="Somebody")),
        token(claims(exp=int(NOW.timestamp()) - 301)),
        token(claims(nbf=int(NOW.timestamp()) + 301)),
        token(claims(nbf="now")),
        token(claims({**REPORT, "status": "expired"})),
        token(claims(payload_hash=sha256(b"a body").hexdigest())),
    ],
)
def test_a_token_that_is_not_theirs_old_or_for_something_else_is_refused(given: str) -> None:
    with pytest.raises(UnsignedError):
        connection(MESSAGEBIRD).webhook(pushed(REPORT, path="", messagebird_signature_jwt=given))


def test_a_published_token_of_messagebird_is_judged_as_published() -> None:
    """From the reference data of MessageBird's own libraries: `GET https://example.com/` without a body."""
    published = (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTYyNTQ3OTIwMCwiZXhwIjoxNjI1NDc5MjYwLCJ"
        "qdGkiOiI1OWEyNDRkYy1lOWFkLTRlMjMtOTc3OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6IjBmMTE1ZGIwNjJiN2MwZGQwMzBiMTY4NzhjOTlk"
        "ZWE1YzM1NGI0OWRjMzdiMzhlYjg4NDYxNzljNzc4M2U5ZDcifQ.6Fp0rVOsRr1fj9S2GidXAfkmPVofKr8_RTffC6G6r2E"
    )
    key = "36efdd1aace2e26cd490f0d951138253bef2f7c6d34d18981da781555cc4cebb"
    config = connection({**MESSAGEBIRD, "secret": key}).config.pushes
    at = datetime.fromisoformat("2021-07-05T12:00:00+02:00")
    request = Pushed("GET", "", {}, {"messagebird-signature-jwt": published}, b"", at)
    assert config is not None
    judge(request, config, "https://example.com/")
    with pytest.raises(UnsignedError, match="another address"):
        judge(request, config, "https://example.com/in")


# configuration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pushes", "message"),
    [
        ({"secret": ""}, "everybody could push"),
        ({"secret": "x"}, "`receipts` read, or `replies`"),
        ({**PUSHES, "signed": "hmac"}, "`header` is for"),
        ({**PUSHES, "header": "X-A"}, "`header` is for"),
        ({**PUSHES, "url": "hub.example"}, "write a full address"),
    ],
)
def test_a_mistake_in_the_configuration_says_how_to_mend_it(pushes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        connection(pushes)


def test_a_receipt_address_without_receipts_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="needs `pushes` with `receipts`"):
        connection(None, body={"to": "{phone}", "text": "{text}", "dlr": "{receipt_url}"})


def test_without_an_address_of_the_hub_nothing_can_be_pushed_and_the_check_says_so() -> None:
    sms = connection(public_url="")
    assert "`public_url`" in sms.check().message
    with pytest.raises(ConfigurationError, match="`public_url`"):
        sms.webhook(pushed({"message": "m1", "status": "1"}))


def test_a_connection_that_says_nothing_about_pushes_takes_none() -> None:
    with pytest.raises(ConfigurationError, match="say under `pushes`"):
        connection(None).webhook(pushed({"message": "m1"}))


def test_a_name_and_a_password_sign_in(api: Api) -> None:
    connection(None, url=api.url, allow_private=True, user="AC1", password="geheim").send([message_with()])
    assert api.calls[0].headers["authorization"] == f"Basic {b64encode(b'AC1:geheim').decode()}"
    with pytest.raises(ValidationError, match="belong together"):
        connection(None, user="AC1")
