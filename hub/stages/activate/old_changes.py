"""Old changes: what syncs sent is kept for as long as the project says, for it grows with every run."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub import log
from hub.law import Span
from hub.project import Project
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

STAGE = "old changes of syncs"


def remove_old_changes(warehouse: Warehouse, project: Project, as_of: datetime) -> int:
    """Remove what was sent longer ago than is kept; once a day is enough. Gives the number of rows.

    The last attempt at a row that was not taken stays however old it is: the destination may hold that row all the
    same, and nothing else remembers that it was ever sent.
    """
    kept = project.hub.keep.sync_changes
    mark = fingerprint(as_of.date(), kept)
    with warehouse.begin() as transaction:
        if seen(transaction, STAGE) == mark:
            return 0
        removed = _remove(transaction, Span.parse(kept).before(as_of))
        remember(transaction, STAGE, mark, as_of)
    if removed:
        log.get("hub.activate").info("old changes of syncs removed", rows=removed, kept=kept)
    return removed


def _remove(transaction: Transaction, before: datetime) -> int:
    change, run = transaction.table("sync_change"), transaction.table("sync_run")
    its_run = sa.and_(run.c.sync == change.c.sync, run.c.number == change.c.number)
    names = ("sync", "row_key", "number", "result")
    old = transaction.hold(
        "old_changes",
        sa.select(*(change.c[name] for name in names))
        .join(run, its_run)
        .where(run.c.as_of < sa.cast(sa.literal(before, sa.DateTime(timezone=True)), sa.DateTime(timezone=True))),
    )
    last = transaction.hold(
        "last_changes",
        sa.select(change.c.sync, change.c.row_key, sa.func.max(change.c.number).label("number"))
        .where(sa.tuple_(change.c.sync, change.c.row_key).in_(sa.select(old.c.sync, old.c.row_key)))
        .group_by(change.c.sync, change.c.row_key),
    )
    going = (
        sa.select(old.c.number)
        .join(last, sa.and_(last.c.sync == old.c.sync, last.c.row_key == old.c.row_key))
        .where(
            old.c.sync == change.c.sync,
            old.c.row_key == change.c.row_key,
            old.c.number == change.c.number,
            sa.or_(old.c.result == "accepted", old.c.number < last.c.number),
        )
    )
    removed = transaction.execute(sa.delete(change).where(going.exists())).rowcount
    transaction.let_go(old, last)
    return int(removed)
