"""Syncs: bring each destination to what the rows here say, and remember what was acknowledged.

Only acknowledged rows are remembered, so a row that failed stays different and is sent again. Rows are idempotent by
their key: what a killed run had sent and not written down is sent once more, and changes nothing there. A destination
in trouble is left alone as it is for messages; after the pause a run goes on from what was acknowledged.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from threading import Lock

from hub.contracts import Destination
from hub.failpoints import reach
from hub.ledger import Ledger
from hub.project import Project
from hub.project.sync import Sync
from hub.recipients import Marks
from hub.stages.activate.deliver import Answer
from hub.stages.activate.difference import Difference, Kind, difference, digest, only
from hub.stages.activate.guards import Held, held_by, told
from hub.stages.activate.journal import How, Journal, open_journal
from hub.stages.activate.listed import asks_registers
from hub.stages.activate.old_changes import remove_old_changes
from hub.stages.activate.pace import Pace, RunClock
from hub.stages.activate.ship import Batch, Shipment, call
from hub.stages.activate.strays import hold_strays
from hub.stages.activate.watch import Watch
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

DEPENDS_ON = ("map", "resolve", "enrich", "segment")
AUDIENCE = "in_audience"
"""What a sync says where it depends on the audiences that scenarios fill."""


@dataclass(frozen=True)
class Way:
    """How a sync runs: as scheduled, by a plan, or all over again.

    `expected` is the digest that the difference must have; with `override`, no guard holds. `limit` and `person_id` let
    only some rows go.
    """

    how: How = "run"
    expected: str | None = None
    override: bool = False
    limit: int | None = None
    person_id: int | None = None


@dataclass
class Outcome:
    """What became of the rows of one sync. `changed` says that the difference was not the expected one.

    `stopped` says why it went no further, `failure` what of that is news: that a destination is still in trouble is
    none for a run that its schedule started.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    stopped: str = ""
    held: Held | None = None
    changed: bool = False

    def failures(self) -> list[str]:
        """Say what went wrong; rows that failed are grouped by reason when none was taken."""
        failed = self.counts["not_synced"]
        if self.failure or self.stopped:
            return [self.failure] if self.failure else []
        if failed and not self.counts["synced"] + self.counts["removed"]:
            grouped = "; ".join(f"{number} x {reason}" for reason, number in self.reasons.most_common(5))
            return [f"none of {failed} rows was taken: {grouped}"]
        return []


@dataclass(frozen=True)
class Stores:
    """What a run of syncs works on; `lock` lets one thread at a time compute or write in the warehouse."""

    warehouse: Warehouse
    ledger: Ledger
    project: Project
    as_of: datetime
    marks: Marks
    lock: Lock = field(default_factory=Lock)


def run_syncs(
    warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime, syncs: Sequence[Sync] | None = None
) -> tuple[Counter[str], list[str]]:
    """Run syncs, all by default; destinations go side by side. Gives rows by what became of them, and what failed."""
    chosen = list(project.syncs.values()) if syncs is None else syncs
    counts: Counter[str] = Counter()
    failures: list[str] = []
    stores = Stores(warehouse, ledger, project, as_of, Marks(project.key))
    for sync, outcome in run_ways(stores, [(sync, Way()) for sync in chosen]):
        counts.update(outcome.counts)
        failures += [f"sync {sync.sync}: {failure}" for failure in outcome.failures()]
    return counts, failures


def run_ways(stores: Stores, syncs: Sequence[tuple[Sync, Way]]) -> list[tuple[Sync, Outcome]]:
    """Run syncs, each in its way; destinations go side by side, the syncs of one destination one after the other."""
    by_connection: dict[str, list[tuple[Sync, Way]]] = {}
    for sync, way in syncs:
        by_connection.setdefault(sync.to.connection, []).append((sync, way))
    if not by_connection:
        return []
    clock = RunClock(stores.as_of)
    with (
        stores.ledger.senders.enter() as sender,
        ThreadPoolExecutor(max_workers=len(by_connection), thread_name_prefix="sync") as pool,
    ):
        started = []
        for connection, its in by_connection.items():
            watch = Watch(stores.ledger.destinations, connection, clock)
            watch.begin(sender)
            started.append(pool.submit(copy_context().run, _run_all, stores, its, watch))
        results = [result for future in started for result in future.result()]
    remove_old_changes(stores.warehouse, stores.project, stores.as_of)
    return results


