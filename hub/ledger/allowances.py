"""Allowances: how much of a destination's rates is used up, by all senders together and over restarts.

Each rate counts what went in small parts of its time. What may go now is the number less what went in the parts that
the last stretch of that length touches: never more than the number in any stretch, a calendar day included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.upsert import insert_new
from hub.units import Rate

PARTS = 48
"""Into so many parts the time of a rate is cut: what went in one of them comes free at once."""

table = tables.allowance


@dataclass(frozen=True)
class Grant:
    """So many may go now; where that is none, `wait` says after how many seconds to ask again."""

    number: int
    wait: float = 0.0


class Allowances:
    """The allowances of a ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def take(self, connection_name: str, rates: Sequence[Rate], wanted: int, now: float) -> Grant:
        """Take up to `wanted` at a moment (seconds of the real clock), by all rates at once.

        What is counted in the future was counted before the clock was set back: it counts no more.
        """
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                lock = sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"allowance {connection_name}"))
                connection.execute(sa.select(lock))
            grants = [_left(connection, connection_name, rate, wanted, now) for rate in rates]
            number = min(grant.number for grant in grants)
            if number:
                for rate in rates:
                    _count(connection, connection_name, rate, number, now)
        return Grant(number, max(grant.wait for grant in grants))


def _left(connection: sa.Connection, connection_name: str, rate: Rate, wanted: int, now: float) -> Grant:
    """Say how many of `wanted` a rate leaves."""
    mine = sa.and_(table.c.connection == connection_name, table.c.seconds == rate.seconds)
    part = _part(rate, now)
    over = sa.or_(table.c.part < part - PARTS, table.c.part > part)
    connection.execute(sa.delete(table).where(mine, over))
    used = {row.part: row.number for row in connection.execute(sa.select(table.c.part, table.c.number).where(mine))}
    left = rate.number - sum(used.values())
    if left > 0:
        return Grant(min(wanted, left))
    free_at = (min(used) + PARTS + 1) * rate.seconds / PARTS
    return Grant(0, max(0.0, free_at - now))


def _count(connection: sa.Connection, connection_name: str, rate: Rate, number: int, now: float) -> None:
    key = {"connection": connection_name, "seconds": rate.seconds, "part": _part(rate, now)}
    insert_new(connection, table, [{**key, "number": 0}])
    mine = sa.and_(*(table.c[name] == value for name, value in key.items()))
    connection.execute(sa.update(table).where(mine).values(number=table.c.number + number))


def _part(rate: Rate, now: float) -> int:
    return math.floor(now * PARTS / rate.seconds)
