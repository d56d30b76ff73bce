"""Span: from which moment until which a computed result holds, when its data stay as they are.

Facts with a time after the as-of moment do not count yet. A result therefore holds until the first of those: a run
without news before that has nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from hub.warehouse import Transaction

FOREVER = datetime.max.replace(tzinfo=UTC)


def still_holds(remembered: str | None, mark: str, as_of: datetime) -> bool:
    """Say whether what was `remembered` (see `remembered_as`) is the result of `mark` at this moment too."""
    if remembered is None or not remembered.startswith(f"{mark} "):
        return False
    start, end = (datetime.fromisoformat(moment) for moment in remembered.split(" ")[1:])
    return start <= as_of < end


def remembered_as(mark: str, as_of: datetime, end: datetime) -> str:
    """Write a fingerprint with the span in which it holds."""
    return f"{mark} {as_of.isoformat()} {end.isoformat()}"


def next_moment(transaction: Transaction, times: Iterable[sa.ColumnElement[datetime]], as_of: datetime) -> datetime:
    """Give the first moment after this one among columns of times, or one that never comes."""
    found = [transaction.scalar(sa.select(sa.func.min(time)).where(time > as_of)) for time in times]
    return min((moment for moment in found if moment is not None), default=FOREVER)
