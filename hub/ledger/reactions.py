"""Which reactions have been applied: each counts once, however often and in whatever order it comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.upsert import insert_new

CHUNK = 400

Load = tuple[str, str, str]
"""Connection, load package, type of event."""


@dataclass(frozen=True)
class Reaction:
    """One event about one message, as it was applied. `address` is the keyed hash of the address written to."""

    connection: str
    source_key: str
    type: str
    at: datetime | None
    message_id: str | None = None
    address: str | None = None
    code: str | None = None


class Reactions:
    """The applied reactions of a ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def loads(self) -> dict[Load, int]:
        """Return how many events of each load and type have been applied."""
        table = tables.applied_load
        with self._engine.begin() as connection:
            return {(row.connection, row.load_id, row.type): row.events for row in connection.execute(sa.select(table))}

    def finish(self, loads: Mapping[Load, int]) -> None:
        """Remember that loads have been applied, with their number of events; only these are looked at again."""
        table = tables.applied_load
        with self._engine.begin() as connection:
            connection.execute(sa.delete(table))
            rows = [
                {"connection": name, "load_id": load, "type": type_, "events": events}
                for (name, load, type_), events in loads.items()
            ]
            insert_new(connection, table, rows)

    def applied(self, connection_name: str, keys: Sequence[str]) -> set[str]:
        """Return which events of a connection have been applied already."""
        table = tables.applied_reaction
        found: set[str] = set()
        with self._engine.begin() as connection:
            for start in range(0, len(keys), CHUNK):
                chunk = list(keys[start : start + CHUNK])
                found.update(
                    connection.execute(
                        sa.select(table.c.source_key).where(
                            table.c.connection == connection_name, table.c.source_key.in_(chunk)
                        )
                    ).scalars()
                )
        return found

    def add(self, reactions: Sequence[Reaction]) -> None:
        """Remember reactions as applied."""
        with self._engine.begin() as connection:
            insert_new(connection, tables.applied_reaction, [vars(reaction) for reaction in reactions])

    def soft_bounces(self, addresses: Sequence[str], since: datetime, until: datetime) -> dict[str, int]:
        """Count the soft bounces of addresses (keyed hashes) after `since`, up to and including `until`."""
        table = tables.applied_reaction
        wanted = sorted(set(addresses))
        found: dict[str, int] = {}
        with self._engine.begin() as connection:
            for start in range(0, len(wanted), CHUNK):
                counted = (
                    sa.select(table.c.address, sa.func.count())
                    .where(
                        table.c.address.in_(wanted[start : start + CHUNK]),
                        table.c.type == "soft_bounced",
                        table.c.at > since,
                        table.c.at <= until,
                    )
                    .group_by(table.c.address)
                )
                found.update({row[0]: row[1] for row in connection.execute(counted)})
        return found
