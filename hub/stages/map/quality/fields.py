"""Fields: what each load package gave for each field, counted on the new rows only, while they are in hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.stages.map.rows import Rows
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

KEPT = 30
"""So many load packages are remembered."""
SAMPLE = 10_000
"""Different values are counted among so many rows of a package: what more rows say costs more than it tells."""

_ONE: sa.ColumnElement[Any] = sa.literal_column("1")


@dataclass
class FieldCount:
    """What one load package gave for one field."""

    filled: int = 0
    valid: int = 0
    different: int = 0
    changed: int = 0


@dataclass
class LoadMeasure:
    """What one load package gave: its rows, how many were known before, its fields, and failures per check."""

    rows: int = 0
    known: int = 0
    fields: dict[str, FieldCount] = field(default_factory=lambda: defaultdict(FieldCount))
    failed: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By the position of the check in the translation."""


def measure(
    transaction: Transaction,
    rows: Rows,
    loads: Iterable[str],
    connection: str,
    fingerprint: str,
    as_of: datetime,
    stored: bool,
) -> Mapping[str, LoadMeasure]:
    """Count what the load packages in hand gave, and give it by load package; write it down for some `loads` of them.

    Call it before the rows are stored: what changed is told by comparing with what is there.
    """
    measured = {count.load_id: LoadMeasure() for count in rows.counts}
    if not measured:
        return measured
    _count(transaction, rows, measured)
    _count_reasons(transaction, rows, measured)
    kept = {load_id: measured[load_id] for load_id in loads}
    if kept:
        _count_different(transaction, rows, kept)
        if stored and rows.translation.table.time is None:
            _count_changed(transaction, rows, connection, kept)
        _keep(transaction, rows, connection, fingerprint, as_of, kept)
    return measured


def _elements(rows: Rows) -> dict[str, sa.ColumnElement[Any]]:
    """Give the column of each field; an identifier goes by its kind, with its system where that is another one."""
    table = rows.table
    found: dict[str, sa.ColumnElement[Any]] = {name: table.c[f"c_{name}"] for name in rows.translation.columns}
    for position, (_, name, _) in enumerate(rows.translation.mapped.mapping.identifier_texts):
        found.setdefault(name, table.c[f"i_{position}"])
    return found


def _count(transaction: Transaction, rows: Rows, measured: Mapping[str, LoadMeasure]) -> None:
    table, translation = rows.table, rows.translation
    fields = _elements(rows)
    unread: dict[str, list[sa.ColumnElement[bool]]] = defaultdict(list)
    for number, (_, message) in enumerate(translation.left_empty):
        unread[message.partition(":")[0]].append(table.c[f"u_{number}"])
    for position, (_, name, _) in enumerate(translation.mapped.mapping.identifier_texts):
        if f"n_{position}" in table.c:
            unread[name].append(table.c[f"n_{position}"])
    stays = table.c["_reason"].is_(None)
    warned = {number: table.c[f"w_{number}"] for number, check in enumerate(translation.checks) if check.warn}
    refused: dict[str, list[sa.ColumnElement[bool]]] = defaultdict(list)
    for number, condition in warned.items():
        column = translation.checks[number].check.column
        if column in fields:
            refused[column].append(sa.and_(condition, stays, fields[column].is_not(None)))
    counted: dict[tuple[str, Any], sa.ColumnElement[Any]] = {
        **{("given", name): sa.func.count(element) for name, element in fields.items()},
        **{("unread", name): _how_many(sa.or_(*conditions)) for name, conditions in unread.items()},
        **{("refused", name): _how_many(sa.or_(*conditions)) for name, conditions in refused.items()},
        **{("failed", number): _how_many(sa.and_(condition, stays)) for number, condition in warned.items()},
    }
    query = sa.select(table.c["_load"], sa.func.count(), *counted.values()).group_by(table.c["_load"])
    for load_id, total, *values in transaction.rows(query):
        load = measured[load_id]
        load.rows = int(total)
        for (what, key), value in zip(counted, map(int, values), strict=True):
            if what == "failed":
                load.failed[key] = value
            elif what == "given":
                load.fields[key].filled += value
                load.fields[key].valid += value
            elif what == "unread":
                load.fields[key].filled += value
            else:
                load.fields[key].valid -= value


