"""Keep out: rows about people who were erased, when a system brings them again.

They never reach the warehouse, and leave the lake in the transaction that would have mapped them. A row is recognised
by its record, by an identifier of a record that is new, or by the row that it refers to. Somebody whom the hub knows
stays, whatever address the system gives them now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hub.lake import Lake
from hub.ledger import Erased, Mark
from hub.ledger.erasures import RECORD
from hub.stages.map.rows import Rows, take_out
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant


@dataclass
class KeepOut:
    """Who is kept out while one connection is mapped, and what was found of them."""

    erased: Erased
    learned: list[Mark] = field(default_factory=list)
    """Marks of further records that turned out to be theirs."""
    rows: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    """The raw rows to take out of the lake: by raw table and load package."""
    _records: set[str] = field(default_factory=set)
    _keys: dict[str, set[str]] = field(default_factory=dict)

    def take_out(self, transaction: Transaction, rows: Rows, connection: str) -> int:
        """Take rows about the erased out of those that are mapped now; give their number."""
        if not self.erased:
            return 0
        table = rows.table
        conditions = [*self._by_record(transaction, rows), *self._by_identifier(transaction, rows)]
        conditions += self._by_reference(transaction, rows)
        if not conditions:
            return 0
        columns: list[sa.ColumnElement[Any]] = [table.c["_load"], table.c["_row"], table.c["_key"]]
        columns += [rows.record.label("_record")] if rows.record is not None else []
        found = transaction.hold("map_erased", sa.select(*columns).where(sa.or_(*conditions)))
        for row in transaction.rows(sa.select(found)):
            self._note(rows, row._mapping)
        number = transaction.count(found)
        if number:
            take_out(transaction, rows, found, connection)
        return number

    def let_go(self, transaction: Transaction, lake: Lake, connection: str) -> None:
        """Take what was found out of the lake, and what a library made of it out of the warehouse."""
        import pyarrow as pa

        texts: set[str] = set()
        for load in lake.loads(connection):
            for table, paths in load.files.items():
                numbers = self.rows.get((table, load.load_id))
                for path in paths if numbers else ():
                    texts |= lake.texts(path, numbers or ())
                    lake.rewrite(path, numbers or ())
        if texts:
            loaded = transaction.load("map_erased_text", pa.table({"text": pa.array(sorted(texts), pa.string())}))
            among, kept = sa.select(loaded.c.text), transaction.table("lookup_value")
            transaction.execute(sa.delete(kept).where(sa.or_(kept.c.input.in_(among), kept.c.output.in_(among))))

    def _by_record(self, transaction: Transaction, rows: Rows) -> Iterator[sa.ColumnElement[bool]]:
        record = rows.record
        if record is None:
            return
        new = _distinct(transaction, record, _of_nobody_known(transaction, rows))
        known = self.erased.among(RECORD, new) | self._records
        if known:
            yield record.in_([text_constant(name) for name in sorted(known)])

    def _by_identifier(self, transaction: Transaction, rows: Rows) -> Iterator[sa.ColumnElement[bool]]:
        table = rows.table
        new = _of_nobody_known(transaction, rows)
        for prefix, rules in (("i", rows.translation.identifiers), ("gi", rows.translation.guests)):
            for place, rule in enumerate(rules):
                value = table.c[f"{prefix}_{place}"]
                known = self.erased.among(rule.type, _distinct(transaction, value, new))
                if known:
                    yield sa.and_(value.in_([text_constant(it) for it in sorted(known)]), new)

    def _by_reference(self, transaction: Transaction, rows: Rows) -> Iterator[sa.ColumnElement[bool]]:
        table = rows.table
        for column in rows.translation.table.columns:
            keys = self._keys.get(column.references or "")
            if keys and f"c_{column.name}" in table.c:
                theirs = table.c[f"c_{column.name}"].in_([text_constant(key) for key in sorted(keys)])
                yield sa.and_(theirs, _of_nobody_known(transaction, rows))

    def _note(self, rows: Rows, row: Any) -> None:
        mapped = rows.translation.mapped
        self.rows.setdefault((mapped.mapping.from_, row["_load"]), set()).add(int(row["_row"]))
        if row["_key"] is not None:
            self._keys.setdefault(rows.translation.table.name, set()).add(row["_key"])
        name = row.get("_record")
        if name is not None and name not in self._records:
            self._records.add(name)
            if not self.erased.among(RECORD, [name]):
                self.learned.append(self.erased.learn(RECORD, name))


def _of_nobody_known(transaction: Transaction, rows: Rows) -> sa.ColumnElement[bool]:
    """Say that a row is about nobody whom the hub has: only such rows are looked at, so it costs what is new."""
    if rows.record is None:
        return sa.true()
    source = transaction.table("source_record")
    known = sa.exists(sa.select(source.c.record_id).where(source.c.record_id == rows.record))
    return sa.not_(known)


def _distinct(transaction: Transaction, column: sa.ColumnElement[Any], among: sa.ColumnElement[bool]) -> Iterator[str]:
    asked = sa.select(column.label("value")).where(column.is_not(None), among).distinct()
    for batch in transaction.arrow(asked):
        yield from batch.column(0).to_pylist()