def _run_all(stores: Stores, syncs: Sequence[tuple[Sync, Way]], watch: Watch) -> list[tuple[Sync, Outcome]]:
    plugin = destination_of(stores.project, syncs[0][0])
    pace = Pace(plugin.capabilities.rates, stores.ledger.allowances, syncs[0][0].to.connection)
    with ExitStack() as open_:
        with stores.lock:
            reading = open_.enter_context(stores.warehouse.begin())
        return [
            (sync, _Run(stores, reading, sync, way, plugin, pace, watch, sync is syncs[-1][0]).run())
            for sync, way in syncs
        ]


def destination_of(project: Project, sync: Sync) -> Destination:
    """Open the plugin that a sync goes to."""
    plugin = project.connections[sync.to.connection].open()
    assert isinstance(plugin, Destination), "the project's check lets syncs go to destinations only"
    return plugin


def compare(
    transaction: Transaction, stores: Stores, sync: Sync, destination: Destination, how: How = "run"
) -> Difference:
    """Compare what a destination should hold with what it acknowledged; for a resync also with what stands there."""
    again = how == "resync"
    strays = hold_strays(transaction, sync, destination) if again else None
    its = stores
    return difference(transaction, its.ledger, its.marks, its.project, sync, its.as_of, again, strays)


@dataclass
class _Run:
    """One sync in one run. What differs is read from one transaction, what is acknowledged written in others.

    The syncs of a destination read from the same one: what they all ask, it answers once, and the last lets go of it.
    What was compared is no longer needed when rows go: the transaction ends a part there, so that its memory is free.
    """

    stores: Stores
    reading: Transaction
    sync: Sync
    way: Way
    destination: Destination
    pace: Pace
    watch: Watch
    is_last: bool
    outcome: Outcome = field(default_factory=Outcome)

    def run(self) -> Outcome:
        """Compare, send, and remember what was acknowledged."""
        if self.watch.is_over:
            self._leave_alone()
            return self.outcome
        reading = self.reading
        with self.stores.lock:
            # a register may list others tomorrow: who is in it is asked at every run
            asked = asks_registers(self.stores.project, self.sync, self.stores.as_of)
            mark = None if asked else _mark(reading, self.stores.ledger, self.sync)
            if self.way.how == "run" and mark is not None and seen(reading, self._stage) == mark:
                return self.outcome
            before = open_journal(reading, self.sync.sync)
            differs = compare(reading, self.stores, self.sync, self.destination, self.way.how)
            if self.way.expected is not None and digest(reading, differs) != self.way.expected:
                self.outcome.changed = True
                return self.outcome
            if self.is_last:
                reading.forget_held_once()
            reading.end_part()
        if not self.way.override:
            self.outcome.held = held_by(self.sync, differs, before.source)
        journal = Journal(
            self.stores.warehouse,
            self.stores.lock,
            self.sync.sync,
            before.number,
            self.stores.as_of,
            self.way.how,
            self.outcome.counts,
            self.outcome.reasons,
        )
        self._send(reading, differs, journal)
        self._conclude(differs, journal, before.held)
        reach("run of a sync told, not remembered")
        if mark is not None and not self.outcome.stopped and not self._unsent(differs) and not self.outcome.held:
            with self.stores.lock, self.stores.warehouse.begin() as transaction:
                remember(transaction, self._stage, mark, self.stores.as_of)
        return self.outcome

    def _leave_alone(self) -> None:
        """Send nothing while the destination is in trouble. Who asked for this very run is told why."""
        name = self.sync.to.connection
        health = next((it for it in self.stores.ledger.destinations.in_trouble() if it.connection == name), None)
        if health is None:
            self.outcome.stopped = f"{name}: {self.watch.reason}"
        else:
            self.outcome.stopped = f"{health.told}. It is left alone until {health.until:%Y-%m-%d %H:%M}"
        if self.way.how != "run":
            self.outcome.failure = self.outcome.stopped

    @property
    def _stage(self) -> str:
        return f"sync {self.sync.sync}"

    def _send(self, reading: Transaction, differs: Difference, journal: Journal) -> None:
        shipment = Shipment(self.sync, self.destination.capabilities, differs)
        if not differs.by_kind:
            return
        changes = differs.changes
        if self.way.limit is not None or self.way.person_id is not None:
            changes = only(reading, differs, self.way.limit, self.way.person_id)
        journal.tell(**self._source(differs), reason="it was broken off")
        reach("run of a sync begun, nothing sent")
        kept: tuple[Kind, ...] | None = ("refused",) if self.outcome.held else None
        for keys in reading.arrow(shipment.forgotten(changes, kept)):
            journal.forget(keys)
        for batch, answer in self._answers(shipment.batches(reading, changes, kept)):
            reach("rows taken, not noted")
            journal.add(batch.sent, batch.rows, answer.results)
            self.watch.saw_rows(answer)
        journal.write()
        if self.watch.is_over:
            self.outcome.stopped = f"{self.sync.to.connection}: {self.watch.reason}"
            if self.watch.outcome.failure or self.way.how != "run":
                self.outcome.failure = self.outcome.stopped

    def _answers(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Answer]]:
        """Send batches, as many at once as the destination allows, and one alone where it was in trouble."""
        at_once = self.destination.capabilities.concurrency
        if at_once == 1:
            for batch in self._allowed(batches):
                yield batch, call(self.destination, self.sync, batch)
            return
        under_way: deque[tuple[Batch, Future[Answer]]] = deque()
        with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix=f"sync {self.sync.sync}") as pool:
            for batch in self._allowed(batches):
                work: Callable[[], Answer] = partial(call, self.destination, self.sync, batch)
                under_way.append((batch, pool.submit(copy_context().run, work)))
                most = 1 if self.watch.is_trial else at_once
                while len(under_way) >= most or (under_way and under_way[0][1].done()):
                    first, future = under_way.popleft()
                    yield first, future.result()
            for first, future in under_way:
                yield first, future.result()

    def _allowed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Give batches as fast as the destination's rates allow, for as long as it takes them."""
        for batch in batches:
            rest = batch
            while rest.rows.num_rows and not self.watch.is_over:
                if pause := self.watch.rest():
                    time.sleep(pause)
                number = self.pace.take(rest.rows.num_rows)
                if not number:
                    self.watch.used_up(self.pace.wait)
                    return
                yield replace(rest, rows=rest.rows.slice(0, number))
                rest = replace(rest, rows=rest.rows.slice(number))
            if self.watch.is_over:
                return

    def _conclude(self, differs: Difference, journal: Journal, held_before: str) -> None:
        """Write down what the run came to. Who looks after it is told when a guard begins to hold, and once."""
        counts, held = self.outcome.counts, self.outcome.held
        kept_back = max(0, self._unsent(differs) - counts["not_synced"])
        invalid = differs.counts.no_key + differs.counts.shared
        counts.update({"invalid": invalid, "kept_back": kept_back if held else 0})
        why = told(self.sync, held, counts["removed"]) if held is not None else ""
        if held is not None and (self.way.how != "run" or held.guard != held_before):
            self.outcome.failure = self.outcome.failure or why
        reason = why or self.outcome.stopped or next(iter(self.outcome.failures()), None)
        journal.tell(
            **self._source(differs),
            kept_back=kept_back,
            held=held.guard if held is not None else None,
            reason=reason,
        )

    def _unsent(self, differs: Difference) -> int:
        """Say how many rows differ still."""
        sent = self.outcome.counts["synced"] + self.outcome.counts["removed"]
        return sum(differs.by_kind.values()) - sent

    def _source(self, differs: Difference) -> dict[str, int | str | None]:
        counts = differs.counts
        return {
            "source": counts.source,
            "refused": counts.refused,
            "invalid": counts.no_key + counts.shared,
            "unchanged": differs.unchanged,
        }


def _mark(transaction: Transaction, ledger: Ledger, sync: Sync) -> str | None:
    """Name everything that the rows depend on; None while the segments have never been evaluated."""
    written = sync.model_dump_json()
    filled = ("decide",) if AUDIENCE in written else ()
    marks = [seen(transaction, stage) for stage in (*filled, *DEPENDS_ON)]
    return fingerprint(marks, ledger.suppressions.state(), written) if marks[-1] is not None else None