def _how_many(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.count(sa.case((condition, _ONE)))


def _among(table: sa.TableClause, loads: Iterable[str]) -> sa.ColumnElement[bool]:
    return table.c["_load"].in_([text_constant(load_id) for load_id in loads])


def _count_reasons(transaction: Transaction, rows: Rows, measured: Mapping[str, LoadMeasure]) -> None:
    """Attribute rows that were set aside to the field or the check that is their reason."""
    if not rows.failed:
        return
    table, translation = rows.table, rows.translation
    unreadable = {message: message.partition(":")[0] for _, message in translation.failures}
    checks = {check.text: number for number, check in enumerate(translation.checks) if not check.warn}
    query = sa.select(table.c["_load"], table.c["_reason"], sa.func.count()).group_by(
        table.c["_load"], table.c["_reason"]
    )
    for load_id, reason, count in transaction.rows(query.where(table.c["_reason"].is_not(None))):
        load = measured[load_id]
        if reason in unreadable:
            if unreadable[reason] in load.fields:
                load.fields[unreadable[reason]].filled += int(count)
        elif reason in checks:
            load.failed[checks[reason]] += int(count)
            check = translation.checks[checks[reason]].check
            if check.column in load.fields and check.demand != "filled":
                load.fields[check.column].valid -= int(count)


def _count_different(transaction: Transaction, rows: Rows, measured: Mapping[str, LoadMeasure]) -> None:
    table, fields = rows.table, _elements(rows)
    sampled = table.c["_row"] <= sa.literal_column(str(SAMPLE))
    query = sa.select(table.c["_load"], *(sa.func.count(element.distinct()) for element in fields.values()))
    for load_id, *values in transaction.rows(query.where(sampled, _among(table, measured)).group_by(table.c["_load"])):
        for name, value in zip(fields, values, strict=True):
            measured[load_id].fields[name].different = int(value)


def _count_changed(transaction: Transaction, rows: Rows, connection: str, measured: Mapping[str, LoadMeasure]) -> None:
    """Compare the rows that were known before with what they were.

    Only of tables without a time: people, addresses, products. What has one happened, and looking all that up again
    would cost more than the rest of the report.
    """
    table = rows.table
    source, conditions = rows.fresh()
    target = transaction.table(rows.translation.table.name).alias("was")
    same = sa.and_(target.c.connection == text_constant(connection), target.c.source_key == table.c["_key"])
    names = list(rows.translation.columns)
    differs = [_how_many(table.c[f"c_{name}"].is_distinct_from(target.c[name])) for name in names]
    query = sa.select(table.c["_load"], sa.func.count(), *differs).select_from(source.join(target, same))
    query = query.where(*conditions, _among(table, measured)).group_by(table.c["_load"])
    for load_id, known, *values in transaction.rows(query):
        measured[load_id].known = int(known)
        for name, value in zip(names, values, strict=True):
            measured[load_id].fields[name].changed = int(value)


def _keep(
    transaction: Transaction,
    rows: Rows,
    connection: str,
    fingerprint: str,
    as_of: datetime,
    measured: Mapping[str, LoadMeasure],
) -> None:
    mapped = rows.translation.mapped
    own = {
        "connection": connection,
        "target": mapped.target,
        "raw_table": mapped.mapping.from_,
        "mapping": fingerprint,
        "measured_at": as_of,
    }
    written = [
        {
            **own,
            "load_id": load_id,
            "field": name,
            "rows": load.rows,
            "known": load.known,
            "filled": count.filled,
            "valid": count.valid,
            "different": count.different,
            "changed": count.changed,
        }
        for load_id, load in measured.items()
        for name, count in load.fields.items()
    ]
    stored = transaction.table("quality_field")
    here = [
        stored.c[name] == text_constant(str(own[name])) for name in ("connection", "target", "raw_table", "mapping")
    ]
    transaction.execute(sa.delete(stored).where(*here, _loads(stored, measured)))
    if written:
        transaction.execute(sa.insert(stored).values(written))
    kept = transaction.rows(sa.select(stored.c.load_id).where(*here).distinct())
    old = sorted((load_id for (load_id,) in kept), key=float)[:-KEPT]
    if old:
        transaction.execute(sa.delete(stored).where(*here, _loads(stored, old)))


def _loads(stored: sa.Table, load_ids: Iterable[str]) -> sa.ColumnElement[bool]:
    return stored.c.load_id.in_([text_constant(load_id) for load_id in load_ids])


def forget_fields(transaction: Transaction, connection: str, target: str) -> None:
    """Take out what was measured for a table: a changed mapping maps, and measures, everything again."""
    for name in ("quality_field", "quality_spread"):
        stored = transaction.table(name)
        here = (stored.c.connection == text_constant(connection), stored.c.target == text_constant(target))
        transaction.execute(sa.delete(stored).where(*here))


def share_of(loads: Sequence[LoadMeasure], number: int) -> tuple[int, int]:
    """Add up rows and failures of one check over load packages."""
    return sum(load.rows for load in loads), sum(load.failed[number] for load in loads)
