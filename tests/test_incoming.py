"""Who sent a push: Standard Webhooks, the ways of vendors, a secret in the address; and what can't be read."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.contracts import Pushed
from hub.errors import ConfigurationError, RejectedError, UnsignedError
from hub.incoming import SCHEMES, Scheme, json_object, secret_path, signed_as, signed_body, standard_webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"another secret of ours").decode()
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT = datetime.fromtimestamp(1614265330, UTC)
RIGHT = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
WRONG = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="


def push(
    signature: str = RIGHT,
    body: bytes = b'{"test": 2432232314}',
    stamp: str = "1614265330",
    received_at: datetime = SENT_AT,
    path: str = "",
) -> Pushed:
    headers = {"webhook-id": ID, "webhook-timestamp": stamp, "webhook-signature": signature}
    return Pushed("POST", path, {}, headers, body, received_at)


def test_the_vector_of_standard_webhooks_passes_and_gives_its_id() -> None:
    assert standard_webhook(push(), SECRET) == ID


@pytest.mark.parametrize("signature", [f"{WRONG} {RIGHT}", f"v1a,abc {RIGHT} v1,ü"])
def test_one_right_signature_among_several_is_enough(signature: str) -> None:
    assert standard_webhook(push(signature), SECRET) == ID


def test_while_a_secret_is_replaced_both_are_right() -> None:
    assert standard_webhook(push(), OTHER, SECRET) == ID
    with pytest.raises(UnsignedError, match="no signature is right"):
        standard_webhook(push(), OTHER)


@pytest.mark.parametrize(
    "request_",
    [
        push(WRONG),
        push(""),
        push("v1,"),
        push(RIGHT.removeprefix("v1,")),
        push(body=b'{"test": 2432232315}'),
        push(stamp="1614265331"),
    ],
)
def test_anything_else_is_not_signed(request_: Pushed) -> None:
    with pytest.raises(UnsignedError):
        standard_webhook(request_, SECRET)


@pytest.mark.parametrize(("seconds", "passes"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signature_holds_for_five_minutes_either_way(seconds: int, passes: bool) -> None:
    late = push(received_at=SENT_AT + timedelta(seconds=seconds))
    if passes:
        assert standard_webhook(late, SECRET) == ID
    else:
        with pytest.raises(UnsignedError, match="301 seconds from our clock"):
            standard_webhook(late, SECRET)


@pytest.mark.parametrize("stamp", ["soon", "9" * 400, "-1", "1e9", "١"])
def test_a_time_that_is_none_is_not_signed(stamp: str) -> None:
    signed = f"{ID}.{stamp}.".encode() + b"{}"
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    right = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    with pytest.raises(UnsignedError, match="no number of seconds"):
        standard_webhook(push(right, b"{}", stamp), SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!"])
def test_a_secret_that_is_none_lets_nobody_in(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="signing secret is none"):
        standard_webhook(push(), secret)


def test_a_body_signed_as_webshops_do_passes_and_a_changed_one_does_not() -> None:
    body = '{"id": 1, "naam": "één"}'.encode()
    signature = base64.b64encode(hmac.digest(b"shop secret", body, "sha256")).decode()
    right = Pushed("POST", "", {}, {"x-shopify-hmac-sha256": signature}, body, SENT_AT)
    signed_body(right, "X-Shopify-Hmac-Sha256", "shop secret")
    for wrong in (
        Pushed("POST", "", {}, {"x-shopify-hmac-sha256": signature}, body + b" ", SENT_AT),
        Pushed("POST", "", {}, {}, body, SENT_AT),
    ):
        with pytest.raises(UnsignedError, match="X-Shopify-Hmac-Sha256"):
            signed_body(wrong, "X-Shopify-Hmac-Sha256", "shop secret")
    with pytest.raises(ConfigurationError):
        signed_body(right, "X-Shopify-Hmac-Sha256", "")


def test_a_body_may_be_signed_in_hexadecimal_with_a_prefix() -> None:
    signature = "sha256=" + hmac.digest(b"secret", b"{}", "sha256").hex()
    request = Pushed("POST", "", {}, {"x-hub-signature-256": signature}, b"{}", SENT_AT)
    signed_body(request, "X-Hub-Signature-256", "secret", encoding="hex", prefix="sha256=")


def test_a_sender_that_cannot_sign_knows_a_secret_address() -> None:
    secret_path(push(path="s3cret"), "s3cret")
    for path in ("", "s3cre", "s3cret/more", "ü"):
        with pytest.raises(UnsignedError):
            secret_path(push(path=path), "s3cret")
    with pytest.raises(ConfigurationError):
        secret_path(push(path=""), "")


@pytest.mark.parametrize("body", [b"", b"[1]", b"\xff", b"{", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RejectedError):
        json_object(push(body=body))


def test_what_was_pushed_shows_in_no_representation() -> None:
    shown = repr(push(path="s3cret"))
    assert "s3cret" not in shown
    assert "2432232314" not in shown
    assert "v1," not in shown


# the ways of vendors

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADDRESS = "https://hub.example/in/crm"
BODY = '[{"naam": "één"}]'.encode()


def mac(text: bytes) -> bytes:
    return hmac.digest(b"the secret", text, "sha256")


def by_hubspot(at: datetime = NOW, body: bytes = BODY, method: str = "POST", address: str = ADDRESS) -> dict[str, str]:
    """Sign as its documentation says: method, address, body and milliseconds, in base64."""
    stamp = str(int(at.timestamp() * 1000))
    signed = method.encode() + address.encode() + body + stamp.encode()
    signature = base64.b64encode(mac(signed)).decode()
    return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}


def by_zendesk(at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    """Sign as its documentation says: base64(HMACSHA256(TIMESTAMP + BODY))."""
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = base64.b64encode(mac(stamp.encode() + body)).decode()
    return {"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": stamp}


PRIVATE = ec.generate_private_key(ec.SECP256R1())
KEYS = {
    "sendgrid": base64.b64encode(
        PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
}


def by_sendgrid(at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    """Sign as its documentation says: ECDSA over the seconds and the body, as they are."""
    stamp = str(int(at.timestamp()))
    signature = base64.b64encode(PRIVATE.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
    name = "x-twilio-email-event-webhook"
    return {f"{name}-signature": signature, f"{name}-timestamp": stamp}


def by_klaviyo(at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    """Sign as its documentation says: the body, then the date of HTTP, in hexadecimal."""
    stamp = format_datetime(at, usegmt=True)
    return {"klaviyo-signature": mac(body + stamp.encode()).hex(), "klaviyo-timestamp": stamp}


def in_base64(header: str, prefix: str = "") -> Callable[..., dict[str, str]]:
    return lambda body=BODY: {header: prefix + base64.b64encode(mac(body)).decode()}


WAYS: dict[str, Callable[..., dict[str, str]]] = {
    "hubspot": by_hubspot,
    "klaviyo": by_klaviyo,
    "sendgrid": by_sendgrid,
    "shopify": in_base64("x-shopify-hmac-sha256"),
    "typeform": in_base64("typeform-signature", "sha256="),
    "woocommerce": in_base64("x-wc-webhook-signature"),
    "zendesk": by_zendesk,
}
WITH_A_TIME = {"hubspot": timedelta(minutes=5), **dict.fromkeys(("klaviyo", "sendgrid", "zendesk"), timedelta(days=1))}


def judged(vendor: str, headers: dict[str, str], body: bytes = BODY, method: str = "POST") -> None:
    secret = KEYS.get(vendor, "the secret")
    signed_as(Pushed(method, "", {}, headers, body, NOW), SCHEMES[vendor], secret, address=ADDRESS)


def test_every_way_that_is_known_is_tried_here() -> None:
    assert WAYS.keys() == SCHEMES.keys()
    assert {name: scheme.tolerance for name, scheme in SCHEMES.items() if scheme.time} == WITH_A_TIME


@pytest.mark.parametrize("vendor", WAYS)
def test_what_a_vendor_signed_passes_and_anything_else_does_not(vendor: str) -> None:
    right = WAYS[vendor]()
    judged(vendor, right)
    signature = SCHEMES[vendor].header.lower()
    wrong = [
        (right, BODY + b" "),
        ({name: value for name, value in right.items() if name != signature}, BODY),
        ({**right, signature: right[signature].swapcase()}, BODY),
        ({**right, signature: ""}, BODY),
        ({**right, signature: "ü"}, BODY),
        (WAYS[vendor](body=b"[]"), BODY),
    ]
    for headers, body in wrong:
        with pytest.raises(UnsignedError, match=SCHEMES[vendor].header):
            judged(vendor, headers, body)
    another = SENDGRIDS_KEY if vendor in KEYS else "another"
    with pytest.raises(UnsignedError):
        signed_as(Pushed("POST", "", {}, right, BODY, NOW), SCHEMES[vendor], another, address=ADDRESS)


@pytest.mark.parametrize("vendor", WITH_A_TIME)
def test_a_vendors_signature_holds_for_a_time(vendor: str) -> None:
    limit, little = WITH_A_TIME[vendor], timedelta(seconds=2)
    for at in (NOW - limit + little, NOW + limit - little):
        judged(vendor, WAYS[vendor](at))
    for at in (NOW - limit - little, NOW + limit + little):
        with pytest.raises(UnsignedError, match="too far"):
            judged(vendor, WAYS[vendor](at))


@pytest.mark.parametrize("vendor", WITH_A_TIME)
def test_the_time_of_a_vendors_signature_is_signed_itself(vendor: str) -> None:
    old, now = WAYS[vendor](NOW - timedelta(days=3)), WAYS[vendor]()
    stamp = SCHEMES[vendor].time.lower()
    with pytest.raises(UnsignedError, match="is not right"):
        judged(vendor, {**old, stamp: now[stamp]})


@pytest.mark.parametrize("vendor", WITH_A_TIME)
@pytest.mark.parametrize("stamp", ["", "soon", "9" * 400, "1e9"])
def test_a_vendors_time_that_is_none_is_not_signed(vendor: str, stamp: str) -> None:
    scheme = SCHEMES[vendor]
    written = scheme.over.format(method="POST", url=ADDRESS, body="{}", time=stamp).encode()
    digest = PRIVATE.sign(written, ec.ECDSA(SHA256())) if scheme.algorithm == "ecdsa" else mac(written)
    signature = digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()
    headers = {scheme.header.lower(): signature, scheme.time.lower(): stamp}
    with pytest.raises(UnsignedError, match="can't be read"):
        judged(vendor, headers, b"{}")


SENDGRIDS_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfS"
    "mpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)


def test_the_vector_of_sendgrids_own_library_passes() -> None:
    body = (
        b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":'
        b'"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","sg_message_id":'
        b'"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","smtp-id":'
        b'"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
    )
    headers = {
        "x-twilio-email-event-webhook-signature": (
            "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
        ),
        "x-twilio-email-event-webhook-timestamp": "1600112502",
    }
    at = datetime.fromtimestamp(1600112510, UTC)
    signed_as(Pushed("POST", "", {}, headers, body, at), SCHEMES["sendgrid"], SENDGRIDS_KEY)
    with pytest.raises(UnsignedError, match="is not right"):
        signed_as(Pushed("POST", "", {}, headers, body.rstrip(), at), SCHEMES["sendgrid"], SENDGRIDS_KEY)


P384 = ec.generate_private_key(ec.SECP384R1()).public_key()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "geen sleutel",
        "bm8ga2V5",
        base64.b64encode(P384.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode(),
    ],
)
def test_a_public_key_that_is_none_lets_nobody_in(key: str) -> None:
    with pytest.raises(ConfigurationError, match="the public key is none"):
        signed_as(Pushed("POST", "", {}, by_sendgrid(), BODY, NOW), SCHEMES["sendgrid"], key)


def test_hubspot_signs_the_address_and_the_method_too() -> None:
    for headers in (by_hubspot(address=ADDRESS + "/more"), by_hubspot(method="PUT")):
        with pytest.raises(UnsignedError):
            judged("hubspot", headers)
    with pytest.raises(ConfigurationError, match="`public_url`"):
        signed_as(Pushed("POST", "", {}, by_hubspot(), BODY, NOW), SCHEMES["hubspot"], "the secret")


def test_a_way_of_another_sender_is_told_in_its_parts() -> None:
    scheme = Scheme("X-Signature", "v0:{time}:{body}", encoding="hex", prefix="v0=", time="X-Time")
    stamp = str(int(NOW.timestamp()))
    signature = "v0=" + mac(f"v0:{stamp}:".encode() + BODY).hex()
    request = Pushed("POST", "", {}, {"x-signature": signature, "x-time": stamp}, BODY, NOW)
    signed_as(request, scheme, "the former secret", "the secret")
    with pytest.raises(ConfigurationError, match="is empty"):
        signed_as(request, scheme, "")
