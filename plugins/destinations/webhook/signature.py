"""Standard Webhooks signatures (https://www.standardwebhooks.com, symmetric scheme v1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac


def signing_key(secret: str) -> bytes:
    """Read a secret of the form `whsec_` with 24 to 64 bytes in base64; ValueError says what is wrong with it."""
    if not secret.startswith("whsec_"):
        raise ValueError("a signing secret begins with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("a signing secret is base64 behind whsec_") from None
    if not 24 <= len(key) <= 64:
        raise ValueError("a signing secret holds 24 to 64 bytes")
    return key


def sign(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """Sign `id.timestamp.body`: `v1,` and the HMAC-SHA-256 in base64."""
    signed = b".".join((identity.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(signing_key(secret), signed, hashlib.sha256).digest()).decode()
