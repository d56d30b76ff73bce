"""Syncs: bring each audience at its destination to what its segment says, and remember what was acknowledged.

Only acknowledged rows are remembered, so a row that failed stays different and is sent again. Rows are idempotent by
their key: what a killed run had sent and not written down is sent once more, and changes nothing there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.contracts import Destination, Operation, Result, Row, SyncBatch
from hub.failpoints import reach
from hub.ledger import Ledger
from hub.project import Project
from hub.project.models import Sync
from hub.recipients import Marks
from hub.stages.activate.deliver import deliver
from hub.stages.activate.difference import Difference, difference
from hub.stages.activate.pace import Pace
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

if TYPE_CHECKING:
    import pyarrow as pa

PORTION = 5_000
"""After so many acknowledged rows at the latest they are written down."""

DEPENDS_ON = ("map", "resolve", "enrich", "segment")


def run_syncs(
    warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime
) -> tuple[Counter[str], list[str]]:
    """Run every sync; destinations go side by side. Gives rows by what became of them, and what failed."""
    by_connection: dict[str, list[Sync]] = {}
    for sync in project.syncs.values():
        by_connection.setdefault(sync.to.connection, []).append(sync)
    counts: Counter[str] = Counter()
    failures: list[str] = []
    if by_connection:
        lock, marks = Lock(), Marks(project.key)
        with ThreadPoolExecutor(max_workers=len(by_connection), thread_name_prefix="sync") as pool:
            started = [
                pool.submit(copy_context().run, _run_all, warehouse, ledger, marks, project, syncs, lock, as_of)
                for syncs in by_connection.values()
            ]
            for future in started:
                for sync, outcome in future.result():
                    counts.update(outcome.counts)
                    failures += [f"sync {sync.sync}: {failure}" for failure in outcome.failures()]
    return counts, failures


@dataclass
class Outcome:
    """What became of the rows of one sync."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failure: str = ""

    def failures(self) -> list[str]:
        """Say what went wrong; rows that failed are grouped by reason when none was taken."""
        failed = self.counts["not_synced"]
        if self.failure:
            return [self.failure]
        if failed and not self.counts["synced"] + self.counts["removed"]:
            grouped = "; ".join(f"{number} x {reason}" for reason, number in self.reasons.most_common(5))
            return [f"none of {failed} rows was taken: {grouped}"]
        return []


def _run_all(
    warehouse: Warehouse,
    ledger: Ledger,
    marks: Marks,
    project: Project,
    syncs: Sequence[Sync],
    lock: Lock,
    as_of: datetime,
) -> list[tuple[Sync, Outcome]]:
    plugin = project.connections[syncs[0].to.connection].open()
    assert isinstance(plugin, Destination), "the project's check lets syncs go to destinations only"
    pace = Pace(plugin.capabilities.rates, ledger.allowances, syncs[0].to.connection)
    return [(sync, _Run(warehouse, ledger, marks, project, sync, plugin, pace, lock, as_of).run()) for sync in syncs]


