"""Sealed: what may not stand in the ledger in the clear, even for the minutes that it waits there.

AES-256-GCM, with a key that is derived from the project's own; each text is bound to its place, so that it can't be
put in another one.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12


def seal(key: bytes, text: bytes, place: str) -> bytes:
    """Encrypt a text for a place. Raises ConfigurationError without a key."""
    nonce = os.urandom(NONCE)
    return nonce + _cipher(key).encrypt(nonce, text, place.encode())


def unseal(keys: Sequence[bytes], sealed: bytes, place: str) -> bytes:
    """Decrypt what was sealed for a place with one of the keys: the present one, or one that it replaced.

    Raises ConfigurationError where none fits.
    """
    ciphers = [_cipher(key) for key in keys]
    from cryptography.exceptions import InvalidTag

    for cipher in ciphers:
        try:
            return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())
        except InvalidTag:
            continue
    raise ConfigurationError(
        "what waits in the ledger was sealed with another HUB_KEY: give that one in HUB_FORMER_KEYS until it is done"
    )


def _cipher(key: bytes) -> AESGCM:
    if not key:
        raise ConfigurationError("HUB_KEY is not set: what is pushed waits sealed, with a secret of your own")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hmac.digest(key, b"sealed 1", "sha256"))
