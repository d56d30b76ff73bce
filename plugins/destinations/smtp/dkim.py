"""DKIM: a mail says which domain answers for it, signed (RFC 6376; Ed25519 keys by RFC 8463).

Header and body are taken in their relaxed form, so that a server on the way may fold lines and trim spaces. The moment
of the signature is that of the message, so that a mail which is sent again is the same to the last byte.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from plugins.destinations.smtp.config import DkimConfig

SIGNED = (
    b"from",
    b"to",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
"""The headers that are signed where they are there; `From` once more, so that nobody can add another."""

_SHORTEST = 1024
_SPACES = re.compile(rb"[ \t]+")
_TRAILING = re.compile(rb"[ \t]+(?=\r\n)")

Header = tuple[bytes, bytes]
Sign = Callable[[bytes], bytes]


class Signer:
    """Signs mails for one domain with one key."""

    def __init__(self, config: DkimConfig, domain: str, folder: Path) -> None:
        """Read the key. Raises ConfigurationError where it can't be used."""
        self._selector = config.selector.encode()
        self._domain = (config.domain or domain).encode("idna")
        self._algorithm, self._sign, self.published = _key(folder / config.key)

    @property
    def place(self) -> str:
        """Where the public key is published: the name of a TXT record."""
        return f"{self._selector.decode()}._domainkey.{self._domain.decode()}"

    def signed(self, mail: bytes, at: datetime) -> bytes:
        """Give the mail with its signature before it. Its lines end in CRLF."""
        head, _, body = mail.partition(b"\r\n\r\n")
        headers = _headers(head)
        names = [name for name in SIGNED if any(name == known for known, _ in headers)]
        listed = [*names, b"from"]
        parts = (
            b"v=1",
            b"a=" + self._algorithm,
            b"c=relaxed/relaxed",
            b"d=" + self._domain,
            b"s=" + self._selector,
            b"t=" + str(int(at.timestamp())).encode(),
            b"h=" + b":".join(listed),
            b"bh=" + b64encode(sha256(_relaxed_body(body)).digest()),
            b"b=",
        )
        unsigned = b" " + b";\r\n\t".join(parts)
        content = b"".join(_relaxed(*header) + b"\r\n" for header in _chosen(headers, listed))
        signature = b64encode(self._sign(content + _relaxed(b"dkim-signature", unsigned)))
        folded = b"\r\n\t".join(signature[start : start + 70] for start in range(0, len(signature), 70))
        return b"DKIM-Signature:" + unsigned + folded + b"\r\n" + mail


def _key(path: Path) -> tuple[bytes, Sign, str]:
    """Read a private key: its algorithm, how it signs, and what is published of it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(
            f"dkim: {path.name} is no private key (PEM, without a password): check `key`"
        ) from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signing = key
        public = key.public_key().public_bytes_raw()
        return b"ed25519-sha256", lambda content: signing.sign(sha256(content).digest()), _record("ed25519", public)
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _SHORTEST:
        raise ConfigurationError(f"dkim: {path.name} must hold an RSA key of 1024 bits or more, or an Ed25519 key")
    rsa_key = key
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = rsa_key.public_key().public_bytes(serialization.Encoding.DER, form)
    return (
        b"rsa-sha256",
        lambda content: rsa_key.sign(content, padding.PKCS1v15(), hashes.SHA256()),
        _record("rsa", public),
    )


def _record(kind: str, public: bytes) -> str:
    return f"v=DKIM1; k={kind}; p={b64encode(public).decode()}"


def _headers(head: bytes) -> list[Header]:
    """Split a header block into names, small, and values as they stand there."""
    found: list[Header] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and found:
            name, value = found[-1]
            found[-1] = (name, value + b"\r\n" + line)
        else:
            name, _, value = line.partition(b":")
            found.append((name.strip().lower(), value))
    return found


def _chosen(headers: Sequence[Header], names: Sequence[bytes]) -> list[Header]:
    """Give the headers in the order of their names; one that is named more often than it is there counts as nothing."""
    left = list(headers)
    found: list[Header] = []
    for name in names:
        place = next((place for place in reversed(range(len(left))) if left[place][0] == name), None)
        if place is not None:
            found.append(left.pop(place))
    return found


def _relaxed(name: bytes, value: bytes) -> bytes:
    return name + b":" + _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def _relaxed_body(body: bytes) -> bytes:
    lines = _TRAILING.sub(b"", body if body.endswith(b"\r\n") else body + b"\r\n")
    text = _SPACES.sub(b" ", lines)
    while text.endswith(b"\r\n\r\n"):
        text = text[:-2]
    return b"" if text == b"\r\n" else text
