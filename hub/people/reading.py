"""Reading what was published, with statements built from the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.project import Project
from hub.schema.shape import STORE
from hub.warehouse.dialects import dialect_of

if TYPE_CHECKING:
    import pyarrow as pa

Ask = Callable[[str], "pa.Table"]
"""Runs one SQL statement on what was published."""


class Reading:
    """Reads the published tables of one project."""

    def __init__(self, project: Project, ask: Ask) -> None:
        self.project = project
        self.ask = ask
        self.table = project.schema.table

    def rows(self, query: sa.Select[Any] | sa.CompoundSelect[Any]) -> list[dict[str, Any]]:
        """Run a query; its values stand in the text, quoted by the engine's own rules."""
        compiled = query.compile(dialect=dialect_of(self.project.hub.engine), compile_kwargs={"literal_binds": True})
        found: list[dict[str, Any]] = self.ask(str(compiled)).to_pylist()
        return found

    def there(self, table_name: str) -> bool:
        """Say whether a table was published: one that is newer than the last run was not."""
        return table_name in self.published

    @cached_property
    def published(self) -> frozenset[str]:
        """Name the tables that were published."""
        catalogue = sa.table("tables", sa.column("table_name"), sa.column("table_schema"), schema="information_schema")
        found = self.rows(sa.select(catalogue.c.table_name).where(catalogue.c.table_schema == STORE))
        return frozenset(row["table_name"] for row in found)

    def among(
        self, table_name: str, column: str, values: Iterable[Any], order: str, newest: bool = False
    ) -> list[dict[str, Any]]:
        """Give the rows whose column has one of the values, in order (or the newest first)."""
        table = self.table(table_name)
        by = table.c[order].desc().nulls_last() if newest else table.c[order]
        rest = [table.c[name] for name in table.info["key"]]
        return self.rows(sa.select(table).where(table.c[column].in_(sorted(values))).order_by(by, *rest))
