"""Quarantine: rows that could not be mapped, with the reason and the raw row; they leave it when they map again.

Beside them stand notes: the row is mapped, but a value of it could not be read and is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from hub.lake import LOAD_ID, ROW, Place
from hub.stages.map.newest import overtakes
from hub.stages.map.rows import Rows
from hub.warehouse import Transaction
from hub.warehouse.constructs import row_json, text_constant

KEYLESS = "#"
"""How the name of a row without a key begins: its number within its load package follows."""
COLUMNS = ("connection", "raw_table", "target", "source_key", "reason", "row", "load_id", "mapping", "effect")
TIME = "source_time"
SET_ASIDE = "set aside"
NOTED = "noted"
"""What a reason cost: the whole row, or only the one value."""
WHOLE_COLUMN = "*"
"""Stands for the key where a note is about a column as such, and about no row."""


def release(transaction: Transaction, rows: Rows, connection: str, fingerprint: str) -> None:
    """Let those out of which a newer version maps, and this mapping's own remarks on values that were read again."""
    stored = transaction.table("quarantine")
    mapped = rows.translation.mapped
    here = [
        stored.c.connection == text_constant(connection),
        stored.c.raw_table == text_constant(mapped.mapping.from_),
        sa.or_(
            stored.c.target == text_constant(mapped.target),
            sa.and_(stored.c.target == text_constant("identifier"), stored.c.mapping == text_constant(fingerprint)),
        ),
    ]
    if not transaction.count(stored, *here):
        return
    source, conditions = rows.fresh()
    table = rows.table
    newer = overtakes(table.c["_time"], table.c["_load"], stored.c.source_time, stored.c.load_id)
    passed = sa.exists(sa.select(table.c["_key"]).select_from(source)).where(
        *conditions, table.c["_key"] == stored.c.source_key, newer
    )
    transaction.execute(sa.delete(stored).where(*here, passed))


def let_out(transaction: Transaction, connection: str, raw_table: str, replaced: Iterable[Place]) -> None:
    """Let rows without a key out in whose place a person put mended ones."""
    stored = transaction.table("quarantine")
    for place in replaced:
        transaction.execute(
            sa.delete(stored).where(
                stored.c.connection == text_constant(connection),
                stored.c.raw_table == text_constant(raw_table),
                stored.c.load_id == text_constant(place.load_id),
                stored.c.source_key == text_constant(f"{KEYLESS}{place.row}"),
            )
        )


def forget(transaction: Transaction, connection: str, mappings: Iterable[str]) -> None:
    """Take out everything that former mappings put there."""
    stored = transaction.table("quarantine")
    transaction.execute(
        sa.delete(stored).where(
            stored.c.connection == text_constant(connection),
            stored.c.mapping.in_([text_constant(mapping) for mapping in mappings]),
        )
    )


def put(transaction: Transaction, rows: Rows, raw: sa.FromClause, connection: str, fingerprint: str) -> int:
    """Set the failed rows aside, and note the values that could not be read; give the number of notes."""
    table = rows.table
    translation = rows.translation
    raw = raw if rows.aside is None else rows.aside
    target = translation.mapped.target
    put_ = partial(_insert, transaction, rows, raw, connection, fingerprint)
    if rows.failed:
        source, conditions = rows.set_aside()
        put_(target, SET_ASIDE, table.c["_reason"], source, conditions)
    unread = [
        (f"{prefix}n_{position}", "identifier", rule.message)
        for prefix, rules in (("", translation.identifiers), ("g", translation.guests))
        for position, rule in enumerate(rules)
    ]
    unread += [(f"u_{number}", target, message) for number, (_, message) in enumerate(translation.left_empty)]
    notes = 0
    for label, noted_of, message in unread:
        if label not in table.c:
            continue
        source, conditions = rows.fresh()
        conditions = [*conditions, table.c[label]]
        count = int(transaction.scalar(sa.select(sa.func.count()).select_from(source).where(*conditions)) or 0)
        if count:
            put_(noted_of, NOTED, text_constant(message), source, conditions)
        notes += count
    return notes


def _insert(
    transaction: Transaction,
    rows: Rows,
    raw: sa.FromClause,
    connection: str,
    fingerprint: str,
    target: str,
    effect: str,
    reason: sa.ColumnElement[Any],
    source: sa.FromClause,
    conditions: Sequence[sa.ColumnElement[bool]],
) -> None:
    table = rows.table
    same = sa.and_(raw.c[LOAD_ID] == table.c["_load"], raw.c[ROW] == table.c["_row"])
    key = sa.func.coalesce(
        table.c["_key"], text_constant(KEYLESS) + sa.cast(table.c["_row"], sa.Text()), type_=sa.Text()
    )
    values = [
        text_constant(connection),
        text_constant(rows.translation.mapped.mapping.from_),
        text_constant(target),
        key,
        reason,
        row_json(raw),
        table.c["_load"],
        text_constant(fingerprint),
        text_constant(effect),
        table.c["_time"],
    ]
    query = sa.select(*values).select_from(source.join(raw, same)).where(*conditions)
    transaction.execute(sa.insert(transaction.table("quarantine")).from_select([*COLUMNS, TIME], query))
