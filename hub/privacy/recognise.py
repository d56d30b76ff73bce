"""Recognise: whoever was erased, in stores that a backup brought back, and erase them again before anything opens.

The log of erasures stands outside of the backup. Each store notes which requests it has seen; one whose note is
another than the log's was brought back, or was not yet there, and is looked through for the marks of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from hub.ledger import Erased, Erasure, forget
from hub.ledger import tables as ledger_tables
from hub.ledger.erasures import DIGEST, RECORD
from hub.privacy import raw
from hub.privacy.erase import erase_in_warehouse, suppress, write_anew
from hub.privacy.files import complete_loads, erase_pushes
from hub.privacy.holdings import holdings
from hub.privacy.log import SEEN, Entry, named, read_log
from hub.privacy.raw import RawRows, Search
from hub.privacy.stores import Stores
from hub.privacy.subject import Subject, subject_of_records
from hub.schema.shape import STORE
from hub.warehouse import Transaction
from hub.warehouse.state import seen

BROUGHT_BACK = "known from the log"


def replay(stores: Stores, at: datetime) -> int:
    """Erase again, in stores that do not know it, everybody whom the log names; give how many records there were.

    It costs one look at each store where all know all of the log.
    """
    log = read_log(stores.project)
    underway = stores.ledger.erasures.open()
    entries = [entry for entry in log if entry.id not in underway]
    if not entries:
        return 0
    now = named(entry.id for entry in entries)
    known = {it.id for it in stores.ledger.erasures.listed()}
    with stores.warehouse.begin() as transaction:
        noted = seen(transaction, SEEN)
    if all(entry.id in known for entry in entries) and noted == now and stores.lake.seen(SEEN) == now:
        return 0
    complete_loads(stores)
    whom, rows = _found(stores, entries, at)
    marks = [mark for entry in entries for mark in entry.marks]
    suppress(stores, marks, at)
    touched = erase_in_warehouse(stores, whom, rows, now, now, at)
    raw.remove(stores.lake, rows)
    stores.lake.note(SEEN, now)
    messages = _messages(stores, Erased(marks, stores.keys))
    forget(stores.ledger.engine, whom.records, messages, [mark.hash for mark in marks])
    erase_pushes(stores, whom)
    for entry in entries:
        again = Erasure(entry.id, 0, entry.asked_at, entry.asked_at, "hub", BROUGHT_BACK, at)
        stores.ledger.erasures.repeat(again, entry.marks)
    if whom.records:
        write_anew(stores, touched)
    else:
        stores.warehouse.publish()
    return len(whom.records)


def _found(stores: Stores, entries: list[Entry], at: datetime) -> tuple[Subject, RawRows]:
    """Find the records that marks are of, and those of the same people that have a marked identifier."""
    erased = Erased([mark for entry in entries for mark in entry.marks], stores.keys)
    with stores.warehouse.begin() as transaction:
        names = erased.among(RECORD, _named(transaction))
        names |= erased.among(RECORD, _named_in_ledger(stores))
        nobody = subject_of_records(transaction, ())
        search = Search(transaction, stores, at)
        holdings(transaction, nobody)
        for _, records in search.whose_records():
            names |= erased.among(RECORD, (row[0] for row in transaction.rows(records)))
        names |= _by_identifier(transaction, erased, names)
        whom = subject_of_records(transaction, sorted(names))
        rows, whom = search.find(whom, holdings(transaction, whom))
    return whom, rows


def _named(transaction: Transaction) -> Iterator[str]:
    """Give the names of all records that any row is about."""
    for table in transaction.schema:
        if any(column.name == "record_id" for column in table.all_columns):
            record = sa.table(table.name, sa.column("record_id", sa.Text()), schema=STORE).c.record_id
            for batch in transaction.arrow(sa.select(record).where(record.is_not(None)).distinct()):
                yield from batch.column(0).to_pylist()


def _named_in_ledger(stores: Stores) -> Iterator[str]:
    with stores.ledger.engine.begin() as session:
        for column in (ledger_tables.verdict.c.low, ledger_tables.verdict.c.high):
            yield from session.execute(sa.select(column).distinct()).scalars()


def _messages(stores: Stores, erased: Erased) -> list[str]:
    """Give the messages to marked records; the ledger knows those by digests."""
    outbox = ledger_tables.outbox
    with stores.ledger.engine.begin() as session:
        marked = erased.among(DIGEST, session.execute(sa.select(outbox.c.record).distinct()).scalars())
        return list(session.execute(sa.select(outbox.c.id).where(outbox.c.record.in_(sorted(marked)))).scalars())


def _by_identifier(transaction: Transaction, erased: Erased, names: set[str]) -> set[str]:
    """Give the records that have a marked identifier and are of the same people, or of nobody whom the hub knows."""
    identifier, record = transaction.table("identifier"), transaction.table("source_record")
    kinds = [row.type for row in transaction.rows(sa.select(identifier.c.type).distinct())]
    people = sa.select(record.c.person_id).where(record.c.record_id.in_(sorted(names)), record.c.person_id.is_not(None))
    found: set[str] = set()
    for kind in sorted(kinds):
        asked = sa.select(identifier.c.value).where(identifier.c.type == kind).distinct()
        values = erased.among(kind, (row[0] for row in transaction.rows(asked)))
        if values:
            same = (
                sa.select(identifier.c.record_id)
                .join(record, record.c.record_id == identifier.c.record_id)
                .where(
                    identifier.c.type == kind,
                    identifier.c.value.in_(sorted(values)),
                    sa.or_(record.c.person_id.is_(None), record.c.person_id.in_(people)),
                )
            )
            found |= {row.record_id for row in transaction.rows(same)}
    return found
