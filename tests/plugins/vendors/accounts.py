"""Service accounts: their key files, and what a server reads in what they signed (RFC 7523)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EMAIL = "hub@shop.iam.gserviceaccount.com"


def key_file(path: Path, key: rsa.RSAPrivateKey, token_url: str, **others: Any) -> None:
    """Write a key file as Google gives it."""
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, form, plain).decode()
    said = {"type": "service_account", "client_email": EMAIL, "private_key_id": "k1", "private_key": pem}
    path.write_text(json.dumps({**said, "token_uri": token_url, **others}), encoding="utf-8")


def says(assertion: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """Read the claims of what was signed with a key; another key leaves them without a scope."""
    head, payload, signature = assertion.split(".")
    assert json.loads(_decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    try:
        key.public_key().verify(_decoded(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return {"scope": None}
    claims: dict[str, Any] = json.loads(_decoded(payload))
    return claims


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
