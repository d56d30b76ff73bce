"""Ship: the rows of a difference, made into batches of the destination's size, with the operation for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.contracts import Capabilities, Destination, Operation, Result, Row, SyncBatch
from hub.failpoints import reach
from hub.project.sync import Leaving, Sync
from hub.project.sync_check import WRITES, for_refusers, taking_out
from hub.row_json import rows_as_json
from hub.stages.activate.deliver import Answer, deliver, deliver_rows
from hub.stages.activate.difference import TAKEN_OUT, WRITTEN, Difference, Kind
from hub.stages.activate.journal import TAKES_OUT, Sent
from hub.stages.activate.stretches import stretches
from hub.warehouse import Transaction

if TYPE_CHECKING:
    import pyarrow as pa

READ = 10_000
"""So many rows, or one batch of the destination where that is more, are held in memory at once."""
SLICE = 50_000
"""About so many rows are joined to their fields at once."""
SLICES = 20
"""But no more than so many times."""
JSON = "json"
"""The column with the fields of each row as JSON."""


@dataclass(frozen=True)
class Batch:
    """Rows for one call: row_key, row_hash, remote_id, known, and f0, f1 ... where their fields go along."""

    sent: Sent
    operation: Operation
    rows: pa.RecordBatch


@dataclass(frozen=True)
class Shipment:
    """What a sync sends of a difference, and how."""

    sync: Sync
    capabilities: Capabilities
    differs: Difference

    def batches(
        self, transaction: Transaction, changes: sa.TableClause, kinds: Sequence[Kind] | None = None
    ) -> Iterator[Batch]:
        """Give batches, of some `kinds` only where they are named. Removals first: who withdrew waits for nobody."""
        size = self.capabilities.batch_size
        for way in dict.fromkeys(map(self.way_out, TAKEN_OUT)):
            operation = taking_out(way, self.capabilities) if way is not None else None
            if way in (None, "keep") or operation is None:
                continue
            mine = [kind for kind in self._of(TAKEN_OUT, kinds) if self.way_out(kind) == way]
            names = ("row_key", "row_hash", "remote_id", "known")
            asked = sa.select(*(changes.c[name] for name in names)).where(changes.c.kind.in_(mine))
            sent: Sent = "clear" if way == "clear" else operation
            for rows in _regrouped(transaction.arrow(asked, max(size, READ)), size):
                yield Batch(sent, operation, rows)
        mine = self._of(WRITTEN, kinds)
        if mine:
            operation = WRITES[self.sync.mode]
            for rows in _regrouped(self._read(transaction, changes, mine), size, tuple(self.sync.fields)):
                yield Batch(operation, operation, rows)

    def _read(
        self, transaction: Transaction, changes: sa.TableClause, kinds: Sequence[Kind]
    ) -> Iterator[pa.RecordBatch]:
        """Read rows to write with their fields. Of people, only those are looked through who have a slice's numbers."""
        of_people = self.sync.of_people
        place = changes.c.i0 if of_people else changes.c.place
        number = self.differs.audience.source.identity[0] if of_people else place
        mine = changes.c.kind.in_(kinds)
        bounds = sa.select(sa.func.min(place), sa.func.max(place), sa.func.count()).where(mine)
        ((first, last, rows),) = transaction.rows(bounds)
        asked = self.differs.audience.with_fields(changes).where(mine)
        for within in stretches(number, first or 0, last or 0, rows, SLICE, SLICES):
            yield from transaction.arrow(asked.where(within), max(self.capabilities.batch_size, READ))

    def forgotten(self, changes: sa.TableClause, kinds: Sequence[Kind] | None = None) -> sa.Select[tuple[str]]:
        """Select the keys of rows that are to be taken out, where there is no way to."""
        mine = [kind for kind in self._of(TAKEN_OUT, kinds) if self.way_out(kind) is None]
        return sa.select(changes.c.row_key).where(changes.c.kind.in_(mine))

    def way_out(self, kind: Kind) -> Leaving | None:
        """Say how a row of a kind is taken out; None where nothing can be done."""
        return self.sync.on_leaving if kind == "left" else for_refusers(self.sync, self.capabilities)

    def _of(self, among: Sequence[Kind], kinds: Sequence[Kind] | None) -> list[Kind]:
        return [kind for kind in among if kind in self.differs.by_kind and (kinds is None or kind in kinds)]


