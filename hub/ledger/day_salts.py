"""The salt of the day: with it visitors are told apart until midnight, and by nobody afterwards.

All servers of a ledger use the same one. When a new day begins the former one is thrown away: no hash that was made
with it can be compared with another any more, by us neither.
"""

from __future__ import annotations

import os
from datetime import date

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.upsert import insert_new

BYTES = 32

table = tables.day_salt


class DaySalts:
    """The salts of a ledger: there is never more than one, but around midnight."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, day: date) -> bytes:
        """Give the salt of a day, and throw those of the days before it away."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.day < day))
            insert_new(connection, table, [{"day": day, "salt": os.urandom(BYTES)}])
            return bytes(connection.execute(sa.select(table.c.salt).where(table.c.day == day)).scalar_one())
