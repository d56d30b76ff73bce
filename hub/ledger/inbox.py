"""The inbox: what other systems pushed, kept before it is answered, until it is in the lake.

A push is known by its connection and a hash of its id. Its content is sealed, and gone from here as soon as it has
landed; the hash stays for a while, so that a push that comes again is known, however late the sender repeats it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from hub.errors import RejectedError
from hub.failpoints import reach
from hub.ledger import tables
from hub.ledger.sealed import seal, unseal
from hub.ledger.upsert import insert_new

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows by raw table."""

REMEMBERED = timedelta(days=30)
"""How long the id of a push that has landed is known. Senders repeat theirs for some days at most."""

PAGE = 500
DEEPEST = 100
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(rb"[\[\]{}]")

table = tables.inbox


@dataclass(frozen=True)
class Push:
    """One push as it is kept: `id` is a hash of the sender's, `content` are its rows, sealed."""

    connection: str
    id: str
    received_at: datetime
    content: bytes = field(repr=False)

    def rows(self, keys: Sequence[bytes]) -> Rows:
        """Give its rows, sealed with one of the keys. Raises ConfigurationError where none fits."""
        found: Rows = json.loads(unseal(keys, self.content, f"{self.connection}|{self.id}"))
        return found


def sealed_push(key: bytes, connection: str, sent_id: str, rows: Rows, received_at: datetime) -> Push:
    """Make a push of rows. Raises RejectedError for what could never land: it would hold up all that comes after it."""
    if not all(isinstance(row, Mapping) for listed in rows.values() for row in listed):
        raise RejectedError("a row is no object")
    id_ = sha256(sent_id.encode(errors="surrogatepass")).hexdigest()
    try:
        written = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        raise RejectedError("a value is no text, number, truth, list or mapping in Unicode") from None
    if _depth(written) > DEEPEST:
        raise RejectedError(f"values are nested more than {DEEPEST} deep")
    return Push(connection, id_, received_at, seal(key, written, f"{connection}|{id_}"))


def sealed_again(key: bytes, push: Push, rows: Rows) -> Push:
    """Make the same push with other rows."""
    written = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
    return replace(push, content=seal(key, written, f"{push.connection}|{push.id}"))


def _depth(written: bytes) -> int:
    """Say how deep JSON is nested; 0 where it can't be deep."""
    if written.count(b"[") + written.count(b"{") <= DEEPEST:
        return 0
    deepest = depth = 0
    for byte in _BRACKETS.findall(_TEXTS.sub(b"", written)):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class Inbox:
    """The pushes that wait in a ledger, and the ids of those that have landed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def keep(self, pushes: Sequence[Push]) -> None:
        """Keep pushes, in one transaction; those that are known already stay as they are."""
        with self._engine.begin() as connection:
            insert_new(connection, table, [vars(push) for push in pushes])
            reach("push written, not committed")

    def reach(self) -> None:
        """Look whether the ledger answers."""
        with self._engine.begin() as connection:
            connection.execute(sa.select(table.c.id).limit(1)).first()

    def waiting(self) -> dict[str, int]:
        """Count the pushes that wait to be landed, by connection."""
        asked = sa.select(table.c.connection, sa.func.count()).where(_waits()).group_by(table.c.connection)
        with self._engine.begin() as connection:
            return {row[0]: row[1] for row in connection.execute(asked.order_by(table.c.connection))}

    def oldest(self) -> dict[str, datetime]:
        """Say since when the oldest push waits, by connection."""
        asked = sa.select(table.c.connection, sa.func.min(table.c.received_at)).where(_waits())
        with self._engine.begin() as connection:
            found = connection.execute(asked.group_by(table.c.connection).order_by(table.c.connection))
            return {row[0]: row[1] for row in found}

    def take(self, connection_name: str, batch: str) -> None:
        """Put everything that waits for a connection into a batch, also what an earlier batch did not bring home."""
        taken = sa.update(table).where(table.c.connection == connection_name, _waits()).values(batch=batch)
        with self._engine.begin() as connection:
            connection.execute(taken)

    def read(self, connection_name: str, batch: str) -> Iterator[Sequence[Push]]:
        """Give the pushes of a batch in pages, in the order in which they were received."""
        asked = (
            sa.select(table.c.connection, table.c.id, table.c.received_at, table.c.content)
            .where(table.c.connection == connection_name, table.c.batch == batch, _waits())
            .order_by(table.c.received_at, table.c.id)
            .limit(PAGE)
        )
        after: sa.ColumnElement[bool] = sa.true()
        while True:
            with self._engine.begin() as connection:
                page = [Push(**row._mapping) for row in connection.execute(asked.where(after))]
            if not page:
                return
            yield page
            last = page[-1]
            after = sa.or_(
                table.c.received_at > last.received_at,
                sa.and_(table.c.received_at == last.received_at, table.c.id > last.id),
            )

    def all_waiting(self) -> list[Push]:
        """Give every push that waits, of all connections."""
        columns = [table.c[name] for name in Push.__dataclass_fields__]
        with self._engine.begin() as connection:
            found = connection.execute(sa.select(*columns).where(_waits()).order_by(table.c.received_at, table.c.id))
            return [Push(**row._mapping) for row in found]

    def replace(self, push: Push) -> None:
        """Keep a push with other content, as long as it waits."""
        here = sa.and_(table.c.connection == push.connection, table.c.id == push.id, _waits())
        with self._engine.begin() as connection:
            connection.execute(sa.update(table).where(here).values(content=push.content))

    def landed(self, connection_name: str, batch: str) -> None:
        """Let go of the content of a batch that is in the lake; the ids stay known."""
        done = (
            sa.update(table)
            .where(table.c.connection == connection_name, table.c.batch == batch, _waits())
            .values(content=None, batch=None)
        )
        with self._engine.begin() as connection:
            connection.execute(done)

    def tidy(self, now: datetime) -> int:
        """Forget the ids of pushes that landed, and that nobody repeats any more; return their number."""
        old = sa.delete(table).where(table.c.received_at < now - REMEMBERED, table.c.content.is_(None))
        with self._engine.begin() as connection:
            return connection.execute(old).rowcount


def _waits() -> sa.ColumnElement[bool]:
    return table.c.content.is_not(None)