def call(destination: Destination, sync: Sync, batch: Batch) -> Answer:
    """Hand one batch to a destination, and give one result per row, in their order."""
    ready = as_sync_batch(sync, batch)
    reach("rows about to go")
    if sync.mode == "fill_empty" and batch.sent == "update":
        return _fill_empty(destination, sync, ready.rows)
    return deliver_rows(ready.keys, lambda: destination.sync(ready))


def as_sync_batch(sync: Sync, batch: Batch) -> SyncBatch:
    """Make what a plugin gets."""
    keys, texts = batch.rows.column("row_key").to_pylist(), None
    if JSON in batch.rows.schema.names:
        texts = batch.rows.column(JSON).to_pylist()
    return SyncBatch(sync.to.object, batch.operation, _Rows(sync, batch), keys, texts)


class _Rows(Sequence[Row]):
    """The rows of a batch, made when a plugin looks at them."""

    def __init__(self, sync: Sync, batch: Batch) -> None:
        self._sync = sync
        self._batch = batch

    def __len__(self) -> int:
        return int(self._batch.rows.num_rows)

    def __getitem__(self, place: Any) -> Any:
        return self._rows[place]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    @cached_property
    def _rows(self) -> list[Row]:
        return _rows_of(self._sync, self._batch)


def _rows_of(sync: Sync, batch: Batch) -> list[Row]:
    columns = batch.rows
    keys = columns.column("row_key").to_pylist()
    remote = columns.column("remote_id").to_pylist()
    names = tuple(sync.fields)
    if batch.sent in TAKES_OUT or not names:
        nothing = dict.fromkeys(names) if batch.sent == "clear" else {}
        return [Row(key, nothing, its or "") for key, its in zip(keys, remote, strict=True)]
    values = [columns.column(f"f{place}").to_pylist() for place in range(len(names))]
    return [
        Row(key, dict(zip(names, its, strict=True)), id_ or "")
        for key, id_, its in zip(keys, remote, zip(*values, strict=True), strict=True)
    ]


def _fill_empty(destination: Destination, sync: Sync, rows: Sequence[Row]) -> Answer:
    """Fill what is empty there; a row of which nothing is empty is as it should be."""
    there: dict[str, Mapping[str, Any]] = {}

    def read() -> Sequence[Result]:
        there.update(destination.read_back(sync.to.object, rows, list(sync.fields)))
        return [Result(row.key, "accepted") for row in rows]

    answer = deliver([row.key for row in rows], read)
    if answer.failure or any(result.status != "accepted" for result in answer.results):
        return answer
    to_fill = [
        Row(row.key, missing, row.remote_id)
        for row in rows
        if row.key in there and (missing := _missing(row.fields, there[row.key]))
    ]
    told: dict[str, Result] = {}
    if to_fill:
        ready = SyncBatch(sync.to.object, "update", to_fill)
        answer = deliver([row.key for row in to_fill], lambda: destination.sync(ready))
        told = {result.id: result for result in answer.results}
    absent = "there is no such row there"
    results = [
        told.get(row.key)
        or (Result(row.key, "accepted") if row.key in there else Result(row.key, "rejected", reason=absent))
        for row in rows
    ]
    return Answer(results, answer.failure)


def _missing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in ours.items() if value is not None and theirs.get(name) in (None, "")}


def _regrouped(reading: Iterable[pa.RecordBatch], size: int, names: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """Give what is read in batches of exactly so many rows, but for the last; named fields also as JSON.

    What is given lies in what was read, so that nothing is copied but the rows that two readings share.
    """
    import pyarrow as pa

    rest: pa.RecordBatch | None = None
    for read in reading:
        batch, start = _with_json(read, names), 0
        if rest is not None and rest.schema != batch.schema:
            yield rest
        elif rest is not None:
            start = min(size - rest.num_rows, batch.num_rows)
            batches = [rest, batch.slice(0, start)]
            (joined,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
            if joined.num_rows < size:
                rest = joined
                continue
            yield joined
        end = batch.num_rows - (batch.num_rows - start) % size
        for place in range(start, end, size):
            yield batch.slice(place, size)
        rest = batch.slice(end) if end < batch.num_rows else None
    if rest is not None:
        yield rest


def _with_json(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    texts = rows_as_json([batch.column(f"f{place}") for place in range(len(names))], names)
    return batch if texts is None else batch.append_column(JSON, texts)
