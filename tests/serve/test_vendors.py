"""What vendors push, signed as each of them publishes: stored before it is answered, once, landed and mapped (R7)."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.ledger import Ledger, open_ledger
from hub.pipeline import run
from hub.project import Project, load_project
from hub.serve.site import Site
from tests.plugins.vendors.served import Answered, Asked, Served, served
from tests.serve.conftest import listening
from tests.serve.texting import asked

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SECRET = "geheim-kattenluik"
ADDRESS = "https://hub.example/in/vendor"
SENDGRIDS, ANOTHERS = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def mac(text: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), text, "sha256")


def by_hubspot(body: bytes, at: datetime, secret: str) -> dict[str, str]:
    stamp = str(int(at.timestamp() * 1000))
    signed = b"POST" + ADDRESS.encode() + body + stamp.encode()
    return {
        "X-HubSpot-Signature-v3": b64encode(mac(signed, secret)).decode(),
        "X-HubSpot-Request-Timestamp": stamp,
    }


def by_zendesk(body: bytes, at: datetime, secret: str) -> dict[str, str]:
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "X-Zendesk-Webhook-Signature": b64encode(mac(stamp.encode() + body, secret)).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
    }


def by_klaviyo(body: bytes, at: datetime, secret: str) -> dict[str, str]:
    stamp = format_datetime(at, usegmt=True)
    return {
        "Klaviyo-Signature": mac(body + stamp.encode(), secret).hex(),
        "Klaviyo-Timestamp": stamp,
        "Klaviyo-Webhook-Id": "01HQ",
    }


def by_sendgrid(body: bytes, at: datetime, secret: str) -> dict[str, str]:
    stamp, key = str(int(at.timestamp())), SENDGRIDS if secret == SECRET else ANOTHERS
    return {
        "X-Twilio-Email-Event-Webhook-Signature": b64encode(
            key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
        ).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }


def public(key: ec.EllipticCurvePrivateKey) -> str:
    return b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def by_woocommerce(body: bytes, at: datetime, secret: str) -> dict[str, str]:
    return {
        "X-WC-Webhook-Topic": "order.updated",
        "X-WC-Webhook-Delivery-ID": f"d{at:%H%M%S}",
        "X-WC-Webhook-Signature": b64encode(mac(body, secret)).decode(),
    }


def by_shopify(body: bytes, at: datetime, secret: str) -> dict[str, str]:
    return {
        "X-Shopify-Topic": "customers/delete",
        "X-Shopify-Event-Id": f"e{at:%H%M%S}",
        "X-Shopify-Triggered-At": "2026-03-02T09:29:58.123456789Z",
        "X-Shopify-Hmac-Sha256": b64encode(mac(body, secret)).decode(),
    }


@dataclass(frozen=True)
class Vendor:
    """One vendor: how it signs, what it pushes, and what then stands in the warehouse."""

    sign: Callable[[bytes, datetime, str], dict[str, str]]
    settings: Mapping[str, Any]
    body: Any
    question: str
    answer: list[tuple[Any, ...]] = field(default_factory=list)
    dated: bool = True
    """Its signature has a time."""


KEYS = {"token": "${A_TOKEN}"}
VENDORS = {
    "hubspot": Vendor(
        by_hubspot,
        {**KEYS, "client_secret": "${PUSH_SECRET}"},
        [
            {
                "eventId": 100,
                "subscriptionId": 51,
                "portalId": 62,
                "appId": 7,
                "occurredAt": 1772443799000,
                "subscriptionType": "contact.propertyChange",
                "attemptNumber": 0,
                "objectId": 516,
                "propertyName": "hs_email_optout",
                "propertyValue": "true",
            },
            {
                "eventId": 101,
                "subscriptionId": 52,
                "portalId": 62,
                "appId": 7,
                "occurredAt": 1772443799000,
                "subscriptionType": "deal.creation",
                "attemptNumber": 0,
                "objectId": 1,
            },
        ],
        "SELECT channel, given, text FROM consent",
        [("email", False, "hubspot-optout")],
    ),
    "zendesk": Vendor(
        by_zendesk,
        {"user": "anna@shop.example.nl", **KEYS, "signing_secret": "${PUSH_SECRET}"},
        {
            "account_id": 12514403,
            "detail": {
                "actor_id": "8447388090494",
                "created_at": "2026-03-02T09:00:00Z",
                "description": "Waar blijft het?",
                "id": "5158",
                "priority": "HIGH",
                "requester_id": "8447388090495",
                "status": "OPEN",
                "subject": "Waar blijft mijn pakket?",
                "tags": [],
                "updated_at": "2026-03-02T09:29:00Z",
                "via": {"channel": "web_service"},
            },
            "event": {"current": "HIGH", "previous": "NORMAL"},
            "id": "cbe4028c-7239-495d-b020-f22348516046",
            "subject": "zen:ticket:5158",
            "time": "2026-03-02T09:29:00.000Z",
            "type": "zen:event-type:ticket.priority_changed",
            "zendesk_event_version": "2022-11-06",
        },
        "SELECT source_key, subject, status, priority FROM ticket",
        [("5158", "Waar blijft mijn pakket?", "open", "high")],
    ),
    "klaviyo": Vendor(
        by_klaviyo,
        {"key": "${A_TOKEN}", "webhook_secret": "${PUSH_SECRET}"},
        {
            "data": [
                {
                    "external_id": "4zQpk9",
                    "topic": "event:klaviyo.opened_email",
                    "payload": {
                        "data": {
                            "type": "event",
                            "id": "4zQpk9",
                            "attributes": {
                                "timestamp": 1772443799,
                                "event_properties": {"Subject": "Lente", "Campaign Name": "Lente 2026", "$x": 1},
                                "datetime": "2026-03-02 09:29:59+00:00",
                                "uuid": "dcb6fd80",
                            },
                            "relationships": {"profile": {"data": {"type": "profile", "id": "01GDF"}}},
                        }
                    },
                }
            ],
            "meta": {"timestamp": "2026-03-02T09:30:00+00:00", "klaviyo_webhook_id": "01HQ", "version": "v1"},
        },
        "SELECT type, campaign FROM message_event",
        [("opened", "Lente 2026")],
    ),
    "sendgrid": Vendor(
        by_sendgrid,
        {"key": "${A_TOKEN}", "sender": "hallo@shop.example.nl", "verification_key": public(SENDGRIDS)},
        [
            {
                "sg_event_id": "e1",
                "hub_message": "m1",
                "event": "open",
                "timestamp": 1772443799,
                "sg_machine_open": True,
            },
            {"sg_event_id": "e2", "hub_message": "m1", "event": "spamreport", "timestamp": 1772443800},
        ],
        "SELECT type, machine FROM message_event ORDER BY type",
        [("complained", False), ("opened", True)],
    ),
    "woocommerce": Vendor(
        by_woocommerce,
        {"key": "${A_TOKEN}", "secret": "${A_TOKEN}", "webhook_secret": "${PUSH_SECRET}"},
        {
            "id": 727,
            "status": "processing",
            "currency": "EUR",
            "customer_id": 0,
            "total": "29.35",
            "billing": {"email": "jan@example.be", "country": "BE", "phone": ""},
            "date_created_gmt": "2026-03-02T09:16:08",
            "date_modified_gmt": "2026-03-02T09:29:59",
            "line_items": [],
            "coupon_lines": [],
        },
        "SELECT source_key, status, currency FROM sales_order",
        [("727", "paid", "EUR")],
        dated=False,
    ),
    "shopify": Vendor(
        by_shopify,
        {**KEYS, "api_secret": "${PUSH_SECRET}", "resources": []},
        {"id": 706405506930370084},
        "SELECT type, value FROM identifier",
        [("customer_number", "vendor:706405506930370084")],
        dated=False,
    ),
}
EMPTY = {
    "data": [],
    "links": {},
    "results": [],
    "users": [],
    "tickets": [],
    "meta": {"has_more": False},
    "end_of_stream": True,
}


@pytest.fixture
def api() -> Iterator[Served]:
    """Serve a vendor's API whose lists are empty: all that comes is pushed."""

    def empty(one: Asked) -> Answered:
        return Answered(200, [] if "/wc/" in one.path else EMPTY)

    with served(empty) as running:
        yield running


