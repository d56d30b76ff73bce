"""Holdings: every row of the warehouse that says something of some people, table by table.

One list serves access and erasure, so that nothing is erased that could not be shown, and nothing shown is left. What
belongs to a record is found by the record, what belongs to a person by the number, and rows that belong to nobody by
the row that they refer to: a line of a cart by its cart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hub.privacy.subject import Subject
from hub.schema import Table
from hub.schema.shape import STORE
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

KEPT_FOR_RESOLVE = frozenset({"resolved_record", "resolved_key", "match_key"})
"""Numbers only: by them the next resolve knows who is gone, and takes them out."""


@dataclass(frozen=True)
class Holding:
    """Rows of one table that are about the subject."""

    table: sa.TableClause | sa.Table
    condition: sa.ColumnElement[bool]

    @property
    def name(self) -> str:
        """Name the table."""
        return self.table.name


def holdings(transaction: Transaction, subject: Subject) -> list[Holding]:
    """List what the tables hold of a subject; rows that refer to others come before those."""
    import pyarrow as pa

    records = transaction.load("erased_record", pa.table({"record_id": pa.array(subject.records, pa.string())}))
    numbers = transaction.load("erased_number", pa.table({"number": pa.array(subject.numbers, pa.int64())}))
    own = _Own(transaction, sa.select(records.c.record_id), sa.select(numbers.c.number))
    found = [*_of_households(transaction, own), *own.beyond_the_schema()]
    found += [
        Holding(transaction.table(table.name), condition)
        for table in transaction.schema
        if table.name not in KEPT_FOR_RESOLVE and (condition := own.of(table)) is not None
    ]
    return sorted(found, key=lambda it: it.name in own.referred)


@dataclass(frozen=True)
class _Own:
    """Tells the rows of a subject by their columns."""

    transaction: Transaction
    records: sa.Select[tuple[str]]
    numbers: sa.Select[tuple[int]]

    @property
    def referred(self) -> frozenset[str]:
        """Name the tables that others refer to, so that their rows go last."""
        named = {column.references for table in self.transaction.schema for column in table.all_columns}
        return frozenset(name for name in named if name is not None)

    def of(self, table: Table) -> sa.ColumnElement[bool] | None:
        """Give the condition for the rows of a table; None where it has none about people."""
        stored = self.transaction.table(table.name)
        conditions = [*self._direct(stored, [column.name for column in table.all_columns])]
        conditions += [
            stored.c[column.name].in_(self.records)
            for column in table.columns
            if column.references == "source_record" and column.name != "record_id"
        ]
        conditions += self._by_message(table, stored)
        conditions += [sa.and_(it, self._nobodys(stored)) for it in self._by_reference(table, stored)]
        return sa.or_(*conditions) if conditions else None

    def beyond_the_schema(self) -> Iterator[Holding]:
        """Give the rows of tables that stages make, such as the traits."""
        column = sa.table(
            "columns", *map(sa.column, ("table_schema", "table_name", "column_name")), schema="information_schema"
        )
        named = (column.c.table_schema == STORE, column.c.column_name.in_(["person_id", "record_id"]))
        asked = sa.select(column.c.table_name, column.c.column_name).where(*named).order_by(*column.c)
        for name, known_by in self.transaction.rows(asked):
            if name not in self.transaction.schema:
                stored = sa.table(name, sa.column(known_by), schema=STORE)
                (condition,) = self._direct(stored, [known_by])
                yield Holding(stored, condition)

    def _direct(self, stored: sa.Table | sa.TableClause, columns: Sequence[str]) -> Iterator[sa.ColumnElement[bool]]:
        if "record_id" in columns:
            yield stored.c.record_id.in_(self.records)
        for name in ("person_id", "now_person_id"):
            if name in columns and stored.name != "source_record":
                yield stored.c[name].in_(self.numbers)
        if "record_no" in columns and "record_id" not in columns and "person_id" not in columns:
            yield stored.c.record_no.in_(self.numbers)

    def _by_message(self, table: Table, stored: sa.Table) -> Iterator[sa.ColumnElement[bool]]:
        """Find what is kept of messages and names nobody: by the decision, which does."""
        decision = self.transaction.table("decision")
        theirs = sa.select(decision.c.decision_id).where(decision.c.record_id.in_(self.records))
        for column in table.columns:
            if column.references == "decision" and not table.personal and "record_id" not in stored.c:
                yield stored.c[column.name].in_(theirs)

    def _by_reference(self, table: Table, stored: sa.Table) -> Iterator[sa.ColumnElement[bool]]:
        for column in table.columns if table.mapped else ():
            target = self.transaction.schema.get(column.references or "")
            if target is None or not target.personal or target.name == "source_record":
                continue
            referred = self.transaction.table(target.name).alias(f"{target.name}_referred")
            yield sa.exists(
                sa.select(referred.c.source_key).where(
                    referred.c.connection == stored.c.connection,
                    referred.c.source_key == stored.c[column.name],
                    referred.c.record_id.in_(self.records),
                )
            )

    def _nobodys(self, stored: sa.Table) -> sa.ColumnElement[bool]:
        """Say that a row is no other person's: what refers to an erased row stays where it is about somebody else."""
        if "record_id" not in stored.c:
            return sa.true()
        record = self.transaction.table("source_record").alias("living_record")
        living = sa.exists(sa.select(record.c.record_id).where(record.c.record_id == stored.c.record_id))
        return sa.or_(stored.c.record_id.is_(None), sa.not_(living))


def _of_households(transaction: Transaction, own: _Own) -> Iterator[Holding]:
    """Give the households of which nobody is left."""
    household, person = transaction.table("household"), transaction.table("person")
    members = sa.select(person.c.household_id).where(person.c.household_id.is_not(None))
    gone = household.c.household_id.in_(members.where(person.c.person_id.in_(own.numbers)))
    left = household.c.household_id.not_in(members.where(person.c.person_id.not_in(own.numbers)))
    yield Holding(household, sa.and_(gone, left))


def values_of(transaction: Transaction, subject: Subject, cells: Sequence[str]) -> list[Holding]:
    """List what is kept by value and by no person: set aside values, and what a library made of the cells of rows."""
    import pyarrow as pa

    spelled = {it.value for it in subject.own}
    texts = transaction.load("erased_text", pa.table({"text": pa.array(sorted({*cells, *spelled}), pa.string())}))
    among = sa.select(texts.c.text)
    lookup, aside = transaction.table("lookup_value"), transaction.table("value_set_aside")
    own = [
        sa.and_(aside.c.type == text_constant(it.type), aside.c.value == text_constant(it.value)) for it in subject.own
    ]
    return [
        Holding(lookup, sa.or_(lookup.c.input.in_(among), lookup.c.output.in_(among))),
        *([Holding(aside, sa.or_(*own))] if own else []),
    ]


def count(transaction: Transaction, held: Sequence[Holding]) -> dict[str, int]:
    """Count the rows by table."""
    counted = {it.name: transaction.count(it.table, it.condition) for it in held}
    return {name: number for name, number in sorted(counted.items()) if number}


def rows(transaction: Transaction, held: Holding) -> list[dict[str, Any]]:
    """Give the rows of one table, in the order of its key."""
    columns: Sequence[Any] = list(held.table.c) if isinstance(held.table, sa.Table) else [sa.literal_column("*")]
    order = [held.table.c[name] for name in held.table.info["key"]] if isinstance(held.table, sa.Table) else []
    asked = sa.select(*columns).select_from(held.table).where(held.condition).order_by(*order)
    return [dict(row._mapping) for row in transaction.rows(asked)]
