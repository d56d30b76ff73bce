"""What landing set aside: rows that no file format or type let through, shown in quarantine beside all others."""

from __future__ import annotations

import sqlalchemy as sa

from hub.lake import LOAD_ID, REJECTED, Load
from hub.stages.map.quarantine import SET_ASIDE
from hub.stages.map.raw import LakeData
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

LANDING = "landing"
"""Stands in quarantine where other rows name the target and the mapping that they failed."""


def show_rejected(transaction: Transaction, data: LakeData, connection: str) -> bool:
    """Put the rows that landing set aside into quarantine, once per load package; say whether there were any.

    Their key is their place: file:line.
    """
    loads = [load for load in data.loads(connection) if REJECTED in load.files]
    if not loads:
        return False
    stored = transaction.table("quarantine")
    here = (stored.c.connection == text_constant(connection), stored.c.mapping == text_constant(LANDING))
    shown = {row.load_id for row in transaction.rows(sa.select(stored.c.load_id).where(*here).distinct())}
    fresh = [load for load in loads if load.load_id not in shown]
    if fresh:
        _insert(transaction, data, connection, fresh)
    return bool(fresh)


def _insert(transaction: Transaction, data: LakeData, connection: str, loads: list[Load]) -> None:
    files = [path for load in loads for path in load.files[REJECTED]]
    columns = data.lake.columns(connection, REJECTED, loads)
    raw = transaction.raw("map_rejected", data.lake.here(files), columns)
    place = sa.func.concat_ws(":", raw.c.file, sa.cast(raw.c.line, sa.Text()))
    values = {
        "connection": text_constant(connection),
        "raw_table": raw.c.table_name,
        "target": text_constant(LANDING),
        "source_key": place,
        "reason": raw.c.reason,
        "row": raw.c.raw,
        "load_id": raw.c[LOAD_ID],
        "mapping": text_constant(LANDING),
        "effect": text_constant(SET_ASIDE),
    }
    query = sa.select(*(element.label(name) for name, element in values.items()))
    transaction.execute(sa.insert(transaction.table("quarantine")).from_select(list(values), query))
