"""The outbox: every message that was decided, on its way out, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.errors import InternalError, TemporaryError
from hub.ledger import tables
from hub.ledger.incoming import take_in
from hub.ledger.senders import NOBODY
from hub.ledger.statements import digest
from hub.ledger.states import FINAL, LEADS_TO, State, leading_to
from hub.ledger.upsert import insert_new

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 500

outbox = tables.outbox

_STATE = sa.func.coalesce(outbox.c.state, "")
"""The state of messages that are looked up by their ids: SQLite would take the index of states, and so look through
every message that is queued, for each batch."""


@dataclass(frozen=True)
class Queued:
    """A message in the outbox."""

    id: str
    scenario: str
    step: str
    connection: str
    channel: str
    purpose: str
    record: str
    """A digest of the name of the person's record (see `statements.digest`)."""
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

    def add(self, messages: pa.RecordBatch) -> None:
        """Queue decided messages (columns of `hub.ledger.incoming`); those that the outbox holds stay as they are."""
        with self._engine.begin() as connection:
            take_in(connection, messages)

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

    def of_records(self, records: Sequence[str]) -> list[str]:
        """Return the ids of all messages to some records."""
        found: list[str] = []
        with self._engine.begin() as connection:
            for chunk in _chunks(records):
                theirs = outbox.c.record.in_([digest(record) for record in chunk])
                found += connection.execute(sa.select(outbox.c.id).where(theirs)).scalars()
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

    def unknown(self) -> dict[str, int]:
        """Count by connection the messages of which nobody knows whether they were taken."""
        with self._engine.begin() as connection:
            counted = sa.select(outbox.c.connection, sa.func.count()).where(outbox.c.state == "unknown")
            return {row[0]: row[1] for row in connection.execute(counted.group_by(outbox.c.connection))}

    def due(
        self,
        connection_name: str,
        now: datetime,
        limit: int,
        purpose: str | None = None,
        window: timedelta | None = None,
    ) -> list[Queued]:
        """Return the messages of a connection that may go now: first tries first, then by priority, then the oldest.

        With `purpose` only those of that purpose. With the provider's idempotency `window` also those that are
        `unknown` and whose first attempt is recent enough for the provider to take them once.
        """
        statement = (
            sa.select(*_COLUMNS)
            .where(
                outbox.c.connection == connection_name,
                sa.or_(outbox.c.state == "queued", _may_repeat(window, now)),
                _is_time(now),
                outbox.c.purpose == purpose if purpose is not None else sa.true(),
            )
            .order_by(outbox.c.attempts > 0, outbox.c.priority.desc(), outbox.c.queued_at, outbox.c.id)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            return [_queued(row) for row in connection.execute(statement)]

    def start(
        self, ids: Sequence[str], now: datetime, sender: str = NOBODY, window: timedelta | None = None
    ) -> set[str]:
        """Move messages to sending, committed when this returns; only the returned ones are ours.

        They come from queued, or inside the idempotency `window` from unknown. Two senders never start the same
        message. Raises TemporaryError where the ledger can't be written: then nothing may be sent.
        """
        started: set[str] = set()
        with self._engine.begin() as connection:
            for chunk in _chunks(ids):
                free = (
                    sa.select(outbox.c.id)
                    .where(outbox.c.id.in_(chunk), sa.or_(_STATE == "queued", _may_repeat(window, now)))
                    .with_for_update(skip_locked=True)
                )
                moved = connection.execute(
                    sa.update(outbox)
                    .where(outbox.c.id.in_(free))
                    .values(
                        state="sending",
                        attempts=outbox.c.attempts + 1,
                        first_at=sa.func.coalesce(outbox.c.first_at, sa.literal(now, tables.Moment)),
                        next_at=None,
                        sender=sender,
                        updated_at=now,
                    )
                    .returning(outbox.c.id)
                )
                started.update(moved.scalars())
        return started

    def settle(self, settlements: Sequence[Settlement], now: datetime, sender: str = NOBODY) -> None:
        """Write down what attempts came to.

        A receipt may have overtaken the answer, or another sender, who took this one for gone, may have called the
        message unknown: then the answer settles what is still open, and takes nothing back. Raises InternalError
        where a message was never being sent, TemporaryError where the ledger can't be written.
        """
        if wrong := [settlement.state for settlement in settlements if settlement.state not in LEADS_TO["sending"]]:
            raise InternalError(f"a message can't go from sending to {wrong[0]}")
        if not settlements:
            return
        with self._engine.begin() as connection:
            mine = sa.and_(outbox.c.state == "sending", sa.func.coalesce(outbox.c.sender, NOBODY) == sender)
            if _write(connection, settlements, mine, now) != len(settlements):
                _write_late(connection, settlements, now)
            _remember_attempts(connection, settlements, now)

    def resolve(self, settlements: Sequence[Settlement], now: datetime) -> int:
        """Write down what the provider said about unknown messages; return how many were still unknown."""
        with self._engine.begin() as connection:
            return _write(connection, settlements, outbox.c.state == "unknown", now) if settlements else 0

    def withdraw(self, ids: Mapping[str, str], to: State, now: datetime) -> int:
        """End queued messages (id -> reason) unsent; return how many.

        Those that another sender has taken meanwhile stay with it. What is unknown was perhaps sent: it stays so, with
        the reason, and is not sent again by itself.
        """
        moved = 0
        with self._engine.begin() as connection:
            for reason, same in _by_reason(ids).items():
                for chunk in _chunks(same):
                    these = outbox.c.id.in_(chunk)
                    ended = sa.update(outbox).where(these, _STATE == "queued")
                    values = {"state": to, "reason": reason or None, "next_at": None, "updated_at": now}
                    moved += connection.execute(ended.values(**values)).rowcount
                    parked = sa.update(outbox).where(these, _STATE == "unknown")
                    connection.execute(parked.values(reason=f"not sent again: {reason}", next_at=outbox.c.expires_at))
        return moved

    def move(self, ids: Mapping[str, str], to: State, now: datetime) -> None:
        """Move messages (id -> reason) to a state. Raises InternalError where one is not in a state that allows it."""
        with self._engine.begin() as connection:
            for reason, same in _by_reason(ids).items():
                for chunk in _chunks(same):
                    moved = connection.execute(
                        sa.update(outbox)
                        .where(outbox.c.id.in_(chunk), _STATE.in_(leading_to(to)))
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
                write = sa.update(outbox).where(outbox.c.id.in_(chunk), _STATE.in_(before))
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

    def abandon(self, now: datetime, gone: Callable[[Iterable[str]], set[str]] = set) -> int:
        """Call the messages unknown that a killed sender left in sending; return how many.

        `gone` tells which of the senders it is given are no longer at work: what a living one sends is left to it.
        """
        sender = sa.func.coalesce(outbox.c.sender, NOBODY)
        with self._engine.begin() as connection:
            asked = sa.select(sender).where(outbox.c.state == "sending").distinct()
            dead = sorted(gone(connection.execute(asked).scalars().all()))
        if not dead:
            return 0
        theirs = sa.and_(outbox.c.state == "sending", sender.in_(dead))
        with self._engine.begin() as connection:
            ids = connection.execute(sa.select(outbox.c.id).where(theirs).with_for_update()).scalars().all()
            left = [Settlement(id_, "unknown", reason=ABANDONED) for id_ in ids]
            _remember_attempts(connection, left, now)
            if left:
                _write(connection, left, outbox.c.state == "sending", now)
        return len(left)

    def to_ask(self, connection_name: str, now: datetime, limit: int, window: timedelta | None) -> list[Queued]:
        """Return unknown messages that the provider can be asked about: those that may not be sent again by their key.

        None whose attempt ended less than a minute ago: it may still be on its way.
        """
        statement = (
            sa.select(*_COLUMNS)
            .where(
                outbox.c.connection == connection_name,
                outbox.c.state == "unknown",
                outbox.c.updated_at <= sa.literal(now - ON_ITS_WAY, tables.Moment),
                sa.or_(_is_time(now), outbox.c.next_at >= outbox.c.expires_at),
                sa.not_(_may_repeat(window, now)),
            )
            .order_by(outbox.c.queued_at, outbox.c.id)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            return [_queued(row) for row in connection.execute(statement)]


ABANDONED = "the run ended before the answer was written down"

ON_ITS_WAY = timedelta(minutes=1)

LONGEST_WAIT = timedelta(hours=24)
"""No message waits for longer: what is to come later than this was written before the clock was set back."""

_COLUMNS = tuple(outbox.c[name] for name in Queued.__dataclass_fields__)


def _queued(row: sa.Row[Any]) -> Queued:
    return Queued(**row._mapping)


def _is_time(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(
        outbox.c.next_at.is_(None),
        outbox.c.next_at <= now,
        sa.and_(outbox.c.next_at > now + LONGEST_WAIT, outbox.c.next_at < outbox.c.expires_at),
    )


def _may_repeat(window: timedelta | None, now: datetime) -> sa.ColumnElement[bool]:
    """Say of an unknown message that the provider still knows its key, and takes it once.

    One that is too late by now stays unknown: to call it expired would say that it never went. A first attempt in the
    future was written before the clock was set back: nobody knows how long ago that is.
    """
    if window is None:
        return sa.false()
    return sa.and_(
        outbox.c.state == "unknown",
        outbox.c.first_at > sa.literal(now - window, tables.Moment),
        outbox.c.first_at <= sa.literal(now, tables.Moment),
        outbox.c.expires_at > now,
    )


def _write(
    connection: sa.Connection, settlements: Sequence[Settlement], allowed: sa.ColumnElement[bool], now: datetime
) -> int:
    """Write settlements to the messages that are in an allowed state; return how many were."""
    statement = (
        sa.update(outbox)
        .where(outbox.c.id == sa.bindparam("message"), allowed)
        .values(
            state=sa.bindparam("to"),
            remote_id=sa.bindparam("remote"),
            reason=sa.bindparam("why"),
            next_at=sa.bindparam("later", type_=tables.Moment),
            sender=None,
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
    return connection.execute(statement, rows).rowcount


def _write_late(connection: sa.Connection, settlements: Sequence[Settlement], now: datetime) -> None:
    """Write answers that came when the messages had moved on: what is open is settled, what is further stays."""
    was_sent = sa.or_(outbox.c.state != "queued", outbox.c.attempts > 0)
    sent = 0
    for chunk in _chunks([settlement.id for settlement in settlements]):
        counted = sa.select(sa.func.count()).where(outbox.c.id.in_(chunk), was_sent)
        sent += connection.execute(counted).scalar_one()
    if sent != len(settlements):
        raise InternalError(f"{len(settlements) - sent} of {len(settlements)} messages were not being sent")
    known = [settlement for settlement in settlements if settlement.state in ("accepted", "rejected")]
    if known:
        _write(connection, known, sa.or_(outbox.c.state == "unknown", outbox.c.state == "queued"), now)


def _by_reason(ids: Mapping[str, str]) -> dict[str, list[str]]:
    by_reason: dict[str, list[str]] = {}
    for id_, reason in ids.items():
        by_reason.setdefault(reason, []).append(id_)
    return by_reason


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
