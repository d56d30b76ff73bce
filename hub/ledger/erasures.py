"""Requests to erase people: what is still to be done for each, where, and the marks by which the erased are known.

A request is named by chance and says of the people only how many they are. Who they are, and what a system is still
asked to erase, stands here sealed until it is done, and is then gone. A mark is a keyed hash of a record's name or of
an address: with it a re-import is recognised, and nobody is found by it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.sealed import seal, unseal
from hub.ledger.suppression import hashed
from hub.ledger.upsert import insert_new

TaskState = Literal["pending", "sent", "confirmed", "unsupported", "refused"]
"""pending      still to be done; every run tries again
sent         the system took the request, and erases in its own time
confirmed    nothing is there any more
unsupported  a person has to do it there, by hand: until that is said to be done, the keys are kept, sealed
refused      kept there by law
"""

RECORD = "record"
"""The kind of mark that is about a record's name (`connection:key`); the others are kinds of identifiers."""
DIGEST = "digest of a record"
"""The kind that is about the digest of such a name, by which the outbox knows it."""

erasure, erasure_task, erased_mark = tables.erasure, tables.erasure_task, tables.erased_mark


@dataclass(frozen=True)
class Mark:
    """One keyed hash of who was erased: of which kind of value, made with which key (see `name_of`)."""

    hash: str
    kind: str
    key: str


@dataclass(frozen=True)
class Task:
    """What is to be done at one place: a connection, or the hub's own stores (`hub`). `rows` are in the clear."""

    place: str
    what: str
    number: int
    state: TaskState = "pending"
    reason: str = ""
    at: datetime | None = None
    rows: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Erasure:
    """One request."""

    id: str
    people: int
    asked_at: datetime
    due_at: datetime
    by: str
    why: str
    done_at: datetime | None = None
    receipt: str | None = None


def name_of(key: bytes) -> str:
    """Name a key without giving it away, so that it is known which one made a mark."""
    return hmac.digest(key, b"the name of this key", "sha256").hex()[:12]


def mark_of(key: bytes, kind: str, value: str) -> Mark:
    """Mark a value. The marks of addresses are the hashes that suppressions know them by."""
    return Mark(hashed(key, kind, value), kind, name_of(key))


