"""Quarantine: rows that could not be mapped, with the reason and the raw row; they leave it when they map again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from hub.lake import LOAD_ID, ROW
from hub.stages.map.rows import Rows
from hub.warehouse import Transaction
from hub.warehouse.constructs import row_json, text_constant

COLUMNS = ["connection", "raw_table", "target", "source_key", "reason", "row", "load_id", "mapping"]


def release(transaction: Transaction, rows: Rows, connection: str, fingerprint: str) -> None:
    """Let those out whose key maps now, and this mapping's own remarks on values of rows that were read again."""
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
    keys = sa.select(rows.table.c["_key"]).select_from(source).where(*conditions)
    transaction.execute(sa.delete(stored).where(*here, stored.c.source_key.in_(keys)))


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
    """Set the failed rows aside, and note the identifiers that could not be read; give the number of notes."""
    table = rows.table
    target = rows.translation.mapped.target
    if rows.failed:
        source, conditions = rows.set_aside()
        _insert(transaction, rows, raw, connection, fingerprint, target, table.c["_reason"], source, conditions)
    notes = 0
    for prefix, rules in (("", rows.translation.identifiers), ("g", rows.translation.guests)):
        for position, rule in enumerate(rules):
            label = f"{prefix}n_{position}"
            if label not in table.c:
                continue
            source, conditions = rows.fresh()
            conditions = [*conditions, table.c[label]]
            count = int(transaction.scalar(sa.select(sa.func.count()).select_from(source).where(*conditions)) or 0)
            if count:
                reason = text_constant(rule.message)
                _insert(transaction, rows, raw, connection, fingerprint, "identifier", reason, source, conditions)
            notes += count
    return notes


def _insert(
    transaction: Transaction,
    rows: Rows,
    raw: sa.FromClause,
    connection: str,
    fingerprint: str,
    target: str,
    reason: sa.ColumnElement[Any],
    source: sa.FromClause,
    conditions: Sequence[sa.ColumnElement[bool]],
) -> None:
    table = rows.table
    same = sa.and_(raw.c[LOAD_ID] == table.c["_load"], raw.c[ROW] == table.c["_row"])
    key = sa.func.coalesce(table.c["_key"], text_constant("#") + sa.cast(table.c["_row"], sa.Text()), type_=sa.Text())
    values = [
        text_constant(connection),
        text_constant(rows.translation.mapped.mapping.from_),
        text_constant(target),
        key,
        reason,
        row_json(raw),
        table.c["_load"],
        text_constant(fingerprint),
    ]
    query = sa.select(*values).select_from(source.join(raw, same)).where(*conditions)
    transaction.execute(sa.insert(transaction.table("quarantine")).from_select(COLUMNS, query))
