"""Facts: the rows of one table of the shared schema, as expressions see them.

`total` is a column of the row itself; `product.species` is a column of the row that it refers to, within the same
connection. Only what an expression uses is joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.expressions import Name
from hub.schema import Schema, Table
from hub.schema.shape import RECORD


@dataclass(frozen=True)
class Facts:
    """The rows of `table`; `rows` is the table in statements, `names` what expressions over it may use."""

    table: Table
    rows: sa.FromClause
    names: Mapping[str, Name]
    references: Mapping[str, tuple[sa.FromClause, sa.ColumnElement[bool]]]

    def relation(self, used: Iterable[str]) -> sa.FromClause:
        """Give the rows, joined to the rows that the used names refer to."""
        relation = self.rows
        for prefix in sorted({name.partition(".")[0] for name in used if "." in name}):
            referred, condition = self.references[prefix]
            relation = relation.outerjoin(referred, condition)
        return relation

    @property
    def time(self) -> Name | None:
        """Give the column that says when it happened."""
        return self.names[self.table.time] if self.table.time else None


def facts(schema: Schema, table_name: str) -> Facts:
    """Describe a table's rows."""
    table = schema[table_name]
    rows = schema.table(table_name).alias(table_name)
    names = {column.name: Name(rows.c[column.name], column.type) for column in table.all_columns}
    references: dict[str, tuple[sa.FromClause, sa.ColumnElement[bool]]] = {}
    for column in table.all_columns:
        target = schema.get(column.references or "")
        if target is None or not target.mapped or column.name == RECORD.name or target.name in references:
            continue
        referred = schema.table(target.name).alias(f"{target.name}_of_{table_name}")
        references[target.name] = (
            referred,
            sa.and_(referred.c.connection == rows.c.connection, referred.c.source_key == rows.c[column.name]),
        )
        names |= {f"{target.name}.{it.name}": Name(referred.c[it.name], it.type) for it in target.all_columns}
    return Facts(table, rows, names, references)


@dataclass(frozen=True)
class PersonFacts:
    """The rows of a table with their person, narrowed to what is used of them: read once, whatever is computed.

    `names` are columns of `seen`, a relation that `select` fills: person_id, and one column for each name.
    """

    facts: Facts

    @property
    def table(self) -> Table:
        """Give the table."""
        return self.facts.table

    @cached_property
    def seen(self) -> sa.TableClause:
        """Give the narrowed rows as a relation."""
        columns = [sa.column(name, it.element.type) for name, it in self.facts.names.items() if name != "person_id"]
        return sa.table(f"facts_of_{self.table.name}", sa.column("person_id", sa.BigInteger()), *columns)

    @cached_property
    def names(self) -> Mapping[str, Name]:
        """Give what expressions over the narrowed rows may use."""
        return {name: Name(self.seen.c[name], it.type) for name, it in self.facts.names.items()}

    @property
    def time(self) -> Name | None:
        """Give the column that says when it happened."""
        return self.names[self.table.time] if self.table.time else None

    def select(
        self,
        record: sa.FromClause,
        used: Iterable[str],
        until: datetime | date,
        windows: Sequence[sa.ColumnElement[bool]] = (),
    ) -> sa.Select[Any]:
        """Select the rows of people (`record` is source_record) that happened by a moment, or on no known one.

        `used` are the names that are needed; with `windows`, rows outside all of them are left out.
        """
        names = self.facts.names
        wanted = sorted({*used, *([self.table.time] if self.table.time else [])} - {"person_id"})
        rows = (
            sa.select(record.c.person_id, *(names[name].element.label(name) for name in wanted))
            .select_from(self.facts.relation(wanted).join(record, record.c.record_id == self.facts.rows.c.record_id))
            .where(record.c.person_id.is_not(None))
        )
        time = self.facts.time
        if time is not None:
            rows = rows.where(sa.or_(time.element.is_(None), time.element <= until))
        return rows.where(sa.or_(*windows)) if windows else rows

    def until(self, as_of: datetime, timezone: str) -> datetime | date:
        """Give the as-of moment, or its day for a table that knows days only."""
        time = self.time
        return as_of if time is None or time.type == "timestamp" else as_of.astimezone(ZoneInfo(timezone)).date()
