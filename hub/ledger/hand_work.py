"""What people decided by hand: loads that they accept, rows mended or tried again, guards of syncs overridden.

Who, when and why; never a value of the data itself: the ledger holds no personal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from hub.errors import RejectedError
from hub.ledger import tables

Act = Literal["accept", "replay", "mend", "override", "readmit"]

table = tables.hand_work


@dataclass(frozen=True)
class HandWork:
    """One act: on a connection, up to or in which load package, and on what of it in words."""

    number: int
    act: Act
    connection: str
    load_id: str
    what: str
    by: str
    at: datetime
    why: str


class HandWorks:
    """The hand work of a ledger: each act is added, none is changed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, act: Act, connection: str, load_id: str, what: str, by: str, at: datetime, why: str) -> None:
        """Write an act down. Raises RejectedError without a reason."""
        if not why.strip():
            raise RejectedError("hand work needs a reason: say --why, for who reads it next year")
        row = {"act": act, "connection": connection, "load_id": load_id, "what": what, "by": by, "at": at, "why": why}
        with self._engine.begin() as session:
            session.execute(sa.insert(table).values(**row))

    def accepted(self) -> dict[str, str]:
        """Say per connection up to which load package a person accepted what came."""
        asked = sa.select(table.c.connection, table.c.load_id).where(table.c.act == "accept").order_by(table.c.number)
        with self._engine.begin() as session:
            return {row.connection: row.load_id for row in session.execute(asked)}

    def history(self) -> list[HandWork]:
        """Return every act, the first first."""
        with self._engine.begin() as session:
            return [HandWork(**row._mapping) for row in session.execute(sa.select(table).order_by(table.c.number))]
