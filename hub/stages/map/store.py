"""Store: bring mapped rows into the tables of the shared schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from hub.stages.map.newest import newest_first, oldest_first
from hub.stages.map.rows import Rows
from hub.stages.map.translate import StatementRule
from hub.warehouse import Transaction
from hub.warehouse.changes import Changes
from hub.warehouse.constructs import text_constant

STATEMENT = "statement:"
"""How the key of a derived consent or preference begins."""


def has_rows(transaction: Transaction, table: str, connection: str) -> bool:
    """Say whether the store has rows of a connection in a table."""
    stored = transaction.table(table)
    found = transaction.scalar(
        sa.select(sa.literal_column("1")).select_from(stored).where(_of(stored, connection)).limit(1)
    )
    return found is not None


def store_rows(
    transaction: Transaction, rows: Rows, connection: str, stored: bool, changes: Changes, left: str
) -> sa.TableClause | None:
    """Insert or update the newest good rows in their table, and note what changes by that.

    Holds as `left` (record_id) the bare records that lose one of theirs. The first rows of a connection in a table are
    not noted one by one: a new system tells of everybody.
    """
    source, conditions = rows.fresh()
    values = _values(rows, connection)
    columns = [element.label(name) for name, element in values.items()]
    query = sa.select(*columns).select_from(source).where(*conditions)
    target = transaction.table(rows.translation.table.name)
    if stored and _known(transaction, rows, connection):
        losing = transaction.hold(left, _losing(transaction, rows, connection)) if rows.translation.guests else None
        fresh = transaction.hold("map_fresh", query)
        changes.differing(target, fresh)
        transaction.merge(target, fresh)
        return losing
    if stored:
        changes.rows(target, query)
    else:
        changes.lose()
    transaction.execute(sa.insert(target).from_select(list(values), query))
    return None


def _losing(transaction: Transaction, rows: Rows, connection: str) -> sa.Select[Any]:
    """Select the bare records whose rows say now that they are somebody else's."""
    source, conditions = rows.fresh()
    target = transaction.table(rows.translation.table.name)
    same = sa.and_(_of(target, connection), target.c.source_key == rows.table.c["_key"])
    bare = [target.c.record_id.like(text_constant(f"{connection}:{rule.type}:%")) for rule in rows.translation.guests]
    moved = target.c.record_id.is_distinct_from(rows.owner)
    return (
        sa.select(target.c.record_id)
        .select_from(source.join(target, same))
        .where(*conditions, sa.or_(*bare), moved)
        .distinct()
    )


def _values(rows: Rows, connection: str) -> Mapping[str, sa.ColumnElement[Any]]:
    table = rows.table
    values: dict[str, sa.ColumnElement[Any]] = {
        "connection": text_constant(connection),
        "source_key": table.c["_key"],
        "source_time": table.c["_time"],
        "load_id": table.c["_load"],
    }
    if rows.record is not None:
        values["record_id"] = rows.record
    return values | {name: table.c[f"c_{name}"] for name in rows.translation.columns}


def _known(transaction: Transaction, rows: Rows, connection: str) -> bool:
    """Say whether the store knows one of the keys: plain inserts are cheaper for rows that are all new."""
    source, conditions = rows.fresh()
    target = transaction.table(rows.translation.table.name)
    known = sa.exists().where(_of(target, connection), target.c.source_key == rows.table.c["_key"])
    found = transaction.scalar(sa.select(sa.literal_column("1")).select_from(source).where(*conditions, known).limit(1))
    return found is not None


def _of(table: sa.FromClause, connection: str) -> sa.ColumnElement[bool]:
    return table.c.connection == text_constant(connection)


# identifiers of records


def store_identifiers(transaction: Transaction, rows: Rows, connection: str, stored: bool) -> None:
    """Give the records the identifiers that their newest row has; earlier ones of the same kinds go."""
    rules = rows.translation.identifiers
    if not rules:
        return
    source, conditions = rows.fresh()
    table = rows.table
    identifier, record = transaction.table("identifier"), rows.owner
    if stored:
        records = sa.select(record).select_from(source).where(*conditions)
        transaction.execute(
            sa.delete(identifier).where(
                _of(identifier, connection),
                identifier.c.type.in_([text_constant(rule.type) for rule in rules]),
                identifier.c.record_id.in_(records),
            )
        )
    parts = []
    for position, rule in enumerate(rules):
        value = table.c[f"i_{position}"]
        columns = [
            text_constant(connection).label("connection"),
            table.c["_key"].label("source_key"),
            table.c["_time"].label("source_time"),
            table.c["_load"].label("load_id"),
            record.label("record_id"),
            text_constant(rule.type).label("type"),
            value.label("value"),
            table.c[f"o_{position}"].label("original"),
        ]
        parts.append(sa.select(*columns).select_from(source).where(*conditions, value.is_not(None)))
    names = [column.name for column in parts[0].selected_columns]
    transaction.execute(sa.insert(identifier).from_select(names, sa.union_all(*parts)))


