"""Erase: people go from every place that the hub knows, step by step; a kill between steps loses nothing.

1. The request is written down with all that is to be done, sealed; their addresses are suppressed, and messages that
   wait are cancelled. The log, which no backup brings back, is told.
2. Audiences and systems let go of them: before here, for here is known by which keys they have them.
3. The warehouse, the lake, the ledger and the files of the hub let go, and are written anew.
4. The receipt is signed.

Each step may be done twice, and a run that was killed is gone on with before anything else is done (`go_on`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from hub.errors import RejectedError
from hub.failpoints import reach
from hub.ledger import EVERYTHING, Erasure, Mark, Suppression, Task, forget, scrub
from hub.ledger.erased import CHANNELS
from hub.privacy import raw, subject
from hub.privacy.files import complete_loads, erase_pushes, naming
from hub.privacy.holdings import Holding, count, holdings, values_of
from hub.privacy.log import SEEN, Entry, add_to_log, named, read_log
from hub.privacy.raw import RawRows, Search
from hub.privacy.receipt import write_receipt
from hub.privacy.stores import Stores
from hub.privacy.subject import Subject
from hub.privacy.systems import audiences, carry_out, tasks, written
from hub.warehouse import Transaction
from hub.warehouse.state import fingerprint, remember, seen

HUB = "hub"
"""The place of tasks about the hub's own stores."""

WAREHOUSE, LAKE, LEDGER, FILES = "warehouse", "lake", "ledger", "files"


@dataclass(frozen=True)
class Found:
    """What there is of some people, everywhere; `tables` and `places` count it."""

    subject: Subject
    people: int
    raw: RawRows
    tables: dict[str, int]
    tasks: tuple[Task, ...]
    messages: tuple[str, ...]

    @property
    def places(self) -> dict[str, int]:
        """Count the raw rows by connection and table."""
        counted: dict[str, int] = {}
        for (connection, table, _), rows in sorted(self.raw.rows.items()):
            counted[f"{connection}.{table}"] = counted.get(f"{connection}.{table}", 0) + len(rows)
        return counted


@dataclass(frozen=True)
class Outcome:
    """How a request stands; `by_hand` are keys that people look up at systems, for the screen and for nothing else."""

    erasure: Erasure
    tasks: tuple[Task, ...]
    by_hand: tuple[tuple[str, tuple[str, ...]], ...] = ()
    naming: tuple[Path, ...] = ()


def look(stores: Stores, people: Sequence[int], as_of: datetime) -> Found:
    """Find all there is of some people, and change nothing but what a killed run had left to land."""
    complete_loads(stores)
    with stores.warehouse.begin() as transaction:
        return _found(transaction, stores, subject.subject_of(transaction, people), as_of, len(people))


def _found(transaction: Transaction, stores: Stores, whom: Subject, as_of: datetime, people: int) -> Found:
    held = holdings(transaction, whom)
    rows, whom = Search(transaction, stores, as_of).find(whom, held)
    synced = audiences(transaction, stores, whom, as_of)
    everything = _everything(transaction, stores, whom, held, rows, as_of)
    message = transaction.table("message")
    sent = transaction.rows(sa.select(message.c.source_key).where(message.c.record_id.in_(whom.records)))
    messages = {*(row.source_key for row in sent), *stores.ledger.outbox.of_records(whom.records)}
    return Found(
        whom,
        people,
        rows,
        count(transaction, everything),
        tuple(tasks(transaction, stores, whom, synced)),
        tuple(sorted(messages)),
    )


def _everything(
    transaction: Transaction, stores: Stores, whom: Subject, held: Sequence[Holding], rows: RawRows, as_of: datetime
) -> list[Holding]:
    """Add what is kept by keys and values to what is kept by records: it is found while those are still there."""
    set_aside = raw.quarantined(transaction, whom, rows)
    return [
        *written(transaction, stores, whom, as_of),
        *held,
        *values_of(transaction, whom, raw.cells(stores.lake, rows)),
        *([set_aside] if set_aside is not None else []),
    ]


def ask(stores: Stores, found: Found, by: str, why: str, at: datetime) -> Erasure:
    """Write a request down; from here on nothing goes to these people, whatever happens."""
    if not found.subject.records:
        raise RejectedError("these people have no records: there is nothing to erase")
    due = at + timedelta(days=stores.project.hub.erasure.days)
    asked = Erasure(uuid4().hex, found.people, at, due, by, why.strip())
    rows = {"raw": found.raw.as_data()}
    local = [
        Task(HUB, WAREHOUSE, sum(found.tables.values()), rows=rows),
        Task(HUB, LAKE, found.raw.number, rows=rows),
        Task(HUB, LEDGER, len(found.messages), rows={"messages": found.messages}),
        Task(HUB, FILES, 0, rows={}),
    ]
    marks = found.subject.marks(stores.key)
    stores.ledger.erasures.ask(asked, stores.key, found.subject.as_data(), [*found.tasks, *local], marks)
    reach("erasure asked, log not told")
    add_to_log(stores.project, Entry(asked.id, at, tuple(marks)))
    reach("erasure asked, nothing done")
    return asked


def go_on(stores: Stores, at: datetime) -> list[Outcome]:
    """Do what is still to be done for all requests, and write the stores anew once, however many they are."""
    requests = [_Request(stores, it, at) for it in stores.ledger.erasures.unfinished()]
    for request in requests:
        request.stop_messages()
    for request in requests:
        request.ask_systems()
    here = [request for request in requests if request.whom is not None]
    if here:
        reach("erased at systems, not here")
        seen_by_now = named({entry.id for entry in read_log(stores.project)})
        touched: set[str] = set()
        for request in here:
            touched |= request.erase_here(seen_by_now)
        write_anew(stores, touched)
        reach("erased everywhere, no receipt")
    return [request.conclude() for request in requests]


