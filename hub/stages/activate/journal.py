"""The journal of a sync: what was acknowledged, row by row, and what each run came to; written in portions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from hub.contracts import Result
from hub.failpoints import reach
from hub.warehouse import Transaction, Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

PORTION = 20_000
"""After so many rows at the latest they are written down; a kill sends at most so many again."""
WRITE_OUT = 100_000
"""After so many rows what was written down leaves the engine's memory."""
SECONDS = 10.0
"""And after so long, for destinations that take their time."""

How = Literal["run", "plan", "resync"]
Sent = Literal["upsert", "add", "update", "remove", "delete", "clear"]
"""What is done with a row; to clear it is to update it with nothing in its fields."""
Told = tuple[str, str, str]
"""What became of a row: status, reason and remote id."""
PLAIN: Told = ("accepted", "", "")
"""What most rows come to."""
NOTED = ["row_key", "row_hash", "remote_id", "known"]
TAKES_OUT = ("remove", "delete", "clear")
RESULTS = {"written": "synced", "taken_out": "removed", "failed": "not_synced"}


@dataclass(frozen=True)
class Opened:
    """What the journal says of a sync so far: the number that the next run gets, and how the last ones ended."""

    number: int
    held: str
    """The guard that held the last run; empty where none did."""
    source: int | None
    """How large the source was when a run was last let through."""


def open_journal(transaction: Transaction, sync: str) -> Opened:
    """Look up how the runs of a sync ended."""
    run = transaction.table("sync_run")
    mine = sa.select(run.c.number, run.c.held, run.c.source).where(run.c.sync == sync)
    last = transaction.rows(mine.order_by(run.c.number.desc()).limit(1))
    through = transaction.rows(mine.where(run.c.held.is_(None)).order_by(run.c.number.desc()).limit(1))
    if not last:
        return Opened(1, "", None)
    return Opened(int(last[0].number) + 1, last[0].held or "", int(through[0].source) if through else None)


@dataclass
class Journal:
    """Writes down one run of a sync, each portion in a transaction of its own."""

    warehouse: Warehouse
    lock: Lock
    sync: str
    number: int
    as_of: datetime
    how: How
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    clock: Callable[[], float] = time.monotonic
    _portion: list[_Noted] = field(default_factory=list)
    _rows: int = 0
    _in_memory: int = 0
    _since: float = 0.0

    def add(self, operation: Sent, rows: pa.RecordBatch, results: Sequence[Result]) -> None:
        """Note what became of rows (row_key, row_hash, remote_id, known; written, if it comes back), in their order."""
        import pyarrow as pa

        if not self._portion:
            self._since = self.clock()
        count = len(results)
        told: list[Told] = [(result.status, result.reason, result.remote_id) for result in results]
        plain = told.count(PLAIN) == count
        taken = count if plain else sum(status == "accepted" for status, _, _ in told)
        self.counts["removed" if operation in TAKES_OUT else "synced"] += taken
        if taken < count:
            self.counts["not_synced"] += count - taken
            self.reasons.update(reason for status, reason, _ in told if status != "accepted")
        written = rows.column("written") if "written" in rows.schema.names else pa.nulls(count, pa.string())
        noted = rows.select(NOTED).append_column("written", written)
        self._portion.append(_Noted(operation, noted, None if plain else told))
        self._rows += count
        if self._rows >= PORTION or self.clock() - self._since > SECONDS:
            self.write()

    def write(self) -> None:
        """Write down what was noted: what the destination holds now, and the changes themselves."""
        import pyarrow.compute as pc

        if not self._portion:
            return
        noted, self._portion, self._rows = _as_table(self._portion), [], 0
        reach("rows sent, not acknowledged")
        with self.lock, self.warehouse.begin() as transaction:
            rows = transaction.load("noted", noted)
            state, change = transaction.table("audience_state"), transaction.table("sync_change")
            accepted = rows.c.result == "accepted"
            if pc.any(noted.column("known")).as_py():
                earlier = state.c.row_key.in_(sa.select(rows.c.row_key).where(rows.c.known, accepted))
                transaction.execute(sa.delete(state).where(state.c.sync == self.sync, earlier))
            at = sa.literal(self.as_of, sa.DateTime(timezone=True))
            remote_id = sa.func.coalesce(rows.c.new_id, rows.c.remote_id)
            transaction.execute(
                sa.insert(state).from_select(
                    ["sync", "row_key", "row_hash", "remote_id", "acknowledged_at", "written"],
                    sa.select(
                        sa.literal(self.sync), rows.c.row_key, rows.c.row_hash, remote_id, at, rows.c.written
                    ).where(accepted, rows.c.operation.not_in(TAKES_OUT)),
                )
            )
            transaction.execute(
                sa.insert(change).from_select(
                    ["sync", "number", "row_key", "operation", "result", "reason"],
                    sa.select(
                        sa.literal(self.sync),
                        sa.literal(self.number, sa.BigInteger()),
                        rows.c.row_key,
                        rows.c.operation,
                        rows.c.result,
                        rows.c.reason,
                    ),
                )
            )
            reach("rows written, not committed")
        reach("rows acknowledged")
        self._in_memory += noted.num_rows
        if self._in_memory >= WRITE_OUT:
            with self.lock:
                self.warehouse.write_out()
            self._in_memory = 0

    def forget(self, keys: pa.RecordBatch) -> None:
        """Count rows (row_key) as never acknowledged: what was written stays there, and is nobody's business now."""
        import pyarrow as pa

        if not keys.num_rows:
            return
        with self.lock, self.warehouse.begin() as transaction:
            rows = transaction.load("forgotten", pa.Table.from_batches([keys]))
            state = transaction.table("audience_state")
            transaction.execute(
                sa.delete(state).where(state.c.sync == self.sync, state.c.row_key.in_(sa.select(rows.c.row_key)))
            )

    def tell(self, **told: int | str | None) -> None:
        """Write down what the run came to so far: columns of `sync_run`."""
        mine = {"sync": self.sync, "number": self.number, "as_of": self.as_of, "how": self.how}
        counted = {column: self.counts[name] for column, name in RESULTS.items()}
        with self.lock, self.warehouse.begin() as transaction:
            run = transaction.table("sync_run")
            transaction.execute(sa.delete(run).where(run.c.sync == self.sync, run.c.number == self.number))
            transaction.execute(sa.insert(run).values(**mine, **counted, **told))


@dataclass(frozen=True)
class _Noted:
    """The rows of one call, and what became of each; None where they all were plainly taken."""

    operation: Sent
    rows: pa.RecordBatch
    told: Sequence[Told] | None


def _as_table(portion: Sequence[_Noted]) -> pa.Table:
    """Put calls together: NOTED, written, operation, result, reason, new_id."""
    import pyarrow as pa

    from hub.warehouse.arrow import texts

    table, text = pa.Table.from_batches([noted.rows for noted in portion]), pa.string()
    columns: dict[str, list[pa.Array]] = {name: [] for name in ("operation", "result", "reason", "new_id")}
    for (operation, plain), calls in groupby(portion, lambda noted: (noted.operation, noted.told is None)):
        among = list(calls)
        number = sum(noted.rows.num_rows for noted in among)
        told = [PLAIN] if plain else [it for noted in among for it in noted.told or ()]
        columns["operation"].append(pa.repeat(texts([operation])[0], number))
        for place, name in enumerate(("result", "reason", "new_id")):
            values = texts([it[place] or None for it in told])
            columns[name].append(pa.repeat(values[0], number) if plain else values)
    for name, chunks in columns.items():
        table = table.append_column(name, pa.chunked_array(chunks, text))
    return table
