"""Incoming pushes: how a plugin's `webhook` tells who sent one, and reads it.

    def webhook(self, request: Pushed) -> Received:
        id = standard_webhook(request, self.config.secret.get_secret_value())
        order = json_object(request)
        return Received(id, {"orders": [order]})

Every comparison takes as long for a signature that is nearly right as for one that is not.
"""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any, Literal

from hub.contracts import Pushed
from hub.errors import ConfigurationError, RejectedError, UnsignedError

TOLERANCE = timedelta(minutes=5)
"""How far the time of a signature may be from our clock, in both directions."""

REFUSALS = "hub_refusals"
"""The raw table of people who want no more of a channel. The hub suppresses their addresses before it answers the push,
and withdraws their consent for the channel when the rows have landed; a plugin makes them with `refusal`."""

LONGEST_STAMP = 12
PREFIX = "whsec_"


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
    given = request.headers.get(header.lower(), "")
    expected = [prefix + _digest(_text_key(secret), request.body, encoding) for secret in secrets]
    if not _any_matches([given], expected):
        raise UnsignedError(f"the signature in the header {header} is not right, or not there")


def secret_path(request: Pushed, *secrets: str) -> None:
    """Verify that the address ends in a secret (`/in/<connection>/<secret>`), for senders that can't sign."""
    if not _any_matches([request.path], [_text_key(secret).decode() for secret in secrets]):
        raise UnsignedError("the address does not end in the secret of this connection")


def within(request: Pushed, stamp: str, tolerance: timedelta = TOLERANCE) -> None:
    """Verify that a signature's time (seconds since 1970) is near our clock. Raises UnsignedError."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= LONGEST_STAMP):
        raise UnsignedError("the time of the signature is no number of seconds")
    apart = abs(request.received_at.timestamp() - int(stamp))
    if apart > tolerance.total_seconds():
        raise UnsignedError(f"the signature is {apart:.0f} seconds from our clock, which is too far")


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
