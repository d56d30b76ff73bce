"""What each stage has seen, so that a run without news does no work.

A stage remembers a fingerprint of everything its result depends on: the data (the fingerprint of the stage before
it), the configuration it reads, the calendar day if days matter. The same fingerprint means the same result.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa

from hub.warehouse.warehouse import Transaction


def fingerprint(*parts: object) -> str:
    """Name a combination of values."""
    return sha256("\x1f".join(repr(part) for part in parts).encode()).hexdigest()[:24]


def seen(transaction: Transaction, stage: str) -> str | None:
    """Return the fingerprint that a stage remembered, or None."""
    state = transaction.table("stage_state")
    found: str | None = transaction.scalar(sa.select(state.c.fingerprint).where(state.c.stage == stage))
    return found


def remember(transaction: Transaction, stage: str, mark: str, as_of: datetime) -> None:
    """Keep the fingerprint of a stage, in the transaction that made it true."""
    state = transaction.table("stage_state")
    transaction.execute(sa.delete(state).where(state.c.stage == stage))
    transaction.execute(sa.insert(state).values(stage=stage, fingerprint=mark, at=as_of))