# bare records: people of whom only an identifier is known


def store_bare_records(transaction: Transaction, rows: Rows, connection: str) -> None:
    """Make a record for each identifier that stands alone on a row, with all identifiers of that row."""
    rules = rows.translation.guests
    if not rules:
        return
    source, conditions = rows.fresh()
    table = rows.table
    if rows.translation.person is not None:
        conditions = [*conditions, table.c["_person"].is_(None)]
    parts = []
    for position, rule in enumerate(rules):
        value = table.c[f"gi_{position}"]
        # the first one there names the record: grouping by one text then does, and costs half of grouping by two
        named = position == 0
        whose = text_constant(f"{connection}:{rule.type}:") + value if named else rows.owner
        columns = [
            whose.label("record_id"),
            text_constant(rule.type).label("type"),
            value.label("value"),
            sa.func.min(table.c[f"go_{position}"]).label("original"),
            sa.func.min(table.c["_load"]).label("load_id"),
        ]
        parts.append(
            sa.select(*columns)
            .select_from(source)
            .where(*conditions, value.is_not(None))
            .group_by(*([value] if named else [whose, value]))
        )
    united = sa.union_all(*parts).subquery()
    bare = transaction.hold("map_bare", sa.select(united))
    identifier, record = transaction.table("identifier"), transaction.table("source_record")
    key = sa.func.substr(bare.c.record_id, sa.literal_column(str(len(connection) + 2)), type_=sa.Text())
    known = sa.exists().where(
        identifier.c.record_id == bare.c.record_id,
        identifier.c.type == bare.c.type,
        identifier.c.value == bare.c.value,
    )
    new = sa.select(
        text_constant(connection), key, bare.c.load_id, bare.c.record_id, bare.c.type, bare.c.value, bare.c.original
    ).where(sa.not_(known))
    names = ["connection", "source_key", "load_id", "record_id", "type", "value", "original"]
    transaction.execute(sa.insert(identifier).from_select(names, new))
    there = sa.exists().where(record.c.record_id == bare.c.record_id)
    fresh = (
        sa.select(text_constant(connection), key, sa.func.min(bare.c.load_id), bare.c.record_id)
        .where(sa.not_(there))
        .group_by(bare.c.record_id)
    )
    transaction.execute(sa.insert(record).from_select(["connection", "source_key", "load_id", "record_id"], fresh))


def is_bare(table: sa.FromClause, kinds: Sequence[str]) -> sa.ColumnElement[bool]:
    """Tell bare records (and their identifiers) by their key: `email:anna@example.nl`."""
    return sa.or_(*(table.c.source_key.like(text_constant(f"{type_}:%")) for type_ in kinds))


# consent and preference


def store_statements(transaction: Transaction, rows: Rows, connection: str) -> None:
    """Add what the rows state about consent and preference; earlier statements stay.

    Every version of a row counts, not only the newest: each may state something else. A yes without a moment of its
    own counts from when it was first seen, once: that its row changed in other ways, or came again, is no new yes.
    """
    for position, rule in enumerate(rows.translation.statements):
        _store_statement(transaction, rows, connection, position, rule, dated=True)
        if rule.target == "consent":
            _store_statement(transaction, rows, connection, position, rule, dated=False)


def _store_statement(
    transaction: Transaction, rows: Rows, connection: str, position: int, rule: StatementRule, dated: bool
) -> None:
    table = rows.table
    source, conditions = rows.stating()
    says, at, has_moment = table.c[f"s_{position}"], table.c[f"s_{position}_at"], table.c[f"s_{position}_dated"]
    seconds = sa.cast(sa.cast(sa.func.floor(sa.extract("epoch", at)), sa.BigInteger()), sa.Text())
    kind = ":".join(rule.constants[name] for name in ("channel", "purpose", "message_type") if name in rule.constants)
    mapped = rows.translation.mapped
    beginning = f"{STATEMENT}{mapped.target}:{mapped.mapping.from_}:"
    when = seconds if dated else text_constant("first")
    key = text_constant(beginning) + table.c["_key"] + text_constant(f":{position}:{kind}:") + when
    values: dict[str, sa.ColumnElement[Any]] = {
        "connection": text_constant(connection),
        "source_key": key,
        "source_time": table.c["_time"],
        "load_id": table.c["_load"],
        "record_id": rows.owner,
        **{name: text_constant(value) for name, value in rule.constants.items()},
        **{name: table.c[f"s_{position}_{name}"] for name in rule.computed},
    }
    conditions = [*conditions, says, has_moment if dated else sa.not_(has_moment), rows.owner.is_not(None)]
    query = sa.select(*(element.label(name) for name, element in values.items())).select_from(source).where(*conditions)
    target = transaction.table(rule.target)
    if rows.older is not None:
        query = _one_each(query, newest_first(table) if dated else oldest_first(table), list(values))
    if not has_rows(transaction, rule.target, connection):
        transaction.execute(sa.insert(target).from_select(list(values), query))
    elif dated:
        transaction.merge(target, transaction.hold("map_statements", query), newer="source_time")
    else:
        transaction.merge(target, transaction.hold("map_statements", query), older="source_time")


