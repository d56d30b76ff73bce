"""Who pushed: how the gateways and providers of text messages sign, judged before anything is read.

address      they can't sign: the address ends in a secret
hmac         a header holds the HMAC-SHA-256 of the body
twilio       X-Twilio-Signature: HMAC-SHA1 over the full address and the sorted fields of the form, in base64
messagebird  MessageBird-Signature-JWT: a token that names hashes of the full address and of the body, and its time
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from hashlib import sha1, sha256
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

from hub.contracts import Pushed
from hub.errors import UnsignedError
from hub.incoming import TOLERANCE, secret_path, signed_body
from plugins.destinations.sms_http.pushes import PushesConfig

_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def judge(request: Pushed, config: PushesConfig, address: str) -> None:
    """Verify who sent a push to `address`, which is without its query. Raises UnsignedError."""
    secret = config.secret.get_secret_value()
    match config.signed:
        case "address":
            secret_path(request, secret)
        case "hmac":
            signed_body(request, config.header or "", secret, encoding=config.encoding, prefix=config.prefix)
        case "twilio":
            _twilio(request, secret, address)
        case "messagebird":
            _messagebird(request, secret, address)


def _twilio(request: Pushed, secret: str, address: str) -> None:
    given = request.headers.get("x-twilio-signature", "")
    fields = _form(request)
    written = "".join(f"{name}{value}" for name, value in sorted(fields))
    for query in _queries(request.query):
        expected = b64encode(hmac.digest(secret.encode(), f"{address}{query}{written}".encode(), sha1)).decode()
        if hmac.compare_digest(given.encode(), expected.encode()):
            return
    raise UnsignedError(f"X-Twilio-Signature is not right, or not there: is {address} the address that Twilio calls?")


def _form(request: Pushed) -> list[tuple[str, str]]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return []
    return parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)


def _messagebird(request: Pushed, secret: str, address: str) -> None:
    claims = _claims(request.headers.get("messagebird-signature-jwt", ""), secret)
    now, grace = request.received_at.timestamp(), TOLERANCE.total_seconds()
    if (
        claims.get("iss") != "MessageBird"
        or not _number(claims, "nbf") - grace <= now <= _number(claims, "exp") + grace
    ):
        raise UnsignedError("the token of MessageBird is too old, from the future, or not theirs")
    urls = [sha256(f"{address}{query}".encode()).hexdigest() for query in _queries(request.query)]
    if claims.get("url_hash") not in urls:
        raise UnsignedError(f"the token is for another address: is {address} the one that MessageBird calls?")
    body = sha256(request.body).hexdigest() if request.body else None
    if claims.get("payload_hash") != body:
        raise UnsignedError("the token is for another body")


def _claims(token: str, secret: str) -> Mapping[str, Any]:
    head, _, rest = token.partition(".")
    payload, _, signature = rest.partition(".")
    try:
        algorithm = _HASHES[json.loads(_decoded(head))["alg"]]
        expected = hmac.digest(secret.encode(), f"{head}.{payload}".encode(), algorithm)
        if hmac.compare_digest(_decoded(signature), expected):
            claims = json.loads(_decoded(payload))
            return claims if isinstance(claims, dict) else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnsignedError("MessageBird-Signature-JWT can't be read, or is not there") from None
    raise UnsignedError("MessageBird-Signature-JWT is not right: is the secret the signing key of the account?")


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if not isinstance(value, int | float):
        raise UnsignedError(f"the token of MessageBird has no {name}")
    return value


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _queries(query: Mapping[str, str]) -> tuple[str, ...]:
    """Write a query as its sender may have written it: a space is + or %20."""
    if not query:
        return ("",)
    return tuple(f"?{urlencode(query, quote_via=how)}" for how in (quote_plus, quote))