@dataclass
class _Request:
    """One request on its way."""

    stores: Stores
    erasure: Erasure
    at: datetime
    left: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Open what is sealed."""
        given = self.stores.ledger.erasures.subject(self.erasure.id, self.stores.keys)
        self.whom = subject.from_data(given) if given is not None else None
        self._tasks = self.stores.ledger.erasures.tasks(self.erasure.id, self.stores.keys)

    def stop_messages(self) -> None:
        """Tell the log, suppress their addresses, and cancel what waits to be sent."""
        if self.whom is None:
            return
        marks = self.whom.marks(self.stores.key)
        add_to_log(self.stores.project, Entry(self.erasure.id, self.erasure.asked_at, tuple(marks)))
        suppress(self.stores, marks, self.at)
        task = self._own(LEDGER)
        if task.state == "pending":
            why = dict.fromkeys(task.rows["messages"], "the person was erased")
            self.stores.ledger.outbox.withdraw(why, "cancelled", self.at)

    def ask_systems(self) -> None:
        """Have systems let go of them; one that is away is asked again by the next run."""
        for task in self._tasks:
            if task.place != HUB and task.state == "pending":
                self._settle(carry_out(self.stores.project, task, self.at))

    def erase_here(self, seen_by_now: str) -> set[str]:
        """Have the hub's own stores let go; give the tables that lost rows."""
        assert self.whom is not None, "asked only while it is not done"
        touched: set[str] = set()
        task = self._own(WAREHOUSE)
        if task.state == "pending":
            rows = raw.from_data(task.rows["raw"])
            touched = erase_in_warehouse(self.stores, self.whom, rows, self.erasure.id, seen_by_now, self.at)
        reach("erased in the warehouse, not in the lake")
        task = self._own(LAKE)
        if task.state == "pending":
            raw.remove(self.stores.lake, raw.from_data(task.rows["raw"]))
            self.stores.lake.note(SEEN, seen_by_now)
            self._settle(replace(task, state="confirmed"))
        reach("erased in the lake, not in the ledger")
        task = self._own(LEDGER)
        if task.state == "pending":
            hashes = [mark.hash for mark in self.whom.marks(self.stores.key)]
            forget(self.stores.ledger.engine, self.whom.records, task.rows["messages"], hashes)
            erase_pushes(self.stores, self.whom)
            self._settle(replace(task, state="confirmed"))
        self.left = tuple(naming(self.stores, self.whom))
        return touched

    def conclude(self) -> Outcome:
        """Let go of whom it is about, and sign what came of it."""
        if self.whom is not None:
            self._settle(replace(self._own(WAREHOUSE), state="confirmed"))
            told = f"{len(self.left)} files of the project still name them" if self.left else ""
            self._settle(replace(self._own(FILES), state="unsupported" if self.left else "confirmed", reason=told))
        done = sign_again(self.stores, self.erasure, self.at)
        known = self.stores.ledger.erasures.tasks(self.erasure.id, self.stores.keys)
        return Outcome(done, tuple(known), by_hand(known), self.left)

    def _own(self, what: str) -> Task:
        return next(task for task in self._tasks if task.place == HUB and task.what == what)

    def _settle(self, task: Task) -> None:
        self.stores.ledger.erasures.settle(self.erasure.id, self.stores.key, task, self.at)


def sign_again(stores: Stores, erasure: Erasure, at: datetime) -> Erasure:
    """Sign the receipt of a request as it stands now; give the request with it."""
    receipt = write_receipt(stores.key, erasure, stores.ledger.erasures.tasks(erasure.id))
    stores.ledger.erasures.finish(erasure.id, at, receipt)
    return replace(erasure, done_at=erasure.done_at or at, receipt=receipt)


def by_hand(tasks: Iterable[Task]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Give what people have to look up and erase themselves: the connection, and the keys there."""
    return tuple((task.place, tuple(_keys(task.rows))) for task in tasks if task.state == "unsupported" and task.rows)


def write_anew(stores: Stores, touched: set[str]) -> None:
    """Write warehouse and ledger anew, so that nothing of what was deleted is left in their files.

    Where a run was killed before, nobody knows any more which tables lost rows: then all are.
    """
    stores.warehouse.scrub(touched or {table.name for table in stores.project.schema})
    scrub(stores.ledger.engine)


def suppress(stores: Stores, marks: Sequence[Mark], at: datetime) -> None:
    """Let nothing be sent any more to the addresses among marks; that they were erased lifts nothing."""
    addresses = [mark for mark in marks if mark.kind in CHANNELS.values()]
    stores.ledger.suppressions.add([Suppression(mark.hash, EVERYTHING, "erased", "erased", at) for mark in addresses])


def erase_in_warehouse(
    stores: Stores, whom: Subject, rows: RawRows, mark: str, seen_by_now: str, at: datetime
) -> set[str]:
    """Take a subject out of the warehouse, in one transaction; give the tables that lost rows."""
    with stores.warehouse.begin() as transaction:
        touched = set()
        for holding in _everything(transaction, stores, whom, holdings(transaction, whom), rows, at):
            if transaction.execute(sa.delete(holding.table).where(holding.condition)).rowcount:
                touched.add(holding.name)
        if touched:
            # what depends on facts must look again
            remember(transaction, "map", fingerprint(seen(transaction, "map"), "erased", mark), at)
        remember(transaction, SEEN, seen_by_now, at)
    return touched


def _keys(rows: Any) -> list[str]:
    return list(rows) if isinstance(rows, dict) else [row["key"] for row in rows]