def _one_each(query: sa.Select[Any], order: Sequence[sa.ColumnElement[Any]], names: Sequence[str]) -> sa.Select[Any]:
    """Keep the first row of each key."""
    key = query.selected_columns["source_key"]
    place = sa.func.row_number().over(partition_by=key, order_by=order).label("place")
    ranked = query.add_columns(place).subquery()
    return sa.select(*(ranked.c[name] for name in names)).where(ranked.c.place == sa.literal_column("1"))


# references


def repair_owners(
    transaction: Transaction, table: str, through: str, column: str, connection: str, changes: Changes
) -> None:
    """Give rows that came before the row they refer to, or whose row changed hands, its record."""
    rows, owner = transaction.table(table), transaction.table(through).alias("owner")
    other = (
        _of(rows, connection),
        _of(owner, connection),
        owner.c.source_key == rows.c[column],
        rows.c.record_id.is_distinct_from(owner.c.record_id),
    )
    for whose in (rows, owner):
        changes.rows(rows, sa.select(rows.c.connection, rows.c.source_key, whose.c.record_id).where(*other))
    transaction.execute(sa.update(rows).values(record_id=owner.c.record_id).where(*other))


# a changed mapping


def clear(transaction: Transaction, target: str, connection: str, kinds: Sequence[str]) -> None:
    """Take out what earlier forms of a connection's mappings to one table left, before all is mapped again.

    Records of people stay (their numbers must not change) and are marked: `sweep` removes those not seen again.
    """
    record, identifier = transaction.table("source_record"), transaction.table("identifier")
    if target == "person":
        transaction.execute(
            sa.update(record)
            .values(load_id=None, source_time=None)
            .where(_of(record, connection), sa.not_(is_bare(record, kinds)))
        )
        transaction.execute(
            sa.delete(identifier).where(_of(identifier, connection), sa.not_(is_bare(identifier, kinds)))
        )
    else:
        table = transaction.table(target)
        derived = table.c.source_key.like(text_constant(f"{STATEMENT}%"))
        transaction.execute(sa.delete(table).where(_of(table, connection), sa.not_(derived)))
    for derived_table in ("consent", "preference"):
        table = transaction.table(derived_table)
        own = table.c.source_key.like(text_constant(f"{STATEMENT}{target}:%"))
        transaction.execute(sa.delete(table).where(_of(table, connection), own))


def sweep(transaction: Transaction, target: str, connection: str, kinds: Sequence[str]) -> None:
    """Remove the records that a changed mapping no longer gives."""
    if target == "person":
        record = transaction.table("source_record")
        unseen = sa.and_(_of(record, connection), record.c.load_id.is_(None), sa.not_(is_bare(record, kinds)))
        transaction.execute(sa.delete(record).where(unseen))


def sweep_bare_records(
    transaction: Transaction,
    connection: str,
    kinds: Sequence[str],
    changes: Changes,
    among: sa.TableClause | None = None,
) -> None:
    """Remove bare records, or those `among` some, that no row of the connection belongs to any more.

    Whose they were is noted: nothing else tells it afterwards.
    """
    if among is not None and not transaction.count(among):
        return

    def meant(table: sa.FromClause) -> sa.ColumnElement[bool]:
        return sa.true() if among is None else table.c.record_id.in_(sa.select(among.c.record_id))

    owned = [
        sa.select(table.c.record_id).where(_of(table, connection), table.c.record_id.is_not(None), meant(table))
        for table in (
            transaction.table(shape.name)
            for shape in transaction.schema.mapped
            if shape.personal and shape.name not in {"source_record", "identifier"}
        )
    ]
    kept = sa.union(*owned).subquery()

    def gone(table: sa.Table) -> sa.ColumnElement[bool]:
        unowned = table.c.record_id.not_in(sa.select(kept.c.record_id))
        return sa.and_(_of(table, connection), is_bare(table, kinds), meant(table), unowned)

    record = transaction.table("source_record")
    changes.people(sa.select(record.c.person_id).where(gone(record), record.c.person_id.is_not(None)))
    for table in (transaction.table("identifier"), record):
        transaction.execute(sa.delete(table).where(gone(table)))
