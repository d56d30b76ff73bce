"""Forget: take out of the ledger what points at people who are erased.

The ledger holds no personal data, but the name of a record may be an address, and whoever has the systems' keys could
tell who a record was. What is about messages stays and counts; whose they were is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.statements import digest

CHUNK = 500

ERASED = "erased"
"""What stands in the place of a name that was erased."""

TOUCHED = ("outbox", "attempt", "verdict", "statement", "applied_reaction", "suppression", "inbox", "erasure_task")


def forget(engine: sa.Engine, records: Sequence[str], messages: Sequence[str], hashes: Sequence[str]) -> int:
    """Forget records (`connection:key`), in one transaction; return how many rows said something of them.

    `messages` are ids of messages to these people, `hashes` the keyed hashes of their addresses, which stay suppressed.
    """
    outbox, statement, reaction = tables.outbox, tables.statement, tables.applied_reaction
    with engine.begin() as session:
        ids = list(messages)
        for some in _chunks(records):
            theirs = outbox.c.record.in_([digest(record) for record in some])
            ids += session.execute(sa.select(outbox.c.id).where(theirs)).scalars()
        ids = sorted(set(ids))
        number = 0
        for some in _chunks(ids):
            nameless = {"record": ERASED, "consent_key": None, "remote_id": None}
            number += session.execute(sa.update(outbox).where(outbox.c.id.in_(some)).values(**nameless)).rowcount
            tried = tables.attempt.c.message_id.in_(some)
            session.execute(sa.update(tables.attempt).where(tried).values(remote_id=None, reason=None))
            number += session.execute(sa.delete(reaction).where(reaction.c.message_id.in_(some))).rowcount
            number += session.execute(sa.delete(statement).where(statement.c.message_id.in_(some))).rowcount
        for some in _chunks(records):
            digests = [digest(record) for record in some]
            number += session.execute(sa.delete(statement).where(statement.c.record.in_(digests))).rowcount
            judged = sa.or_(tables.verdict.c.low.in_(some), tables.verdict.c.high.in_(some))
            number += session.execute(sa.delete(tables.verdict).where(judged)).rowcount
        for some in _chunks(hashes):
            known = tables.suppression.c.hash.in_(some)
            number += session.execute(sa.update(tables.suppression).where(known).values(source=ERASED)).rowcount
            number += session.execute(sa.delete(reaction).where(reaction.c.address.in_(some))).rowcount
    return number


def scrub(engine: sa.Engine) -> None:
    """Make what was deleted or overwritten unreadable in the ledger's own files too."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            for name in TOUCHED:
                connection.execute(sa.text(f"VACUUM (FULL, ANALYZE) {name}"))
            return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    listed = list(values)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]
