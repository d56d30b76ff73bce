"""VERP: every mail has a return path of its own, so that a bounce says by its address alone which mail came back.

    bounces@miaoum.example -> bounces+5d41402abc4b2a76b9719d911017c592-1f2a6b7c9d0e@miaoum.example

Many servers send back neither the mail nor its Message-ID. The end is a keyed hash: nobody can make up a return path,
and report as undeliverable what never was.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable

_ID = re.compile(r"[A-Za-z0-9_]{1,40}")
_LONGEST_LOCAL = 64
_MARK = 12


class ReturnPaths:
    """The return paths of one connection: `address` with the message behind the sign that its server knows."""

    def __init__(self, address: str, sign: str, key: bytes) -> None:
        self._local, _, self._domain = address.rpartition("@")
        self._sign, self._key = sign, key
        before, behind = re.escape(f"{self._local}{sign}"), re.escape(self._domain)
        self._pattern = re.compile(
            rf"(?<![^\s<,;:]){before}([A-Za-z0-9_]{{1,40}})-([0-9a-f]{{{_MARK}}})@{behind}", re.I
        )

    def of(self, message_id: str) -> str:
        """Give the return path of a message; the plain address where its id does not fit into one."""
        local = f"{self._local}{self._sign}{message_id}-{self._mark(message_id)}"
        if not _ID.fullmatch(message_id) or len(local) > _LONGEST_LOCAL:
            return f"{self._local}@{self._domain}"
        return f"{local}@{self._domain}"

    def message_in(self, texts: Iterable[str]) -> str | None:
        """Find the message whose return path stands in one of the texts; what we did not write is none."""
        for text in texts:
            for message_id, mark in self._pattern.findall(text):
                if hmac.compare_digest(mark.lower(), self._mark(message_id)):
                    return str(message_id)
        return None

    def _mark(self, message_id: str) -> str:
        return hmac.digest(self._key, f"return path|{message_id}".encode(), "sha256").hex()[:_MARK]
