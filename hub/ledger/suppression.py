"""Who must not be written to any more: keyed hashes of addresses, never the addresses.

A hash can be compared, and can't be turned back without the key, which is kept outside the database. So a
suppression survives the erasure of everything else about a person, and a re-import does not bring the person back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.ledger import tables
from hub.ledger.upsert import insert_new

if TYPE_CHECKING:
    from hashlib import _Hash

EVERYTHING = "all"
"""The purpose of a suppression that stops service messages too: the address does not exist."""

UNSUBSCRIBED = "unsubscribed"
"""The reason of a suppression that a newer consent lifts."""

CHUNK = 500


def hashed(key: bytes, channel: str, identifier: str) -> str:
    """Return HMAC-SHA-256(key, channel | normalised identifier) as hex; ConfigurationError without a key."""
    if not key:
        raise ConfigurationError("HUB_KEY is not set: suppressions and unsubscribe links need a secret of your own")
    inner, outer = (begun.copy() for begun in _begun(key))
    inner.update(f"{channel}|{identifier}".encode())
    outer.update(inner.digest())
    return outer.hexdigest()


@lru_cache(maxsize=16)
def _begun(key: bytes) -> tuple[_Hash, _Hash]:
    """Begin the two hashes of HMAC (RFC 2104) with the key, once: that is two thirds of what an address takes."""
    size = sha256().block_size
    padded = (sha256(key).digest() if len(key) > size else key).ljust(size, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in padded)), sha256(bytes(byte ^ 0x5C for byte in padded))


@dataclass(frozen=True)
class Suppression:
    """One address that is not written to: for a purpose, or for all of them."""

    hash: str
    purpose: str
    reason: str
    source: str
    at: datetime

    def stops(self, purpose: str, given_at: datetime | None) -> bool:
        """Say whether it stops a message of a purpose to somebody whose consent is from `given_at`.

        An unsubscribe ends with a newer yes from the person; a complaint and an address that does not exist do not.
        """
        if self.purpose not in (EVERYTHING, purpose):
            return False
        return not (self.reason == UNSUBSCRIBED and given_at is not None and given_at > self.at)


class Suppressions:
    """The suppressed addresses of a ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, suppressions: Sequence[Suppression]) -> int:
        """Suppress addresses; return how many were not suppressed for that purpose yet.

        One that was keeps the strongest reason: a complaint goes before an unsubscribe, then the newest counts.
        """
        wanted = {(entry.hash, entry.purpose): entry for entry in sorted(suppressions, key=_weight)}
        known = self.among(entry.hash for entry in suppressions)
        held = {(entry.hash, entry.purpose): entry for entries in known.values() for entry in entries}
        fresh = [entry for key, entry in wanted.items() if key not in held]
        stronger = [entry for key, entry in wanted.items() if key in held and _weight(entry) > _weight(held[key])]
        table = tables.suppression
        with self._engine.begin() as connection:
            insert_new(connection, table, [vars(entry) for entry in fresh])
            for entry in stronger:
                connection.execute(
                    sa.update(table)
                    .where(table.c.hash == entry.hash, table.c.purpose == entry.purpose)
                    .values(reason=entry.reason, source=entry.source, at=entry.at)
                )
        return len(fresh)

    def lift(self, hashes: Iterable[str], reason: str) -> None:
        """Suppress addresses no more that were suppressed for a reason; those with another one stay so."""
        table = tables.suppression
        with self._engine.begin() as connection:
            known = sa.and_(table.c.hash.in_(list(hashes)), table.c.reason == reason)
            connection.execute(sa.delete(table).where(known))

    def among(self, hashes: Iterable[str]) -> dict[str, list[Suppression]]:
        """Return the suppressions of those hashes that have any."""
        table = tables.suppression
        wanted = set(hashes)
        if len(wanted) > CHUNK:  # it is cheaper to look through all that there are
            return {mark: entries for mark, entries in self.everything().items() if mark in wanted}
        found: dict[str, list[Suppression]] = {}
        with self._engine.begin() as connection:
            asked = sa.select(table).where(table.c.hash.in_(wanted)).order_by(table.c.hash, table.c.purpose)
            for row in connection.execute(asked):
                found.setdefault(row.hash, []).append(Suppression(**row._mapping))
        return found

    def everything(self) -> dict[str, list[Suppression]]:
        """Return all suppressions, by hash."""
        table = tables.suppression
        found: dict[str, list[Suppression]] = {}
        with self._engine.begin() as connection:
            columns = (table.c[name] for name in Suppression.__dataclass_fields__)
            for row in connection.execute(sa.select(*columns).order_by(table.c.hash, table.c.purpose)):
                found.setdefault(row[0], []).append(Suppression(*row))
        return found

    def state(self) -> tuple[int, datetime | None]:
        """Give what changes whenever an address is suppressed, or is not any more: their number, and the newest."""
        table = tables.suppression
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(sa.func.count(), sa.func.max(table.c.at))).one()
        return row[0], row[1]

    def empty(self) -> bool:
        """Say whether nobody is suppressed."""
        with self._engine.begin() as connection:
            return connection.execute(sa.select(tables.suppression.c.hash).limit(1)).first() is None


def _weight(entry: Suppression) -> tuple[bool, datetime]:
    """Order the suppressions of one address: the greatest is the one to keep."""
    return entry.reason != UNSUBSCRIBED, entry.at
