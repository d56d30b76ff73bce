"""Ask what the last run published; a run that is busy is not disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from hub.project import Project


def ask(project: Project, sql: str) -> pa.Table:
    """Run one read-only statement. Raises ConfigurationError for wrong SQL, or when nothing is published yet."""
    if project.hub.engine == "duckdb":
        from hub.warehouse import duckdb

        return duckdb.query(project.state / "published.duckdb", sql)
    from hub.warehouse.postgresql import PostgreSQLWarehouse

    warehouse = PostgreSQLWarehouse(project.schema, project.hub.engine)
    try:
        return warehouse.query(sql)
    finally:
        warehouse.close()
