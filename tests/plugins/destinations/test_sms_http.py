"""sms_http against a real HTTP server."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from hub.contracts import EmailRecipient, Message, PhoneRecipient, Place
from hub.templated import parsed, text_at
from hub.testing.destinations import sample_message
from hub.testing.http import HttpDestinationSuite
from plugins.destinations.sms_http import SmsHttp
from plugins.destinations.sms_http.config import SmsHttpConfig

from .conftest import Api, Call, Reply

BODY = {"to": "{phone}", "text": "{text}", "reference": "{id}"}


class Provider:
    """A provider that takes each reference once, as real ones do."""

    def __init__(self) -> None:
        self.sent: dict[str, dict[str, str]] = {}

    def __call__(self, call: Call) -> Reply:
        self.sent.setdefault(call.json["reference"], call.json)
        return Reply(202, {"messages": [{"id": f"prov-{call.json['reference']}"}]})


class TestSmsHttp(HttpDestinationSuite):
    plugin = SmsHttp

    @pytest.fixture
    def provider(self, api: Api) -> Provider:
        api.answer = provider = Provider()
        return provider

    @pytest.fixture
    def config(self, api: Api, provider: Provider) -> Mapping[str, Any]:
        return {
            "url": api.url,
            "headers": {"Authorization": "Bearer kattenluik"},
            "secrets": {"account": "geheim-account"},
            "body": {**BODY, "account": "{account}"},
            "id_at": "messages.0.id",
            "idempotency_window": "24 hours",
            "allow_private": True,
        }

    @pytest.fixture
    def taken(self, provider: Provider) -> Callable[[], Sequence[str]]:
        return lambda: list(provider.sent)


def make(url: str, **settings: Any) -> SmsHttp:
    config = {"url": url, "body": BODY, "allow_private": True, "timeout": 5, **settings}
    return SmsHttp(SmsHttpConfig.model_validate(config), Place("sms", Path()))


def message_with(text: str = "Dag Anna", phone: str = "+31612345678", number: int = 1) -> Message:
    return replace(sample_message("sms", number), content={"text": text}, recipient=PhoneRecipient(phone))


# the request ----------------------------------------------------------------------------------------------------------


def test_a_message_becomes_the_request_that_the_configuration_describes(api: Api) -> None:
    api.answer = lambda call: Reply(202, {"id": 42})
    destination = make(
        api.url,
        method="PUT",
        headers={"X-Key": "kattenluik"},
        sender="Miaoum",
        body={
            "from": "{sender}",
            "messages": [{"to": "{digits}", "body": "{text}", "ref": "hub-{id}"}],
            "flash": False,
        },
    )
    (result,) = destination.send([message_with("Dag {phone}")])
    (call,) = api.calls
    assert (call.method, call.headers["x-key"]) == ("PUT", "kattenluik")
    assert call.json == {
        "from": "Miaoum",
        "messages": [{"to": "31612345678", "body": "Dag {phone}", "ref": "hub-sample-sms-0001"}],
        "flash": False,
    }
    assert (result.status, result.remote_id) == ("accepted", "42")


def test_a_provider_may_want_a_form(api: Api) -> None:
    make(api.url, encoding="form", secrets={"pw": "kattenluik"}, body={**BODY, "password": "{pw}"}).send(
        [message_with("a&b é")]
    )
    (call,) = api.calls
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(call.body.decode()) == {
        "to": ["+31612345678"],
        "text": ["a&b é"],
        "reference": ["sample-sms-0001"],
        "password": ["kattenluik"],
    }


def test_a_gateway_may_want_everything_in_the_address_which_no_log_shows(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    query = {"to": "{phone}", "text": "{text}"}
    with caplog.at_level(logging.DEBUG):
        (result,) = make(api.url + "?smsc=1", method="GET", body={}, query=query).send([message_with()])
    assert "612345678" not in caplog.text
    assert "Anna" not in caplog.text
    (call,) = api.calls
    assert result.status == "accepted"
    assert (call.method, call.body) == ("GET", b"")
    assert parse_qs(urlsplit(call.path).query) == {"smsc": ["1"], "to": ["+31612345678"], "text": ["Dag Anna"]}


def test_text_is_composed_so_that_accents_do_not_double_its_price(api: Api) -> None:
    make(api.url).send([message_with("e\u0301e\u0301n")])
    assert api.calls[0].json["text"] == "\u00e9\u00e9n"


# what is refused before it costs anything -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (message_with(phone="+3197012345678"), "belongs to a machine"),
        (message_with(phone="+31201234567"), "not a mobile one"),
        (message_with(phone="+31612345"), "not valid"),
        (message_with(phone="0612345678"), "not valid"),
        (message_with(text=" "), "no text"),
        (message_with(text="a" * 460), "takes 4 parts, and at most 3"),
        (message_with(text="ï" * 202), "takes 4 parts, and at most 3"),
        (replace(sample_message("sms"), recipient=EmailRecipient("anna@example.nl")), "no telephone number"),
    ],
)
def test_a_message_that_should_not_be_sent_is_rejected_and_costs_nothing(
    api: Api, message: Message, reason: str
) -> None:
    (result,) = make(api.url).send([message])
    assert result.status == "rejected"
    assert reason in result.reason
    assert api.calls == []


def test_a_text_of_three_parts_is_sent(api: Api) -> None:
    (result,) = make(api.url).send([message_with("a" * 459)])
    assert result.status == "accepted"


# what the provider says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (Reply(200, {"id": "x"}), "accepted", ""),
        (Reply(400, {"error": "bad number +31 6 1234 5678"}), "rejected", 'HTTP 400: {"error": "bad number [number]"}'),
        (
            Reply(422, {"error": "Anna is not allowed"}),
            "rejected",
            'HTTP 422: {"error": "[hidden] is not allowed"}',
        ),
        (Reply(401, ""), "later", 'HTTP 401: the sign-in is refused ""'),
        (Reply(404, b"<html>"), "later", "HTTP 404: the address is not there: check `url`"),
        (Reply(429, b"", {"Retry-After": "30"}), "later", "HTTP 429"),
        (Reply(503, b""), "later", "HTTP 503"),
        (Reply(500, b""), "unknown", "HTTP 500"),
        (Reply(301, b"", {"Location": "http://169.254.169.254/"}), "later", "HTTP 301: redirects are not followed"),
        (Reply(hang_up=True), "unknown", "no answer from 127.0.0.1"),
    ],
)
def test_the_answer_decides_what_became_of_the_message(api: Api, reply: Reply, status: str, reason: str) -> None:
    api.answer = lambda call: reply
    (result,) = make(api.url).send([message_with()])
    assert result.status == status
    assert result.reason.startswith(reason)
    assert len(api.calls) == 1


def test_the_provider_says_how_long_to_wait(api: Api) -> None:
    api.answer = lambda call: Reply(429, b"", {"Retry-After": "30"})
    (result,) = make(api.url).send([message_with()])
    assert result.retry_after == 30


def test_which_statuses_are_worth_another_try_is_configured(api: Api) -> None:
    api.answer = lambda call: Reply(500, b"")
    (result,) = make(api.url, retriable=[500]).send([message_with()])
    assert result.status == "later"


def test_a_silent_provider_is_not_asked_for_the_whole_batch(api: Api) -> None:
    api.answer = lambda call: Reply(hang_up=True)
    results = make(api.url).send([message_with(number=number) for number in range(1, 6)])
    assert [result.status for result in results] == ["unknown"] * 3 + ["later"] * 2
    assert len(api.calls) == 3


def test_a_time_out_leaves_the_message_unknown(api: Api) -> None:
    def answer(call: Call) -> Reply:
        time.sleep(1)
        return Reply()

    api.answer = answer
    (result,) = make(api.url, timeout=0.2).send([message_with()])
    assert (result.status, result.reason) == ("unknown", f"no answer from 127.0.0.1:{api.port}: ReadTimeout")


@pytest.mark.parametrize(
    ("path", "body", "found"),
    [
        ("id", b'{"id": "x"}', "x"),
        ("messages.0.id", b'{"messages": [{"id": 7}]}', "7"),
        ("messages.1.id", b'{"messages": [{"id": 7}]}', ""),
        ("id", b"0: Accepted for delivery", ""),
        ("id", b'{"id": {"a": 1}}', ""),
    ],
)
def test_the_providers_id_is_found_where_the_configuration_says(path: str, body: bytes, found: str) -> None:
    assert text_at(path, parsed(body)) == found


# configuration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"body": {"to": "{fone}", "text": "{text}"}}, r"no value \{fone\}. Did you mean 'phone'"),
        ({"body": {"to": "{phone}"}}, r"must hold \{phone\} or \{digits\}, and \{text\}"),
        ({"body": {"to": "{phone}", "text": "{text}"}, "idempotency_window": "1 day"}, r"needs \{id\}"),
        ({"method": "GET"}, "write the fields under `query`"),
        ({"url": "api.example.nl"}, "write a full address"),
        ({"url": "http://api.example.nl/", "allow_private": False}, "needs https"),
        ({"url": "https://user:pw@api.example.nl/"}, "put a name and password into a header"),
        ({"idempotency_window": "soon"}, "24 hours, 14 days"),
    ],
)
def test_a_mistake_in_the_configuration_says_how_to_mend_it(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make(settings.pop("url", "https://api.example.nl/"), **settings)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90 minutes", timedelta(minutes=90)),
        ("1 hour", timedelta(hours=1)),
        ("2 days", timedelta(days=2)),
        ("1 week", timedelta(weeks=1)),
    ],
)
def test_a_length_of_time_is_written_with_its_unit(written: str, meant: timedelta) -> None:
    destination = make("https://api.example.nl/", idempotency_window=written)
    assert destination.capabilities.idempotency_window == meant


def test_the_idempotency_window_is_the_providers() -> None:
    assert make("https://api.example.nl/").capabilities.idempotency_window is None
    window = make("https://api.example.nl/", idempotency_window="24 hours").capabilities.idempotency_window
    assert window == timedelta(hours=24)


def test_an_address_inside_the_network_is_refused_unless_it_is_meant(api: Api) -> None:
    destination = make(api.url.replace("http://", "https://"), allow_private=False)
    (result,) = destination.send([message_with()])
    assert result.status == "later"
    assert "not public; if you mean it, set `allow_private: true`" in result.reason
    assert "not public" in destination.check().message
    assert api.calls == []
