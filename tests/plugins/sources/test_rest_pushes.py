"""`rest`: what a push is about, what of it lands, and how a sender signs that is no known vendor."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from hub.contracts import Place, Pushed, Received
from hub.errors import RejectedError, UnsignedError
from hub.incoming import SCHEMES
from plugins.sources.rest import Rest
from plugins.sources.rest.config import Push, RestConfig

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "kattenluik"
SIGNED = {"signed": "header", "header": "X-Signature", "over": "{time}.{body}", "encoding": "hex", "time": "X-Time"}


def push(settings: dict[str, Any], body: Any, at: datetime = NOW, place: Path = Path()) -> Received:
    content = json.dumps(body).encode()
    stamp = str(int(at.timestamp()))
    signature = hmac.digest(SECRET.encode(), f"{stamp}.".encode() + content, "sha256").hex()
    config = RestConfig.model_validate(
        {"url": "https://api.example.com", "push": {"id": ["id"], "secret": SECRET, **SIGNED, **settings}}
    )
    request = Pushed("POST", "", {}, {"x-signature": signature, "x-time": stamp}, content, NOW)
    return Rest(config, Place("crm", place)).webhook(request)


def test_a_way_of_signing_of_its_own_is_told_in_words() -> None:
    assert push({"table": "events"}, {"id": 1}).rows == {"events": [{"id": 1}]}
    for at in (NOW - timedelta(minutes=6), NOW + timedelta(minutes=6)):
        with pytest.raises(UnsignedError, match="too far"):
            push({"table": "events"}, {"id": 1}, at)
    with pytest.raises(UnsignedError, match="X-Signature is not right"):
        push({"table": "events", "over": "{body}{time}"}, {"id": 1})


def test_things_of_several_kinds_come_in_one_push_and_each_goes_to_its_table() -> None:
    settings = {
        "topic_at": "about",
        "data": "things",
        "tables": {"lead.gone": "lost", "lead.*": "leads"},
        "columns": {"leads": {"id": "id", "email": "person.email", "by": "account"}},
    }
    things = [
        {"id": 1, "about": "lead.new", "person": {"email": "a@example.nl"}, "secret": "x"},
        {"id": 2, "about": "lead.gone", "why": None},
        {"id": 3, "about": "invoice.new"},
    ]
    received = push(settings, {"account": "nl", "things": things})
    assert received.rows == {
        "leads": [{"id": 1, "email": "a@example.nl", "by": "nl"}],
        "lost": [{"id": 2, "about": "lead.gone", "why": None}],
    }
    assert push(settings, {"account": "nl", "things": things}).id == received.id
    assert push(settings, {"account": "nl", "things": things[:2]}).id != received.id
    with pytest.raises(RejectedError, match="does not say id"):
        push(settings, {"account": "nl", "things": [*things, {"about": "lead.new"}]})


def test_what_a_push_is_about_may_stand_beside_its_thing() -> None:
    settings = {"topic_at": "type", "data": "object", "tables": {"order": "orders"}, "id": ["event"]}
    assert push(settings, {"event": "e1", "type": "order", "object": {"id": 7}}).rows == {"orders": [{"id": 7}]}
    assert push(settings, {"event": "e1", "type": "refund", "object": {"id": 7}}).rows == {}


def test_who_only_asks_whether_somebody_is_there_need_not_sign() -> None:
    config = RestConfig.model_validate(
        {
            "url": "https://api.example.com",
            "push": {"id": ["id"], "secret": SECRET, **SIGNED, "table": "t", "ping": r'\{"ping": \d+\}'},
        }
    )
    rest = Rest(config, Place("crm", Path()))
    answered = rest.webhook(Pushed("POST", "", {}, {}, b'{"ping": 1}', NOW))
    assert (answered.rows, answered.answer) == ({}, "")
    with pytest.raises(UnsignedError):
        rest.webhook(Pushed("POST", "", {}, {}, b'{"ping": 1} {"id": 1}', NOW))


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"signed": "zendesk", "header": "X-Signature"}, "`signed: header` and `header` go together"),
        ({"signed": "zendesk", "encoding": "hex"}, "encoding: only with `signed: header`"),
        ({"signed": "header", "header": "X-Signature", "over": "{time}{body}"}, "`time` names the header"),
        ({"signed": "shopify", "topic": "X-Topic"}, "say where it lands"),
        ({"signed": "shopify", "tables": {"a": "b"}, "table": None}, "say where it lands"),
        ({"signed": "shopify", "columns": {"others": {"id": "id"}}}, "`columns` names 'others'"),
        ({"signed": "shopify", "ping": "("}, "`ping` is no regular expression"),
        ({"signed": "shopware"}, "'shopify'"),
    ],
)
def test_what_does_not_fit_together_is_told(settings: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        Push.model_validate({"table": "events", "id": ["id"], "secret": SECRET, **settings})


def test_every_way_that_the_hub_knows_has_its_name_here() -> None:
    names = get_args(Push.model_fields["signed"].annotation)
    assert set(names) == {"path", "header", "standard", *SCHEMES}
