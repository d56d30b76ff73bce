"""Facts: the rows of one table of the shared schema, as expressions see them.

`total` is a column of the row itself; `product.species` is a column of the row that it refers to, within the same
connection. Only what an expression uses is joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
