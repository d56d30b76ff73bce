"""What a source remembers of rows, so that the next run brings only what is new.

A cursor (`updated_at`) says where to go on, but rows at its last moment come again: a second may hold more rows than
were there when it was read. These rows are remembered by their whole content, so that a row that changed within the
same second counts as new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

MANY = 5_000
"""Up to so many rows of one moment are remembered one by one; more are remembered together, by one digest."""


def mark(row: Any) -> str:
    """Give a short hash of a row's whole content; the order of keys and empty values do not count."""
    if isinstance(row, dict):
        row = sorted((name, value) for name, value in row.items() if value is not None)
    return hashlib.blake2b(repr(row).encode(), digest_size=8).hexdigest()


class Digest:
    """Sums up rows in any order: two tables with the same rows have the same text."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0

    def add(self, rows: Iterable[Any]) -> None:
        """Count rows in."""
        for row in rows:
            self._count += 1
            self._sum += int(mark(row), 16)

    def __str__(self) -> str:
        return f"{self._count}:{self._sum % 2**64:x}"


class Moment:
    """The rows of one moment: one by one while they are few, by their digest when they are many."""

    def __init__(self) -> None:
        self._few: list[Any] = []
        self._all: Digest | None = None

    def add(self, rows: Iterable[Any]) -> None:
        """Take rows in."""
        self._few.extend(rows)
        if self._all is None and len(self._few) > MANY:
            self._all = Digest()
        if self._all is not None:
            self._all.add(self._few)
            self._few = []

    def remembered(self) -> dict[str, Any]:
        """Give what to keep in the state: `seen`, the marks of the rows, or `digest`, where they are many."""
        if self._all is not None:
            return {"digest": str(self._all)}
        return {"seen": sorted({mark(row) for row in self._few})}
