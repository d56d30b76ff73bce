"""What a source remembers of rows, so that the next run brings only what is new.

A cursor (`updated_at`) says where to go on, but rows at its last moment come again: a second may hold more rows than
were there when it was read. These rows are remembered by their whole content, so that a row that changed within the
same second counts as new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hub.errors import TemporaryError

_Row = TypeVar("_Row")

MANY = 5_000
"""Up to so many rows of one moment are remembered one by one; more are remembered together, by one digest."""


@dataclass(frozen=True)
class StopsHere:
    """What a resource yields last that can't go on now, and whose state says where it goes on.

    What came before it is kept, as if the list ended there, and the run fails with the error: an allowance that is used
    up within a long list does not start that list anew.
    """

    error: TemporaryError


def mark(row: Any) -> str:
    """Give a short hash of a row's whole content; the order of keys and empty values do not count."""
    if isinstance(row, dict):
        row = sorted((name, value) for name, value in row.items() if value is not None)
    return hashlib.blake2b(repr(row).encode(), digest_size=8).hexdigest()


def read_after(state: Mapping[str, Any]) -> datetime | None:
    """Give the moment from which on a run has to read, by what a `LookBack` keeps in `state`; None: all there is."""
    return datetime.fromisoformat(state["after"]) if "after" in state else None


class LookBack:
    """Where to go on in a system that shows a row later than the time with which it stamps it.

    Many stamp a row with the start of the transaction that writes it, and show it at its end: a row may appear with a
    time that has been read already. So each run begins `overlap` before the one before it, by the system's own clock,
    or at the last moment that was read where that is earlier: what comes late to a quiet system is not missed either.
    The rows from there on are remembered, so that none comes twice.
    """

    MOST = 50_000
    """So many rows of the stretch are remembered; where more were written, those beyond it come once more."""

    def __init__(self, state: dict[str, Any], clock: datetime, overlap: timedelta) -> None:
        """Take up what `state` keeps of the run before; `clock` is the system's, before anything is read."""
        self._state = state
        self._seen = frozenset(state.get("seen", ()))
        self._settled = (clock.astimezone(UTC) - overlap).replace(microsecond=0)
        self._remembered: list[str] = []
        self._last: datetime | None = None
        self._at_last: list[Any] = []

    @property
    def after(self) -> datetime | None:
        """From this moment on everything has to be read; None: all there is."""
        return read_after(self._state)

    def fresh(self, rows: Iterable[_Row], written: Callable[[_Row], datetime | None]) -> Sequence[_Row]:
        """Give the rows that did not come with the run before; rows without a time are always given."""
        found = []
        for row in rows:
            stamp = written(row)
            self._note(row, stamp)
            recent = stamp is not None and stamp >= self._settled
            if recent or (self._seen and stamp is not None):
                known = mark(row)
                if recent:
                    self._remembered.append(known)
                if known in self._seen:
                    continue
            found.append(row)
        return found

    def _note(self, row: Any, stamp: datetime | None) -> None:
        """Hold the rows of the last second that was read."""
        if stamp is None:
            return
        second = stamp.astimezone(UTC).replace(microsecond=0)
        if self._last is None or second > self._last:
            self._last, self._at_last = second, []
        if second == self._last and len(self._at_last) <= self.MOST:
            self._at_last.append(row)

    def keep(self) -> None:
        """Keep in the state where the next run goes on: once everything has been read. Nothing read changes nothing."""
        if self._last is None:
            return
        if self._last >= self._settled or len(self._at_last) > self.MOST:
            self._go_on(self._settled, self._remembered[: self.MOST])
        else:
            self._go_on(self._last, list(map(mark, self._at_last)))

    def keep_so_far(self) -> None:
        """Keep where a next run goes on with rows that come in the order of their times: not all have been read."""
        if self._last is not None:
            marks = {*self._seen, *self._remembered, *map(mark, self._at_last)}
            self._go_on(min(self._settled, self._last), sorted(marks)[: self.MOST])

    def _go_on(self, after: datetime, seen: Sequence[str]) -> None:
        self._state["after"] = max(after, self.after or after).isoformat()
        self._state["seen"] = sorted(seen)


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
