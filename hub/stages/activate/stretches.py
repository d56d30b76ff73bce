"""Stretches: rows by their numbers, so many at a time, so that joining them takes little memory."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa


def stretches(
    number: sa.ColumnElement[int], first: int, last: int, rows: int, at_once: int, at_most: int
) -> Iterator[sa.ColumnElement[bool]]:
    """Give conditions that each let about `at_once` of `rows` rows through, and all of them once; `at_most` so many.

    The numbers run from `first` to `last`; the conditions at both ends are open. What is kept in the order of its
    numbers is looked through in part only; else every stretch is one more look, so there are never many.
    """
    parts = max(1, min(at_most, -(-rows // at_once), last - first + 1))
    bounds = [first + (last - first + 1) * part // parts for part in range(1, parts)]
    for start, end in zip([None, *bounds], [*bounds, None], strict=True):
        from_, to = start is None or number >= start, end is None or number < end
        yield sa.and_(sa.true(), *(it for it in (from_, to) if it is not True))
