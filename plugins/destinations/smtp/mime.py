"""Mime: a mail as bytes, the same as `EmailMessage` writes them.

The standard library parses a header when it is set and again when it is written, also those that are the same in every
mail: that took more than all else. Here a header that is plain and short is written as it is; all others
are left to the library, and so is every encoding.
"""

from __future__ import annotations

from collections.abc import Iterable
from email import policy, quoprimime
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from functools import cache
from typing import Any

NEVER_FOLDED = ("list-unsubscribe", "list-unsubscribe-post")
"""The folding of the standard library would encode a long URL (RFC 2047)."""

ENCODED_WORD = "=?"


class _OneLineHeader(UnstructuredHeader):
    """A header that is never folded."""

    max_count = 1

    def fold(self, *, policy: policy.Policy) -> str:
        """Write the header on one line."""
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]


class _Registry(HeaderRegistry):
    """The library's, which would make the class of a header again for each one."""

    @cache  # noqa: B019 (there is one registry, and it stays)
    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name)


_registry = _Registry()
for _name in NEVER_FOLDED:
    # The stubs ask for a BaseHeader; the registry mixes that in itself.
    _registry.map_to_type(_name, _OneLineHeader)  # type: ignore[arg-type]

ASCII = policy.SMTP.clone(header_factory=_registry)
UTF8 = ASCII.clone(utf8=True)
"""For addresses with letters outside ASCII (RFC 6532)."""


def head(headers: Iterable[tuple[str, str | Address]], rules: policy.EmailPolicy[Any]) -> bytes:
    """Write headers in their order. Raises ValueError for a line break, which would begin another header."""
    return b"".join(_header(name, value, rules) for name, value in headers)


def body(text: str, html: str, boundary: str) -> bytes:
    """Write what follows the head of a mail: a text, an HTML part, or both as alternatives."""
    version = b"MIME-Version: 1.0\r\n"
    if not (text and html):
        return _part(text or html, "plain" if text else "html", version)
    edge = b"\r\n--" + boundary.encode()
    alternatives = b'Content-Type: multipart/alternative;\r\n boundary="%s"\r\n' % boundary.encode()
    parts = (_part(text, "plain"), _part(html, "html", version))
    return version + alternatives + b"".join(edge + b"\r\n" + part for part in parts) + edge + b"--\r\n"


def _header(name: str, value: str | Address, rules: policy.EmailPolicy[Any]) -> bytes:
    text = str(value)
    line = f"{name}: {text}"
    if text == text.strip() and _is_plain(text) and len(line) <= (rules.max_line_length or 0):
        return line.encode() + b"\r\n"
    return rules.fold_binary(*rules.header_store_parse(name, value))


def _is_plain(text: str) -> bool:
    """Say that every reader takes a text as it stands: ASCII without line breaks and without an encoded word."""
    return text.isascii() and text.isprintable() and ENCODED_WORD not in text


def _part(text: str, subtype: str, more: bytes = b"") -> bytes:
    lines = b"\n".join(text.encode().splitlines()) + b"\n"
    encoded = quoprimime.body_encode(lines.decode("latin-1"), ASCII.max_line_length or 0, "\r\n")
    head = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n'
    return head % subtype.encode() + more + b"\r\n" + encoded.encode("ascii")