def laid_down(folder: Path, name: str, api: Served, engine: str) -> Project:
    connection = {"plugin": name, "url": api.url, "allow_private": True, **VENDORS[name].settings}
    hub = {
        "name": "Miaoum",
        "engine": engine,
        "public_url": "https://hub.example",
        "connections": {"vendor": connection},
    }
    (folder / "hub.yaml").write_text(yaml.safe_dump(hub), encoding="utf-8")
    (folder / ".env").write_text(
        f"HUB_KEY=5f0c3b7a9d1e4c6f8a2b\nA_TOKEN=tok3n\nPUSH_SECRET={SECRET}\n", encoding="utf-8"
    )
    return load_project(folder)


@contextmanager
def open_hub(project: Project) -> Iterator[tuple[httpx.Client, Ledger]]:
    ledger = open_ledger(project.hub.ledger, project.state)
    with (
        listening(Site(project, ledger, clock=lambda: NOW)) as address,
        httpx.Client(base_url=address, verify=False) as client,
    ):
        yield client, ledger
    ledger.close()


def push(client: httpx.Client, name: str, at: datetime = NOW, secret: str = SECRET, more: bytes = b"") -> int:
    """Push what the vendor pushes; `more` is added to it once it is signed."""
    body = json.dumps(VENDORS[name].body).encode()
    headers = {**VENDORS[name].sign(body, at, secret), "Content-Type": "application/json"}
    return client.post("/in/vendor", content=body + more, headers=headers).status_code


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_what_a_vendor_pushes_is_kept_once_and_lands_in_the_schema(
    name: str, engine: str, api: Served, tmp_path: Path
) -> None:
    project = laid_down(tmp_path, name, api, engine)
    with open_hub(project) as (client, ledger):
        assert [push(client, name) for _ in range(2)] == [204, 204]
        assert ledger.inbox.waiting() == {"vendor": 1}
        report = run(project, NOW + timedelta(hours=1), ["land", "map"])
        assert report.ok, report.failures
        assert ledger.inbox.waiting() == {}
        assert push(client, name) == 204
        assert ledger.inbox.waiting() == {}, "what has landed is known when it comes again"
    assert asked(project, VENDORS[name].question) == VENDORS[name].answer


@pytest.mark.parametrize("name", VENDORS)
def test_what_a_vendor_did_not_sign_or_signed_long_ago_is_refused_and_not_kept(
    name: str, api: Served, tmp_path: Path
) -> None:
    project = laid_down(tmp_path, name, api, "duckdb")
    with open_hub(project) as (client, ledger):
        wrong = [push(client, name, secret="another"), push(client, name, more=b" ")]
        if VENDORS[name].dated:
            wrong += [push(client, name, NOW + apart) for apart in (timedelta(days=-2), timedelta(days=2))]
        assert set(wrong) == {401}
        assert ledger.inbox.waiting() == {}


def test_a_webshop_that_asks_whether_somebody_is_there_is_answered(api: Served, tmp_path: Path) -> None:
    """WooCommerce sends this unsigned when a webhook is made, and wants a 200."""
    with open_hub(laid_down(tmp_path, "woocommerce", api, "duckdb")) as (client, ledger):
        assert client.post("/in/vendor", data={"webhook_id": "5"}).status_code == 200
        assert client.post("/in/vendor", data={"webhook_id": "5", "id": "7"}).status_code == 401
        assert ledger.inbox.waiting() == {}