class Erasures:
    """The requests of a ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ask(self, asked: Erasure, key: bytes, subject: Any, tasks: Sequence[Task], marks: Sequence[Mark]) -> None:
        """Write a request down, with all that is to be done, in one transaction."""
        given = {name: getattr(asked, name) for name in ("id", "people", "asked_at", "due_at", "by", "why")}
        with self._engine.begin() as session:
            insert_new(session, erasure, [{**given, "subject": _sealed(key, subject, asked.id)}])
            insert_new(session, erasure_task, [_task_row(key, asked.id, task, asked.asked_at) for task in tasks])
            insert_new(session, erased_mark, [{**vars(mark), "erasure_id": asked.id} for mark in marks])

    def listed(self) -> list[Erasure]:
        """Return all requests, the newest first."""
        columns = [erasure.c[name] for name in Erasure.__dataclass_fields__]
        with self._engine.begin() as session:
            found = session.execute(sa.select(*columns).order_by(erasure.c.asked_at.desc(), erasure.c.id))
            return [Erasure(**row._mapping) for row in found]

    def unfinished(self) -> list[Erasure]:
        """Return the requests for which something is still to be done, the oldest first."""
        waiting = sa.select(erasure_task.c.erasure_id).where(erasure_task.c.state == "pending")
        columns = [erasure.c[name] for name in Erasure.__dataclass_fields__]
        asked = sa.select(*columns).where(sa.or_(erasure.c.done_at.is_(None), erasure.c.id.in_(waiting)))
        with self._engine.begin() as session:
            found = session.execute(asked.order_by(erasure.c.asked_at, erasure.c.id))
            return [Erasure(**row._mapping) for row in found]

    def open(self) -> frozenset[str]:
        """Name the requests whose people are not yet erased here."""
        with self._engine.begin() as session:
            found = session.execute(sa.select(erasure.c.id).where(erasure.c.subject.is_not(None)))
            return frozenset(found.scalars())

    def subject(self, id_: str, keys: Sequence[bytes]) -> Any:
        """Give whom a request is about, as it was given; None once they are erased here."""
        with self._engine.begin() as session:
            found = session.execute(sa.select(erasure.c.subject).where(erasure.c.id == id_)).scalar()
        return None if found is None else json.loads(unseal(keys, found, id_))

    def tasks(self, id_: str, keys: Sequence[bytes] = ()) -> list[Task]:
        """Return what is to be done for a request, and what came of it; with the keys also for what."""
        asked = sa.select(erasure_task).where(erasure_task.c.erasure_id == id_)
        with self._engine.begin() as session:
            found = session.execute(asked.order_by(erasure_task.c.place, erasure_task.c.what)).all()
        return [
            Task(
                row.place,
                row.what,
                row.number,
                row.state,
                row.reason,
                row.at,
                json.loads(unseal(keys, row.rows, id_)) if keys and row.rows is not None else None,
            )
            for row in found
        ]

    def settle(self, id_: str, key: bytes, task: Task, at: datetime) -> None:
        """Write down what came of a task; what it is about is let go unless something is left to do."""
        here = sa.and_(
            erasure_task.c.erasure_id == id_, erasure_task.c.place == task.place, erasure_task.c.what == task.what
        )
        row = _task_row(key, id_, task, at)
        values = {name: row[name] for name in ("state", "reason", "at", "rows")}
        with self._engine.begin() as session:
            session.execute(sa.update(erasure_task).where(here).values(**values))

    def repeat(self, again: Erasure, marks: Sequence[Mark]) -> None:
        """Keep a request that an earlier state of the ledger, brought back from a backup, does not know."""
        given = {name: getattr(again, name) for name in Erasure.__dataclass_fields__}
        with self._engine.begin() as session:
            insert_new(session, erasure, [given])
            insert_new(session, erased_mark, [{**vars(mark), "erasure_id": again.id} for mark in marks])

    def finish(self, id_: str, at: datetime, receipt: str) -> None:
        """Let go of whom a request was about, and keep the receipt."""
        done = sa.update(erasure).where(erasure.c.id == id_)
        with self._engine.begin() as session:
            session.execute(done.values(subject=None, done_at=sa.func.coalesce(erasure.c.done_at, at), receipt=receipt))

    def mark(self, id_: str, marks: Sequence[Mark]) -> None:
        """Keep further marks of who was erased."""
        with self._engine.begin() as session:
            insert_new(session, erased_mark, [{**vars(mark), "erasure_id": id_} for mark in marks])

    def marks(self, id_: str | None = None) -> list[Mark]:
        """Return the marks, of one request or of all."""
        asked = sa.select(erased_mark.c.hash, erased_mark.c.kind, erased_mark.c.key).order_by(erased_mark.c.hash)
        if id_ is not None:
            asked = asked.where(erased_mark.c.erasure_id == id_)
        with self._engine.begin() as session:
            return [Mark(**row._mapping) for row in session.execute(asked)]

    def lift(self, hashes: Iterable[str]) -> int:
        """Forget marks: who is known by them may come again. Return how many there were."""
        with self._engine.begin() as session:
            return session.execute(sa.delete(erased_mark).where(erased_mark.c.hash.in_(list(hashes)))).rowcount


def _task_row(key: bytes, id_: str, task: Task, at: datetime) -> dict[str, Any]:
    left = task.rows if task.state in ("pending", "unsupported") else None
    return {
        "erasure_id": id_,
        "place": task.place,
        "what": task.what,
        "number": task.number,
        "state": task.state,
        "reason": task.reason,
        "at": at,
        "rows": None if left is None else _sealed(key, left, id_),
    }


def _sealed(key: bytes, value: Any, place: str) -> bytes:
    return seal(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), place)
