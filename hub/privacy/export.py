"""Export: everything that is known of a person, and from where (articles 15 and 20 of the GDPR)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.statements import digest
from hub.privacy import raw
from hub.privacy.erase import Found
from hub.privacy.files import pushes_naming
from hub.privacy.holdings import holdings, rows
from hub.privacy.stores import Stores
from hub.privacy.systems import written

FORM = 1


def export(stores: Stores, found: Found, as_of: datetime) -> dict[str, Any]:
    """Gather everything about the people of `found`, as what JSON can hold.

    tables   the rows of the shared schema and what is derived from it, each with its system, key and time
    raw      what the systems said, row by row, by connection and table
    ledger   messages and what became of them, statements on consent, reactions and suppressed addresses
    systems  which connected systems have something of them
    """
    with stores.warehouse.begin() as transaction:
        held = holdings(transaction, found.subject)
        kept = {it.name: said for it in held if (said := rows(transaction, it))}
        kept |= {
            it.name: said
            for it in written(transaction, stores, found.subject, as_of)
            if (said := rows(transaction, it))
        }
        set_aside = raw.quarantined(transaction, found.subject, found.raw)
        if set_aside is not None and (said := rows(transaction, set_aside)):
            kept["quarantine"] = said
    raw_rows: dict[str, dict[str, list[Any]]] = {}
    for (connection, table, load_id), row in raw.read(stores.lake, found.raw):
        raw_rows.setdefault(connection, {}).setdefault(table, []).append({"load_id": load_id, **row})
    return {
        "export": FORM,
        "as_of": as_of.isoformat(),
        "people": [row["person_id"] for row in kept.get("person", ())],
        "tables": dict(sorted(kept.items())),
        "raw": raw_rows,
        "pushed": pushes_naming(stores, found.subject),
        "ledger": _ledger(stores, found),
        "systems": [{"connection": task.place, "what": task.what, "rows": task.number} for task in found.tasks],
    }


def _ledger(stores: Stores, found: Found) -> dict[str, list[dict[str, Any]]]:
    """Give what the ledger says of their messages, statements and addresses; nothing of other people."""
    messages, records = list(found.messages), list(found.subject.records)
    key = stores.project.key  # without one, nothing is suppressed
    hashes = [mark.hash for mark in found.subject.marks(key)] if key else []
    outbox, statement, reaction = tables.outbox, tables.statement, tables.applied_reaction
    digests = [digest(record) for record in records]
    asked = {
        "outbox": sa.select(outbox).where(sa.or_(outbox.c.id.in_(messages), outbox.c.record.in_(digests))),
        "attempt": sa.select(tables.attempt).where(tables.attempt.c.message_id.in_(messages)),
        "statement": sa.select(statement).where(
            sa.or_(statement.c.message_id.in_(messages), statement.c.record.in_(digests))
        ),
        "applied_reaction": sa.select(reaction).where(
            sa.or_(reaction.c.message_id.in_(messages), reaction.c.address.in_(hashes))
        ),
        "suppression": sa.select(tables.suppression).where(tables.suppression.c.hash.in_(hashes)),
    }
    with stores.ledger.engine.begin() as session:
        told = {name: [dict(row._mapping) for row in session.execute(query)] for name, query in asked.items()}
    told["verdict"] = [asdict(it) for it in stores.ledger.verdicts.history(records=records)]
    return {name: rows for name, rows in told.items() if rows}
