"""Incoming pushes: how a plugin's `webhook` tells who sent one, and reads it.

    def webhook(self, request: Pushed) -> Received:
        id = standard_webhook(request, self.config.secret.get_secret_value())
        order = json_object(request)
        return Received(id, {"orders": [order]})

Vendors sign in ways of their own. `SCHEMES` has them by name, as each vendor published them:

    signed_as(request, SCHEMES["zendesk"], self.config.secret.get_secret_value())

Every comparison takes as long for a signature that is nearly right as for one that is not.
"""

from __future__ import annotations

import binascii
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from hub.contracts import Pushed
from hub.errors import ConfigurationError, RejectedError, UnsignedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

TOLERANCE = timedelta(minutes=5)
"""How far the time of a signature may be from our clock, in both directions."""

REFUSALS = "hub_refusals"
"""The raw table of people who want no more of a channel. The hub suppresses their addresses before it answers the push,
and withdraws their consent for the channel when the rows have landed; a plugin makes them with `refusal`."""

LONGEST_STAMP = 15
PREFIX = "whsec_"

Clock = Literal["seconds", "milliseconds", "iso", "http"]
"""How a sender writes a time: seconds or milliseconds since 1970, ISO 8601, or as HTTP writes dates."""

UNSAID = timedelta(days=1)
"""How far a signature's time may be off where its vendor publishes no limit: longer than anybody repeats a push, and
much shorter than the hub knows the ids of those that it had."""


@dataclass(frozen=True)
class Scheme:
    """How a sender signs: the header `header` holds the HMAC-SHA-256 of `over`, or its signature by ECDSA.

    With ECDSA (P-256, SHA-256) the secret is the sender's public key, in base64 (DER): only the sender can sign.

    In `over` stand {method}, {url} (the whole address), {body}, and {time}: what the header `time` says, to the letter.
    """

    header: str
    over: str = "{body}"
    encoding: Literal["base64", "hex"] = "base64"
    prefix: str = ""
    time: str = ""
    clock: Clock = "seconds"
    tolerance: timedelta = TOLERANCE
    algorithm: Literal["hmac", "ecdsa"] = "hmac"


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "hubspot": Scheme(
            "X-HubSpot-Signature-v3",
            "{method}{url}{body}{time}",
            time="X-HubSpot-Request-Timestamp",
            clock="milliseconds",
        ),
        "klaviyo": Scheme(
            "Klaviyo-Signature",
            "{body}{time}",
            encoding="hex",
            time="Klaviyo-Timestamp",
            clock="http",
            tolerance=UNSAID,
        ),
        "sendgrid": Scheme(
            "X-Twilio-Email-Event-Webhook-Signature",
            "{time}{body}",
            time="X-Twilio-Email-Event-Webhook-Timestamp",
            tolerance=UNSAID,
            algorithm="ecdsa",
        ),
        "shopify": Scheme("X-Shopify-Hmac-Sha256"),
        "typeform": Scheme("Typeform-Signature", prefix="sha256="),
        "woocommerce": Scheme("X-WC-Webhook-Signature"),
        "zendesk": Scheme(
            "X-Zendesk-Webhook-Signature",
            "{time}{body}",
            time="X-Zendesk-Webhook-Signature-Timestamp",
            clock="iso",
            tolerance=UNSAID,
        ),
    }
)
"""How vendors sign, by their documentation of November 2026."""


def standard_webhook(request: Pushed, *secrets: str) -> str:
    """Verify a push by Standard Webhooks and give its id (`webhook-id`).

    One of the space-separated signatures must be by one of the secrets (the present one and, while it is being
    replaced, the one before). Raises UnsignedError, and ConfigurationError for a secret that is no base64.
    """
    id_, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    given = request.headers.get("webhook-signature", "").split()
    if not (id_ and stamp and given):
        raise UnsignedError("the headers webhook-id, webhook-timestamp and webhook-signature must be there")
    signed = f"{id_}.{stamp}.".encode() + request.body
    expected = [f"v1,{_digest(_standard_key(secret), signed, 'base64')}" for secret in secrets]
    if not _any_matches(given, expected):
        raise UnsignedError("no signature is right: is the secret of this connection the one of the sender?")
    within(request, stamp)
    return id_


def signed_body(
    request: Pushed, header: str, *secrets: str, encoding: Literal["base64", "hex"] = "base64", prefix: str = ""
) -> None:
    """Verify that a header holds the HMAC-SHA-256 of the body (Shopify, WooCommerce: base64). Raises UnsignedError."""
    signed_as(request, Scheme(header, encoding=encoding, prefix=prefix), *secrets)