@dataclass
class _Run:
    """One sync in one run. Nothing is kept open in the warehouse while the destination works."""

    warehouse: Warehouse
    ledger: Ledger
    marks: Marks
    project: Project
    sync: Sync
    destination: Destination
    pace: Pace
    warehouse_lock: Lock
    as_of: datetime
    outcome: Outcome = field(default_factory=Outcome)

    def run(self) -> Outcome:
        """Compare, send, and remember what was acknowledged."""
        with self.warehouse_lock, self.warehouse.begin() as transaction:
            mark = _mark(transaction, self.sync)
            if mark is not None and seen(transaction, self._stage) == mark:
                return self.outcome
            differs = difference(transaction, self.ledger, self.marks, self.project, self.sync, self.as_of)
        self._send(differs)
        self.outcome.failure = self.outcome.failure or differs.held
        if mark is not None and not self.outcome.failure and not self.outcome.counts["not_synced"]:
            with self.warehouse_lock, self.warehouse.begin() as transaction:
                remember(transaction, self._stage, mark, self.as_of)
        return self.outcome

    @property
    def _stage(self) -> str:
        return f"sync {self.sync.sync}"

    def _send(self, differs: Difference) -> None:
        acknowledged: list[tuple[str, str | None, str, bool]] = []
        for operation, rows in self._batches(differs):
            known = {row["row_key"]: row for row in rows}
            for result in self._call(operation, rows):
                self._count(operation, result)
                if result.status == "accepted":
                    row = known[result.id]
                    acknowledged.append((result.id, row.get("row_hash"), result.remote_id, row.get("known", True)))
            if len(acknowledged) >= PORTION or self.outcome.failure:
                self._remember(acknowledged)
                acknowledged = []
            if self.outcome.failure:
                return
        self._remember(acknowledged)

    def _batches(self, differs: Difference) -> Iterator[tuple[Operation, list[dict[str, Any]]]]:
        """Give removals first: who withdrew consent waits for nobody."""
        size = self.destination.capabilities.batch_size
        if differs.removes.num_rows and "remove" not in self.destination.capabilities.operations:
            self.outcome.failure = (
                f"{differs.removes.num_rows} rows must be removed, and this destination can't: remove them there by "
                "hand, or write `leaving: keep`"
            )
            return
        yield from (("remove", rows) for rows in _portions(differs.removes, size))
        yield from (("upsert", rows) for rows in _portions(differs.upserts, size))

    def _call(self, operation: Operation, rows: Sequence[dict[str, Any]]) -> Sequence[Result]:
        names = list(self.sync.fields)
        batch = SyncBatch(
            self.sync.to.audience,
            operation,
            [
                Row(
                    row["row_key"],
                    {name: row[f"f{place}"] for place, name in enumerate(names)} if operation == "upsert" else {},
                )
                for row in rows
            ],
        )
        if not self.pace.take(1):
            self.outcome.failure = "as many went as its rates allow; a next run goes on"
            return []
        answer = deliver([row.key for row in batch.rows], lambda: self.destination.sync(batch))
        self.outcome.failure = answer.failure
        if not answer.failure and all(result.status == "later" for result in answer.results):
            self.outcome.failure = f"{self.sync.to.connection} takes nothing now: {answer.results[0].reason}"
        return answer.results

    def _count(self, operation: Operation, result: Result) -> None:
        if result.status != "accepted":
            self.outcome.counts["not_synced"] += 1
            self.outcome.reasons[result.reason] += 1
        else:
            self.outcome.counts["removed" if operation == "remove" else "synced"] += 1

    def _remember(self, acknowledged: Sequence[tuple[str, str | None, str, bool]]) -> None:
        """Write down what the destination holds now. A row without a hash was removed there."""
        import pyarrow as pa

        if not acknowledged:
            return
        types = {"row_key": pa.string(), "row_hash": pa.string(), "remote_id": pa.string(), "known": pa.bool_()}
        columns = {
            name: pa.array([row[place] for row in acknowledged], type_)
            for place, (name, type_) in enumerate(types.items())
        }
        reach("rows sent, not acknowledged")
        with self.warehouse_lock, self.warehouse.begin() as transaction:
            rows = transaction.load("acknowledged", pa.table(columns))
            state = transaction.table("audience_state")
            transaction.execute(
                sa.delete(state).where(
                    state.c.sync == self.sync.sync, state.c.row_key.in_(sa.select(rows.c.row_key).where(rows.c.known))
                )
            )
            transaction.execute(
                sa.insert(state).from_select(
                    ["sync", "row_key", "row_hash", "remote_id", "acknowledged_at"],
                    sa.select(
                        sa.literal(self.sync.sync),
                        rows.c.row_key,
                        rows.c.row_hash,
                        rows.c.remote_id,
                        sa.literal(self.as_of, sa.DateTime(timezone=True)),
                    ).where(rows.c.row_hash.is_not(None)),
                )
            )
        reach("rows acknowledged")


def _mark(transaction: Transaction, sync: Sync) -> str | None:
    """Name everything that the audience depends on; None while the segments have never been evaluated."""
    marks = [seen(transaction, stage) for stage in DEPENDS_ON]
    return fingerprint(marks, sync.model_dump_json()) if marks[-1] is not None else None


def _portions(table: pa.Table, size: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, table.num_rows, size):
        yield table.slice(start, size).to_pylist()
