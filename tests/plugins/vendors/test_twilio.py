"""`twilio` against a server that keeps to the published contract of its Messages API (v2010)."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import md5, sha1
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from hub.contracts import Pushed
from hub.errors import UnsignedError
from hub.incoming import REFUSALS
from hub.normalise.sms import sms_parts
from hub.registry import Registry
from hub.testing.http import HttpDestinationSuite

from .served import Answered, Asked, basic, served
from .texts import HUB, PHONE, made, parts, post, text

ACCOUNT, TOKEN, SERVICE = f"AC{'a1' * 16}", "kattenluik", f"MG{'b2' * 16}"
FORM = "application/x-www-form-urlencoded"
FIELDS = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod", "SmartEncoded", "MaxPrice"}
Twilio: Any = Registry().get("twilio")


class Account:
    """Takes messages as the contract says: a form, an E.164 number, a sender, an address for the report."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []

    def __call__(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != basic(ACCOUNT, TOKEN):
            return refusal(401, 20003, "Authenticate")
        if (asked.method, asked.path) == ("GET", f"/2010-04-01/Accounts/{ACCOUNT}.json"):
            return Answered(200, {"sid": ACCOUNT, "status": "active", "friendly_name": "Miaoum"})
        if (asked.method, asked.path) != ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"):
            return refusal(404, 20404, f"The requested resource {asked.path} was not found")
        form = dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
        if asked.headers.get("content-type") != FORM or form.keys() - FIELDS:
            return refusal(400, 20001, "Unknown parameters")
        if not re.fullmatch(r"\+[1-9][0-9]{7,14}", form.get("To", "")):
            return refusal(400, 21211, f"Invalid 'To' Phone Number: {form.get('To')}")
        if not form.get("From") and not form.get("MessagingServiceSid"):
            return refusal(400, 21603, "A 'From' phone number is required.")
        if not form.get("Body") or len(form["Body"]) > 1600:
            return refusal(400, 21602, "Message body is required.")
        if "StatusCallback" in form and not form["StatusCallback"].startswith("https://"):
            return refusal(400, 21609, "The 'StatusCallback' URL is not a valid URL.")
        self.messages.append(form)
        sid = f"SM{md5(str(len(self.messages)).encode()).hexdigest()}"
        return Answered(201, message(form, sid))


def message(form: Mapping[str, str], sid: str) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}"
    return {
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": form["Body"],
        "date_created": "Sun, 22 Nov 2026 12:00:00 +0000",
        "date_sent": None,
        "date_updated": "Sun, 22 Nov 2026 12:00:00 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": form.get("From"),
        "messaging_service_sid": form.get("MessagingServiceSid"),
        "num_media": "0",
        "num_segments": str(parts(form["Body"])),
        "price": None,
        "price_unit": None,
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": form["To"],
        "uri": f"{uri}.json",
    }


def refusal(status: int, code: int, words: str) -> Answered:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Answered(status, {"code": code, "message": words, "more_info": more, "status": status})


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def url(account: Account) -> Iterator[str]:
    with served(account) as api:
        yield api.url


def settings(url: str, **more: str) -> dict[str, Any]:
    return {"url": url, "account": ACCOUNT, "token": TOKEN, "sender": "Miaoum", **more}


class TestTwilioConforms(HttpDestinationSuite):
    plugin = Twilio

    @pytest.fixture
    def config(self, url: str) -> Mapping[str, Any]:
        return {**settings(url), "allow_private": True}


def test_a_message_brings_the_address_of_its_report_and_is_known_by_its_sid(account: Account, url: str) -> None:
    (result,) = made(Twilio, **settings(url, service=SERVICE)).send([text("Dag!", number=7)])
    (form,) = account.messages
    assert (result.status, result.remote_id[:2]) == ("accepted", "SM")
    assert (form["To"], form["From"], form["MessagingServiceSid"]) == (PHONE, "Miaoum", SERVICE)
    assert form["StatusCallback"] == f"{HUB}/in/sms?message={7:032x}"


