"""Strays: rows that stand at a destination although this sync took them out, or never heard that they were taken."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hub.contracts import Destination, Row
from hub.project.sync import Sync
from hub.warehouse import Transaction


def hold_strays(transaction: Transaction, sync: Sync, destination: Destination) -> sa.TableClause | None:
    """Hold the keys (row_key) that this sync ever sent, that are not acknowledged, and that stand there all the same.

    None where the destination can't be read, or the sync never made rows: others' rows are not its own to take out.
    """
    import pyarrow as pa

    from hub.warehouse.arrow import texts

    capabilities = destination.capabilities
    if not capabilities.can_read or sync.mode in ("update", "fill_empty"):
        return None
    change, state = transaction.table("sync_change"), transaction.table("audience_state")
    mine = sa.select(state.c.row_key).where(state.c.sync == sync.sync)
    asked: sa.Select[Any] = (
        sa.select(change.c.row_key).distinct().where(change.c.sync == sync.sync, change.c.row_key.not_in(mine))
    )
    found: list[str] = []
    for batch in transaction.arrow(asked, capabilities.batch_size):
        rows = [Row(key) for key in batch.column("row_key").to_pylist()]
        for start in range(0, len(rows), capabilities.batch_size):
            there = destination.read_back(sync.to.object, rows[start : start + capabilities.batch_size], [])
            found += sorted(there)
    return transaction.load("strays", pa.table({"row_key": texts(found)}))