def signed_as(request: Pushed, scheme: Scheme, *secrets: str, address: str = "") -> None:
    """Verify a push by a scheme; `address` is where it was sent, for a scheme that signs that too.

    Raises UnsignedError, and ConfigurationError where the scheme needs an address and there is none.
    """
    if "{url}" in scheme.over and not address:
        raise ConfigurationError("the sender signs its address: say in `public_url` where the world reaches the hub")
    stamp = request.headers.get(scheme.time.lower(), "") if scheme.time else ""
    values = {"method": request.method.encode(), "url": address.encode(), "body": request.body, "time": stamp.encode()}
    parts = re.split(r"\{(method|url|body|time)\}", scheme.over)
    signed = b"".join(values[part] if place % 2 else part.encode() for place, part in enumerate(parts))
    given = request.headers.get(scheme.header.lower(), "")
    if scheme.algorithm == "ecdsa":
        signature = given.removeprefix(scheme.prefix)
        right = any(_is_signed_by(public_key(key), signature, signed, scheme.encoding) for key in secrets)
    else:
        expected = [scheme.prefix + _digest(_text_key(secret), signed, scheme.encoding) for secret in secrets]
        right = _any_matches([given], expected)
    if not right:
        raise UnsignedError(f"the signature in the header {scheme.header} is not right, or not there")
    if scheme.time:
        within(request, stamp, scheme.tolerance, scheme.clock)


@cache
def public_key(text: str) -> EllipticCurvePublicKey:
    """Read a sender's public key (P-256, base64 of its DER). Raises ConfigurationError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigurationError("the public key is none: it is one of P-256 in base64, as the sender shows it")
    return key


def _is_signed_by(key: EllipticCurvePublicKey, given: str, signed: bytes, encoding: Literal["base64", "hex"]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        signature = b64decode(given, validate=True) if encoding == "base64" else bytes.fromhex(given)
        key.verify(signature, signed, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def secret_path(request: Pushed, *secrets: str) -> None:
    """Verify that the address ends in a secret (`/in/<connection>/<secret>`), for senders that can't sign."""
    if not _any_matches([request.path], [_text_key(secret).decode() for secret in secrets]):
        raise UnsignedError("the address does not end in the secret of this connection")


def within(request: Pushed, stamp: str, tolerance: timedelta = TOLERANCE, clock: Clock = "seconds") -> None:
    """Verify that a signature's time is near our clock. Raises UnsignedError."""
    apart = abs((request.received_at - _moment(stamp, clock)).total_seconds())
    if apart > tolerance.total_seconds():
        raise UnsignedError(f"the signature is {apart:.0f} seconds from our clock, which is too far")


def _moment(stamp: str, clock: Clock) -> datetime:
    """Read a time as a sender writes it; one without a zone is UTC. Raises UnsignedError."""
    try:
        if clock == "iso":
            found = datetime.fromisoformat(stamp)
        elif clock == "http":
            found = parsedate_to_datetime(stamp)
        else:
            found = datetime.fromtimestamp(_number(stamp) / (1000 if clock == "milliseconds" else 1), UTC)
    except (ValueError, OverflowError, OSError):
        raise UnsignedError(f"the time of the signature can't be read ({_WRITTEN[clock]})") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(stamp: str) -> int:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= LONGEST_STAMP):
        raise ValueError
    return int(stamp)


_WRITTEN = {
    "seconds": "it is no number of seconds",
    "milliseconds": "it is no number of milliseconds",
    "iso": "it is not in ISO 8601",
    "http": "it is no date of HTTP",
}


def refusal(channel: Literal["email", "sms"], address: str, at: str) -> dict[str, Any]:
    """Give a row of REFUSALS: an e-mail address, or a telephone number in E.164, and when its owner refused."""
    return {"channel": channel, "address": address, "at": at}


def json_object(request: Pushed) -> dict[str, Any]:
    """Read the body as a JSON object. Raises RejectedError."""
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        raise RejectedError("the body is no JSON") from None
    if not isinstance(value, dict):
        raise RejectedError("the body is no JSON object")
    return value


def _any_matches(given: list[str], expected: list[str]) -> bool:
    found = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in expected]
    return any(found)


def _digest(key: bytes, content: bytes, encoding: Literal["base64", "hex"]) -> str:
    digest = hmac.digest(key, content, "sha256")
    return b64encode(digest).decode() if encoding == "base64" else digest.hex()


def _text_key(secret: str) -> bytes:
    if not secret:
        raise ConfigurationError("a secret of this connection is empty: everybody could push")
    return secret.encode()


def _standard_key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ConfigurationError("the signing secret is none: it is whsec_ and base64, as the sender shows it")
    return key
