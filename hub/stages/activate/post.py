"""Post: rows that scenarios decided go to the systems that take them, each once under its own key.

A row waits until its system has answered. What a killed run had sent and not written down is sent once more under the
same key, and changes nothing there. Consent is asked again at the last moment: who withdrew it in between is not sent.
A destination in trouble is left alone as it is for messages, and told about once.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.contracts import Destination, Operation, Result, Row, SyncBatch
from hub.failpoints import reach
from hub.ledger import Ledger
from hub.project import Project
from hub.stages.activate.deliver import deliver
from hub.stages.activate.pace import Pace, RunClock
from hub.stages.activate.watch import Watch
from hub.warehouse import Transaction, Warehouse

WAITING = "waiting"
EXPIRED = "too late: it could not be sent in time"
OPERATIONS: tuple[Operation, ...] = ("upsert", "add")
"""How a row is written, the first that the destination can do."""


def post_rows(
    warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime
) -> tuple[Counter[str], list[str]]:
    """Send the rows that wait; destinations go side by side. Gives rows by what became of them, and what failed."""
    with warehouse.begin() as transaction:
        posted = transaction.table("posted_row")
        if not transaction.count(posted, posted.c.state == WAITING):
            return Counter(), []
        counts = Counter(rows_refused=_refuse(transaction, project, as_of), rows_expired=_expire(transaction, as_of))
        names = sa.select(posted.c.destination).where(posted.c.state == WAITING).distinct()
        waiting = sorted(name for (name,) in transaction.rows(names))
    failures: list[str] = []
    if waiting:
        lock, clock = Lock(), RunClock(as_of)
        with (
            ledger.senders.enter() as sender,
            ThreadPoolExecutor(max_workers=len(waiting), thread_name_prefix="post") as pool,
        ):
            watches = {name: Watch(ledger.destinations, name, clock) for name in waiting}
            for watch in watches.values():
                watch.begin(sender)
            queues = {
                name: _Queue(warehouse, ledger, project, name, watch, lock, as_of) for name, watch in watches.items()
            }
            started = {name: pool.submit(copy_context().run, queue.empty) for name, queue in queues.items()}
            for name, future in started.items():
                future.result()
                counts.update(queues[name].counts)
                failures += [f"{name}: {failure}" for failure in queues[name].failures()]
    return counts, failures


def _refuse(transaction: Transaction, project: Project, as_of: datetime) -> int:
    """Hold back the rows of people who do not consent any more to what their row needs."""
    posted, record = transaction.table("posted_row"), transaction.table("source_record")
    waits = sa.and_(posted.c.state == WAITING, posted.c.consent_channel.is_not(None))
    needed = sa.select(posted.c.consent_channel, posted.c.consent_purpose).where(waits).distinct()
    number = 0
    for channel, purpose in sorted(transaction.rows(needed)):
        mine = sa.and_(waits, posted.c.consent_channel == channel, posted.c.consent_purpose == purpose)
        whose = (
            sa.select(posted.c.source_key, record.c.person_id)
            .join_from(posted, record, record.c.record_id == posted.c.record_id)
            .where(mine)
        )
        people = transaction.hold("posted_for", whose)
        # a withdrawal counts however late it is dated: nothing goes out against one that is known
        standing = consent.in_effect(transaction, project.terms, people, purpose, as_of, ahead=None)
        given = transaction.hold("given", standing)
        stated = sa.and_(given.c.person_id == people.c.person_id, given.c.channel == channel)
        asked = people.outerjoin(given, stated)
        may = sa.select(people.c.source_key).select_from(asked).where(consent.allowed(given.c.given, purpose))
        values = {"state": "refused", "reason": f"{channel}: consent withdrawn", "settled_at": as_of}
        number += transaction.execute(
            sa.update(posted).where(mine, posted.c.source_key.not_in(may)).values(**values)
        ).rowcount
    return number


def _expire(transaction: Transaction, as_of: datetime) -> int:
    posted = transaction.table("posted_row")
    late = sa.and_(posted.c.state == WAITING, posted.c.expires_at <= as_of)
    values = {"state": "expired", "reason": EXPIRED, "settled_at": as_of}
    return transaction.execute(sa.update(posted).where(late).values(**values)).rowcount


@dataclass
class _Queue:
    """The rows for one connection. The warehouse is shared, so it is looked at by one queue at a time."""

    warehouse: Warehouse
    ledger: Ledger
    project: Project
    connection: str
    watch: Watch
    warehouse_lock: Lock
    as_of: datetime
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def empty(self) -> None:
        """Send until nothing waits, or the destination takes nothing more: then it is left alone for a while."""
        found = self.project.connections.get(self.connection)
        plugin = found.open() if found is not None else None
        operations = plugin.capabilities.operations if isinstance(plugin, Destination) else frozenset()
        operation = next((known for known in OPERATIONS if known in operations), None)
        if not isinstance(plugin, Destination) or operation is None:
            self.watch.missing("rows")
            return
        pace = Pace(plugin.capabilities.rates, self.ledger.allowances, self.connection)
        for target, rows in self._batches(plugin.capabilities.batch_size):
            rest = rows
            while rest and not self.watch.is_over:
                if pause := self.watch.rest():
                    time.sleep(pause)
                number = pace.take(len(rest))
                if not number:
                    self.watch.used_up(pace.wait)
                    return
                self._post(plugin, SyncBatch(target, operation, rest[:number]))
                rest = rest[number:]
            if self.watch.is_over:
                return

    def _post(self, destination: Destination, batch: SyncBatch) -> None:
        reach("rows about to be posted")
        answer = deliver(batch.keys, lambda: destination.sync(batch))
        reach("rows posted, answer not written")
        self._settle(answer.results)
        reach("rows posted, answer written")
        self.watch.saw_rows(answer)

    def failures(self) -> list[str]:
        """Say what is wrong with the destination, where that is news, or that no row was taken, with the reasons."""
        if self.watch.is_over:
            return [self.watch.outcome.failure] if self.watch.outcome.failure else []
        failed = sum(self.counts.values()) - self.counts["posted"]
        if failed and not self.counts["posted"]:
            grouped = "; ".join(f"{number} x {reason}" for reason, number in self.reasons.most_common(5))
            return [f"none of {failed} rows was taken: {grouped}"]
        return []

    def _batches(self, size: int) -> Iterator[tuple[str, list[Row]]]:
        """Give the rows by target, the oldest first."""
        with self.warehouse_lock, self.warehouse.begin() as transaction:
            posted = transaction.table("posted_row")
            mine = sa.and_(posted.c.state == WAITING, posted.c.destination == self.connection)
            columns = (posted.c.target, posted.c.source_key, posted.c.content)
            order = (posted.c.target, posted.c["at"], posted.c.source_key)
            waiting = transaction.arrow(sa.select(*columns).where(mine).order_by(*order)).read_all()
        by_target: dict[str, list[dict[str, Any]]] = {}
        for row in waiting.to_pylist():
            by_target.setdefault(row["target"], []).append(row)
        for target, rows in by_target.items():
            for start in range(0, len(rows), size):
                yield target, [Row(row["source_key"], json.loads(row["content"])) for row in rows[start : start + size]]

    def _settle(self, results: Sequence[Result]) -> None:
        """Write down what the destination answered; what it takes later, or may have taken, waits."""
        import pyarrow as pa

        for result in results:
            self.counts[_COUNTED[result.status]] += 1
            if result.status != "accepted":
                self.reasons[result.reason] += 1
        final = [result for result in results if result.status in _STATES]
        columns = {
            "key": pa.array([it.id for it in final], pa.string()),
            "state": pa.array([_STATES[it.status] for it in final], pa.string()),
            "reason": pa.array([it.reason or None for it in final], pa.string()),
            "remote_id": pa.array([it.remote_id or None for it in final], pa.string()),
        }
        if not final:
            return
        with self.warehouse_lock, self.warehouse.begin() as transaction:
            told = transaction.load("told", pa.table(columns))
            posted = transaction.table("posted_row")
            transaction.execute(
                sa.update(posted)
                .where(posted.c.source_key == told.c.key, posted.c.state == WAITING)
                .values(state=told.c.state, reason=told.c.reason, remote_id=told.c.remote_id, settled_at=self.as_of)
            )


_STATES = {"accepted": "taken", "rejected": "rejected"}
_COUNTED = {"accepted": "posted", "rejected": "rows_rejected", "later": "rows_waiting", "unknown": "rows_waiting"}
