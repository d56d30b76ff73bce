"""The warehouse, on the engine that a project names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hub.errors import ConfigurationError
from hub.schema import Schema
from hub.warehouse.warehouse import Transaction, Warehouse

__all__ = ["Transaction", "Warehouse", "open_warehouse"]


def open_warehouse(
    engine: str, schema: Schema, state: Path, readable: Sequence[Path] = (), memory: int | None = None
) -> Warehouse:
    """Open the warehouse of a project and bring its tables up to date.

    `engine` is `duckdb` (one file in the folder `state`) or a `postgresql://` URL; `readable` are the folders
    that the embedded engine may read besides (the lake), and `memory` is how many bytes it takes for data at most.
    """
    warehouse: Warehouse
    if engine == "duckdb":
        from hub.warehouse.duckdb import DuckDBWarehouse

        warehouse = DuckDBWarehouse(schema, state / "warehouse.duckdb", readable, memory)
    elif engine.startswith(("postgresql:", "postgresql+psycopg:")):
        from hub.warehouse.postgresql import PostgreSQLWarehouse

        warehouse = PostgreSQLWarehouse(schema, engine)
    else:
        raise ConfigurationError(
            f"engine '{engine.split(':')[0]}' is not known: use duckdb, or postgresql://user:password@host/database"
        )
    warehouse.prepare()
    return warehouse
