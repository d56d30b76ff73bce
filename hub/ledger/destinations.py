"""Destinations: how each is doing, so that one that is in trouble is left alone by every run, and told about once.

A destination that takes nothing is left alone for a while that doubles with every failed trial, or for as long as it
asked for. Then one sender tries one message: taken, all go on; not taken, it is left alone again. (A circuit breaker:
no row here is closed, a row before `until` open, one after it half-open.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.senders import Senders
from hub.ledger.upsert import insert_new

Trouble = Literal["later", "unknown", "configuration", "broken", "missing", "limit", "asked"]

IN_WORDS: dict[Trouble, str] = {
    "later": "takes nothing now",
    "unknown": "gives no answer",
    "configuration": "its configuration needs mending",
    "broken": "its plugin breaks off",
    "missing": "is not in the project",
    "limit": "its rate is used up",
    "asked": "asked to be left alone",
}
"""What a trouble means to an operator."""

LONGEST = timedelta(hours=24)
"""No destination is left alone for longer: what is further away was written before the clock was set back."""

table = tables.destination


@dataclass(frozen=True)
class Health:
    """A destination in trouble: why, since when, and until when it is left alone."""

    connection: str
    trouble: Trouble
    reason: str
    failures: int
    since: datetime
    until: datetime

    @property
    def told(self) -> str:
        """Say what is wrong with it, and since when."""
        words = IN_WORDS[self.trouble]
        reason = self.reason.removeprefix(f"{words}: ")
        return f"{self.connection} {words} since {self.since:%Y-%m-%d %H:%M}: {reason}"


class Destinations:
    """How the destinations of a ledger are doing."""

    def __init__(self, engine: sa.Engine, senders: Senders) -> None:
        self._engine = engine
        self._senders = senders

    def in_trouble(self) -> list[Health]:
        """Return the destinations that are in trouble, by name."""
        columns = [table.c[name] for name in Health.__dataclass_fields__]
        with self._engine.begin() as connection:
            return [Health(**row._mapping) for row in connection.execute(sa.select(*columns).order_by(columns[0]))]

    def may_send(self, connection_name: str, sender: str, now: datetime) -> Literal["yes", "no", "one"]:
        """Say whether a sender may send: all, nothing, or one call as a trial, which only one sender gets."""
        with self._engine.begin() as connection:
            mine = table.c.connection == connection_name
            row = connection.execute(sa.select(table.c.until, table.c.tried_by).where(mine).with_for_update()).first()
            if row is None:
                return "yes"
            if now < row.until <= now + LONGEST:
                return "no"
            if row.tried_by not in (None, sender) and not self._senders.gone([row.tried_by]):
                return "no"
            connection.execute(sa.update(table).where(mine).values(tried_by=sender))
        return "one"

    def fails(self, connection_name: str, trouble: Trouble, reason: str, until: datetime, now: datetime) -> bool:
        """Write down that a destination is in trouble; say whether that is news.

        The same trouble again is none, whatever its words.
        """
        told = {"trouble": trouble, "reason": reason, "until": until, "tried_by": None}
        mine = table.c.connection == connection_name
        with self._engine.begin() as connection:
            first = {"connection": connection_name, "failures": 0, "since": now, **told, "trouble": ""}
            insert_new(connection, table, [first])
            known = connection.execute(sa.select(table.c.trouble).where(mine).with_for_update()).scalar_one()
            begins = {"since": now, "failures": 1} if known != trouble else {"failures": table.c.failures + 1}
            connection.execute(sa.update(table).where(mine).values(**begins, **told))
        return bool(known != trouble)

    def recovers(self, connection_name: str) -> bool:
        """Write down that a destination takes messages; say whether that is news."""
        with self._engine.begin() as connection:
            gone = connection.execute(sa.delete(table).where(table.c.connection == connection_name))
        return gone.rowcount > 0

    def failures(self, connection_name: str) -> int:
        """Return how often in a row a destination failed."""
        asked = sa.select(table.c.failures).where(table.c.connection == connection_name)
        with self._engine.begin() as connection:
            return connection.execute(asked).scalar() or 0
