"""Statements about consent that the hub itself received: on its pages, by a link in a message, or by hand.

Each is written down at once and counts from then on: whatever is about to go out looks here first, before any run
has landed the statement in the warehouse's table `consent`. None is changed or taken away. A statement says whose it
is by the message that led to it, or by a digest of a record's name: it holds no personal data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5, sha256

import sqlalchemy as sa

from hub.errors import RejectedError
from hub.ledger import tables
from hub.ledger.upsert import insert_new

EVERY_CHANNEL = "all"
"""The channel of a withdrawal that is about all of them. A yes is about one channel."""

CHUNK = 500

table = tables.statement


@dataclass(frozen=True)
class Statement:
    """One statement as it was received.

    It is about `message_id` (the person who got that message) or `record` (see `digest`). `source` says where it was
    made (unsubscribe, preferences, confirm, hand), `text` names the words that were shown, `evidence` points at the
    proof. Raises RejectedError for a statement that is about nobody, for a yes to every channel at once, and for one
    without a moment.
    """

    message_id: str | None
    channel: str
    purpose: str
    given: bool
    at: datetime
    source: str
    text: str = ""
    evidence: str = ""
    record: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be proven later."""
        if (self.message_id is None) == (self.record is None):
            raise RejectedError("a statement is about the person of one message, or of one record")
        if self.given and self.channel == EVERY_CHANNEL:
            raise RejectedError("a yes is given for one channel at a time: name it")
        if self.at.tzinfo is None:
            raise RejectedError("a statement needs the moment it was made at, with its time zone")

    @property
    def id(self) -> str:
        """Name it: the same statement received twice has one name."""
        said = (self.message_id, self.record, self.channel, self.purpose, self.given, self.at.timestamp(), self.source)
        return sha256("|".join(map(str, said)).encode()).hexdigest()[:32]


def digest(record_id: str) -> str:
    """Name a record in a statement: MD5 of its name, as both engines compute it, since a name may be an address."""
    return md5(record_id.encode(), usedforsecurity=False).hexdigest()


class Statements:
    """The statements that a ledger received."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def receive(self, *statements: Statement) -> None:
        """Write statements down, all of them or none. Received twice, one is there once."""
        rows = [{**vars(one), "id": one.id, "landed_at": None} for one in statements]
        with self._engine.begin() as connection:
            insert_new(connection, table, rows)

    def waiting(self) -> list[Statement]:
        """Return those that no run has landed yet, in the order of their moments."""
        return self._read(table.c.landed_at.is_(None))

    def of_message(self, message_id: str) -> list[Statement]:
        """Return all that the person of a message ever said by its links, in the order of their moments."""
        return self._read(table.c.message_id == message_id)

    def land(self, ids: Iterable[str], at: datetime) -> None:
        """Remember that statements are in the warehouse."""
        wanted = list(ids)
        with self._engine.begin() as connection:
            for start in range(0, len(wanted), CHUNK):
                chosen = sa.and_(table.c.id.in_(wanted[start : start + CHUNK]), table.c.landed_at.is_(None))
                connection.execute(sa.update(table).where(chosen).values(landed_at=at))

    def _read(self, *conditions: sa.ColumnElement[bool]) -> list[Statement]:
        columns: Sequence[sa.Column[object]] = [column for column in table.c if column.name not in ("id", "landed_at")]
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(*columns).where(*conditions).order_by(table.c.at, table.c.id))
            return [Statement(**row._mapping) for row in rows]