def test_a_hub_that_is_not_served_asks_for_no_report_and_says_so(account: Account, url: str) -> None:
    destination = made(Twilio, public_url="", **settings(url))
    assert destination.send([text("Dag!")])[0].status == "accepted"
    assert account.messages[0].keys() == {"To", "From", "Body"}
    check = destination.check()
    assert not check.ok
    assert "`public_url`" in check.message


@pytest.mark.parametrize(
    "content", ["a" * 160, "a" * 161, "€" * 80, "€" * 81, "ï" * 70, "ï" * 71, "🐈" * 36, "x" * 459]
)
def test_the_hub_counts_parts_as_twilio_does(url: str, content: str) -> None:
    with served(Account()) as api:
        made(Twilio, **settings(api.url)).send([text(content)])
        assert int(api.answered[0].body["num_segments"]) == sms_parts(content).parts


@pytest.mark.parametrize(
    ("code", "status", "told"), [(21610, 400, "rejected"), (20429, 429, "later"), (20500, 500, "unknown")]
)
def test_what_twilio_refuses_is_told_by_its_code(code: int, status: int, told: str) -> None:
    with served(lambda asked: refusal(status, code, f"Attempt to send to {PHONE}")) as api:
        (result,) = made(Twilio, **settings(api.url)).send([text("Dag!")])
    assert result.status == told
    assert str(code) in result.reason
    assert PHONE not in result.reason


def test_the_server_refuses_what_the_contract_does_not_know(account: Account) -> None:
    headers = {"authorization": basic(ACCOUNT, TOKEN), "content-type": FORM}
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    for form in ({"To": "0612345678", "From": "x", "Body": "y"}, {"To": PHONE, "Body": "y"}, {"Hello": "1"}):
        assert account(Asked("POST", path, {}, headers, urlencode(form).encode())).status == 400


# what Twilio pushes ---------------------------------------------------------------------------------------------------


def signed(fields: Mapping[str, str], query: Mapping[str, str] | None = None, token: str = TOKEN) -> Pushed:
    address = f"{HUB}/in/sms" + (f"?{urlencode(query)}" if query else "")
    written = address + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    signature = b64encode(hmac.digest(token.encode(), written.encode(), sha1)).decode()
    return post(urlencode(fields).encode(), FORM, query=query, x_twilio_signature=signature)


@pytest.mark.parametrize(
    ("status", "code", "kind", "written"),
    [
        ("delivered", "", "delivered", None),
        ("undelivered", "30003", "bounced", "5.0.0 30003"),
        ("failed", "30005", "bounced", "5.1.1 30005"),
    ],
)
def test_a_report_settles_the_message_it_was_asked_for(status: str, code: str, kind: str, written: str | None) -> None:
    sid = f"SM{'c3' * 16}"
    fields = {"MessageSid": sid, "MessageStatus": status, "ErrorCode": code, "To": PHONE, "From": "Miaoum"}
    given = {name: value for name, value in {**fields, "AccountSid": ACCOUNT}.items() if value}
    (row,) = (
        made(Twilio, **settings("https://api.twilio.com")).webhook(signed(given, {"message": "m1"})).rows["receipts"]
    )
    assert (row["message_key"], row["type"], row["code"]) == ("m1", kind, written)


def test_on_its_way_settles_nothing() -> None:
    request = signed({"MessageStatus": "sent", "To": PHONE}, {"message": "m1"})
    assert made(Twilio, **settings("https://api.twilio.com")).webhook(request).rows == {}


def test_stop_is_a_refusal_and_another_token_is_none() -> None:
    fields = {"MessageSid": "SM1", "From": PHONE, "To": "+3197010240001", "Body": "Stop", "SmsStatus": "received"}
    destination = made(Twilio, **settings("https://api.twilio.com"))
    received = destination.webhook(signed(fields))
    assert (received.rows[REFUSALS][0]["address"], received.answer) == (PHONE, "")
    with pytest.raises(UnsignedError):
        destination.webhook(signed(fields, token="somebody-elses"))
