"""A mail that arrived where bounces are collected, as it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from hub.errors import RejectedError


@dataclass(frozen=True)
class Arrived:
    """`name` is its place, without its text; `at` when our own mail server took it in, where that is known.

    Of the content only the first `READ` bytes are read: reports say first what they have to say, and what a stranger
    sends must not cost much. Of a mail that is larger than `LARGEST` nothing is read.
    """

    LARGEST: ClassVar[int] = 5 * 1024 * 1024
    READ: ClassVar[int] = 256 * 1024

    name: str
    size: int
    at: datetime | None = None
    content: bytes = field(default=b"", repr=False)

    def must_be_readable(self) -> None:
        """Raise RejectedError for a mail that is too large, or empty."""
        if self.size > self.LARGEST:
            raise RejectedError(f"it is larger than {self.LARGEST // 1024**2} MiB")
        if not self.content:
            raise RejectedError("it is empty")
