"""The outbox: every message that was decided, on its way out, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.errors import InternalError, TemporaryError
from hub.ledger import tables
from hub.ledger.states import FINAL, LEADS_TO, State, leading_to
from hub.ledger.upsert import insert_new

CHUNK = 500

outbox = tables.outbox


@dataclass(frozen=True)
class Intent:
    """A message that was decided: handed to the outbox once, by its deterministic id. It holds no personal data."""

    id: str
    scenario: str
    step: str
    connection: str
    channel: str
    purpose: str
    record_id: str
    template: str
    priority: int
    consent_key: str | None
    queued_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Queued:
    """A message in the outbox."""

    id: str
    scenario: str
    step: str
    connection: str
    channel: str
    purpose: str
    record_id: str
    template: str
    queued_at: datetime
    expires_at: datetime
    state: State
    attempts: int
    first_at: datetime | None
    next_at: datetime | None
    remote_id: str | None
    reason: str | None


@dataclass(frozen=True)
class Settlement:
    """What one attempt came to: the state that follows `sending`, and why. `next_at` goes with `queued`."""

    id: str
    state: State
    remote_id: str = ""
    reason: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True)
class Attempt:
    """One attempt to send a message, and what it came to."""

    number: int
    at: datetime
    status: str
    remote_id: str | None
    reason: str | None


class Outbox:
    """The messages of a ledger. Every change of state is one that `hub.ledger.states` allows."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, intents: Sequence[Intent]) -> None:
        """Queue messages; those that the outbox holds already stay as they are."""
        rows = [
            {**vars(intent), "state": "queued", "attempts": 0, "updated_at": intent.queued_at} for intent in intents
        ]
        with self._engine.begin() as connection:
            insert_new(connection, outbox, rows)

    def get(self, id_: str) -> Queued | None:
        """Return one message."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(*_COLUMNS).where(outbox.c.id == id_)).first()
        return _queued(row) if row else None

    def among(self, ids: Sequence[str]) -> dict[str, Queued]:
        """Return the messages among `ids` that the outbox holds."""
        found: dict[str, Queued] = {}
        with self._engine.begin() as connection:
            for chunk in _chunks(ids):
                rows = connection.execute(sa.select(*_COLUMNS).where(outbox.c.id.in_(chunk)))
                found.update({row.id: _queued(row) for row in rows})
        return found

    def states(self, ids: Sequence[str]) -> dict[str, State]:
        """Return the states of the messages among `ids` that the outbox holds."""
        found: dict[str, State] = {}
        with self._engine.begin() as connection:
            for chunk in _chunks(ids):
                rows = connection.execute(sa.select(outbox.c.id, outbox.c.state).where(outbox.c.id.in_(chunk)))
                found.update({row.id: row.state for row in rows})
        return found

    def attempted(self, ids: Sequence[str]) -> dict[str, State]:
        """Return the states of the messages among `ids` that were handed to a destination at least once."""
        found: dict[str, State] = {}
        with self._engine.begin() as connection:
            for chunk in _chunks(ids):
                tried = sa.select(outbox.c.id, outbox.c.state).where(outbox.c.id.in_(chunk), outbox.c.attempts > 0)
                found.update({row.id: row.state for row in connection.execute(tried)})
        return found

    def failed(self, since: datetime) -> dict[str, State]:
        """Return the messages that came to an end since a moment without having arrived, and in which state."""
        ended = sa.select(outbox.c.id, outbox.c.state).where(
            outbox.c.state.in_(FINAL), outbox.c.updated_at >= sa.literal(since, tables.Moment)
        )
        with self._engine.begin() as connection:
            return {row.id: row.state for row in connection.execute(ended)}

    def counts(self) -> dict[State, int]:
        """Count the messages by state."""
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state))
            return {row[0]: row[1] for row in rows}

    def parked(self) -> list[Queued]:
        """Return the messages of which nobody knows whether they were taken: a person has to look."""
        with self._engine.begin() as connection:
            found = connection.execute(
                sa.select(*_COLUMNS).where(outbox.c.state == "unknown").order_by(outbox.c.queued_at, outbox.c.id)
            )
            return [_queued(row) for row in found]

    def find(self, beginning: str) -> list[Queued]:
        """Return the messages whose id begins like this, two at most: enough to know whether it names one."""
        statement = sa.select(*_COLUMNS).where(outbox.c.id.startswith(beginning, autoescape=True))
        with self._engine.begin() as connection:
            return [_queued(row) for row in connection.execute(statement.order_by(outbox.c.id).limit(2))]

    def listed(
        self, states: Sequence[State] = (), connection_name: str = "", scenario: str = "", limit: int = 50
    ) -> list[Queued]:
        """Return messages, those that changed last first; of the given states, connection and scenario only."""
        wanted: list[sa.ColumnElement[bool]] = []
        if states:
            wanted.append(outbox.c.state.in_(states))
        if connection_name:
            wanted.append(outbox.c.connection == connection_name)
        if scenario:
            wanted.append(outbox.c.scenario == scenario)
        newest = (outbox.c.updated_at.desc(), outbox.c.id)
        with self._engine.begin() as connection:
            found = connection.execute(sa.select(*_COLUMNS).where(*wanted).order_by(*newest).limit(limit))
            return [_queued(row) for row in found]

    def attempts(self, id_: str) -> list[Attempt]:
        """Return what each attempt to send a message came to, in their order."""
        attempt = tables.attempt
        statement = sa.select(attempt.c.number, attempt.c.at, attempt.c.status, attempt.c.remote_id, attempt.c.reason)
        with self._engine.begin() as connection:
            rows = connection.execute(statement.where(attempt.c.message_id == id_).order_by(attempt.c.number))
            return [Attempt(**row._mapping) for row in rows]

    def waiting(self) -> dict[str, int]:
        """Count the queued messages by connection."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                sa.select(outbox.c.connection, sa.func.count())
                .where(outbox.c.state == "queued")
                .group_by(outbox.c.connection)
            )
            return {row[0]: row[1] for row in rows}

    def due(self, connection_name: str, now: datetime, limit: int, purpose: str | None = None) -> list[Queued]:
        """Return the queued messages of a connection that may go now: higher priority first, then the oldest.

        With `purpose` only those of that purpose.
        """
        statement = (
            sa.select(*_COLUMNS)
            .where(
                outbox.c.state == "queued",
                outbox.c.connection == connection_name,
                sa.or_(outbox.c.next_at.is_(None), outbox.c.next_at <= now),
                outbox.c.purpose == purpose if purpose is not None else sa.true(),
            )
            .order_by(outbox.c.priority.desc(), outbox.c.queued_at, outbox.c.id)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            return [_queued(row) for row in connection.execute(statement)]

    def start(self, ids: Sequence[str], now: datetime) -> set[str]:
        """Move messages from queued to sending, committed when this returns; only the returned ones are ours.

        Two processes never start the same message.
        """
        started: set[str] = set()
        with self._engine.begin() as connection:
            for chunk in _chunks(ids):
                moved = connection.execute(
                    sa.update(outbox)
                    .where(outbox.c.id.in_(chunk), outbox.c.state == "queued")
                    .values(
                        state="sending",
                        attempts=outbox.c.attempts + 1,
                        first_at=sa.func.coalesce(outbox.c.first_at, sa.literal(now, tables.Moment)),
                        next_at=None,
                        updated_at=now,
                    )
                    .returning(outbox.c.id)
                )
                started.update(moved.scalars())
        return started

    def settle(self, settlements: Sequence[Settlement], now: datetime) -> None:
        """Write down what attempts came to. Raises InternalError where a message was not being sent."""
        if wrong := [settlement.state for settlement in settlements if settlement.state not in LEADS_TO["sending"]]:
            raise InternalError(f"a message can't go from sending to {wrong[0]}")
        if not settlements:
            return
        write = (
            sa.update(outbox)
            .where(outbox.c.id == sa.bindparam("message"), outbox.c.state == "sending")
            .values(
                state=sa.bindparam("to"),
                remote_id=sa.bindparam("remote"),
                reason=sa.bindparam("why"),
                next_at=sa.bindparam("later", type_=tables.Moment),
                updated_at=now,
            )
        )
        rows = [
            {
                "message": settlement.id,
                "to": settlement.state,
                "remote": settlement.remote_id or None,
                "why": settlement.reason or None,
                "later": settlement.next_at,
            }
            for settlement in settlements
        ]
        with self._engine.begin() as connection:
            moved = connection.execute(write, rows)
            if moved.rowcount != len(rows):
                raise InternalError(f"{len(rows) - moved.rowcount} of {len(rows)} messages were not being sent")
            _remember_attempts(connection, settlements, now)

    def move(self, ids: Mapping[str, str], to: State, now: datetime) -> None:
        """Move messages (id -> reason) to a state. Raises InternalError where one is not in a state that allows it."""
        with self._engine.begin() as connection:
            by_reason: dict[str, list[str]] = {}
            for id_, reason in ids.items():
                by_reason.setdefault(reason, []).append(id_)
            for reason, same in by_reason.items():
                for chunk in _chunks(same):
                    moved = connection.execute(
                        sa.update(outbox)
                        .where(outbox.c.id.in_(chunk), outbox.c.state.in_(leading_to(to)))
                        .values(state=to, reason=reason or None, next_at=None, updated_at=now)
                    )
                    if moved.rowcount != len(chunk):
                        raise InternalError(
                            f"{len(chunk) - moved.rowcount} of {len(chunk)} messages can't become {to} "
                            "from the state they are in"
                        )

    def override(self, ids: Sequence[str], before: Sequence[State], to: State, reason: str, now: datetime) -> None:
        """Move messages by hand, all of them or none. Raises TemporaryError where a run has moved one meanwhile."""
        with self._engine.begin() as connection:
            moved = 0
            for chunk in _chunks(ids):
                write = sa.update(outbox).where(outbox.c.id.in_(chunk), outbox.c.state.in_(before))
                moved += connection.execute(
                    write.values(state=to, reason=reason, next_at=None, updated_at=now)
                ).rowcount
            if moved != len(ids):
                raise TemporaryError("a run has moved one of the messages meanwhile: look at them again")

    def expire(self, now: datetime) -> int:
        """End the queued messages that are too late; return how many."""
        with self._engine.begin() as connection:
            moved = connection.execute(
                sa.update(outbox)
                .where(outbox.c.state == "queued", outbox.c.expires_at <= now)
                .values(state="expired", reason="too late: its time was over before it could be sent", updated_at=now)
            )
        return moved.rowcount

    def abandon(self, now: datetime) -> int:
        """Call the messages unknown that a killed run left in sending; return how many."""
        reason = "the run ended before the answer was written down"
        with self._engine.begin() as connection:
            left = connection.execute(sa.select(outbox.c.id).where(outbox.c.state == "sending")).scalars().all()
            _remember_attempts(connection, [Settlement(id_, "unknown", reason=reason) for id_ in left], now)
            connection.execute(
                sa.update(outbox)
                .where(outbox.c.state == "sending")
                .values(state="unknown", reason=reason, updated_at=now)
            )
        return len(left)

    def retry_unknown(self, connection_name: str, first_after: datetime, now: datetime) -> int:
        """Queue unknown messages again whose first attempt is recent enough for the provider to take them once.

        One that is too late by now stays unknown: to call it expired would say that it never went.
        """
        with self._engine.begin() as connection:
            moved = connection.execute(
                sa.update(outbox)
                .where(
                    outbox.c.state == "unknown",
                    outbox.c.connection == connection_name,
                    outbox.c.first_at > first_after,
                    outbox.c.expires_at > now,
                )
                .values(state="queued", next_at=None, updated_at=now)
            )
        return moved.rowcount


_COLUMNS = tuple(outbox.c[name] for name in Queued.__dataclass_fields__)


def _queued(row: sa.Row[Any]) -> Queued:
    return Queued(**row._mapping)


def _remember_attempts(connection: sa.Connection, settlements: Sequence[Settlement], now: datetime) -> None:
    numbers: dict[str, int] = {}
    for chunk in _chunks([settlement.id for settlement in settlements]):
        rows = connection.execute(sa.select(outbox.c.id, outbox.c.attempts).where(outbox.c.id.in_(chunk)))
        numbers.update({row.id: row.attempts for row in rows})
    insert_new(
        connection,
        tables.attempt,
        [
            {
                "message_id": settlement.id,
                "number": numbers[settlement.id],
                "at": now,
                "status": "later" if settlement.state == "queued" else settlement.state,
                "remote_id": settlement.remote_id or None,
                "reason": settlement.reason or None,
            }
            for settlement in settlements
        ],
    )


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    listed = list(ids)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]
