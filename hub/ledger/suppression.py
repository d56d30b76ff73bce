"""Who must not be written to any more: keyed hashes of addresses, never the addresses.

A hash can be compared, and can't be turned back without the key, which is kept outside the database. So a
suppression survives the erasure of everything else about a person, and a re-import does not bring the person back.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.ledger import tables
from hub.ledger.upsert import insert_new

EVERYTHING = "all"
"""The purpose of a suppression that stops service messages too: the address does not exist."""

CHUNK = 500


def hashed(key: bytes, channel: str, identifier: str) -> str:
    """Return HMAC-SHA-256(key, channel | normalised identifier) as hex; ConfigurationError without a key."""
    if not key:
        raise ConfigurationError("HUB_KEY is not set: suppressions and unsubscribe links need a secret of your own")
    return hmac.new(key, f"{channel}|{identifier}".encode(), sha256).hexdigest()


@dataclass(frozen=True)
class Suppression:
    """One address that is not written to: for a purpose, or for all of them."""

    hash: str
    purpose: str
    reason: str
    source: str
    at: datetime


class Suppressions:
    """The suppressed addresses of a ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, suppressions: Sequence[Suppression]) -> int:
        """Suppress addresses; return how many were not suppressed for that purpose yet."""
        wanted = {(entry.hash, entry.purpose): entry for entry in suppressions}
        known = self.among(entry.hash for entry in suppressions)
        fresh = [entry for (hash_, purpose), entry in wanted.items() if purpose not in known.get(hash_, {})]
        with self._engine.begin() as connection:
            insert_new(connection, tables.suppression, [asdict(entry) for entry in fresh])
        return len(fresh)

    def among(self, hashes: Iterable[str], purpose: str | None = None) -> dict[str, dict[str, str]]:
        """Return which of the hashes are suppressed: hash -> {purpose: reason}.

        With `purpose`, only suppressions that stop messages of that purpose.
        """
        table = tables.suppression
        wanted = sorted(set(hashes))
        found: dict[str, dict[str, str]] = {}
        with self._engine.begin() as connection:
            for start in range(0, len(wanted), CHUNK):
                statement = sa.select(table).where(table.c.hash.in_(wanted[start : start + CHUNK]))
                if purpose is not None:
                    statement = statement.where(table.c.purpose.in_([EVERYTHING, purpose]))
                for row in connection.execute(statement):
                    found.setdefault(row.hash, {})[row.purpose] = row.reason
        return found

    def empty(self) -> bool:
        """Say whether nobody is suppressed."""
        with self._engine.begin() as connection:
            return connection.execute(sa.select(tables.suppression.c.hash).limit(1)).first() is None
