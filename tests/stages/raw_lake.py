"""A lake written by hand, and projects whose mappings read it, for the tests of mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import sqlalchemy as sa
import yaml

from hub.lake import LOAD_ID, ROW, Lake
from hub.project import Project
from hub.project.models import MappingFile
from hub.project.project import MappedTable
from hub.report import Report
from hub.stages.map import map_loads
from hub.warehouse import Warehouse
from tests.stages import world
from tests.stages.world import NOON

Row = Mapping[str, Any]


def load(folder: Path, connection: str, load_id: str, **tables: Sequence[Row] | pa.Table) -> None:
    """Write one complete load package."""
    root = folder / f"raw_{connection}"
    for table, rows in tables.items():
        data = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist([dict(row) for row in rows])
        data = data.append_column(LOAD_ID, pa.array([load_id] * len(data)))
        data = data.append_column(ROW, pa.array(range(1, len(data) + 1), pa.int64()))
        (root / table).mkdir(parents=True, exist_ok=True)
        parquet.write_table(data, root / table / f"{load_id}.0.parquet")
    (root / "_dlt_loads").mkdir(parents=True, exist_ok=True)
    record = {"load_id": load_id, "status": 0, "inserted_at": datetime.fromtimestamp(float(load_id), UTC).isoformat()}
    (root / "_dlt_loads" / f"{load_id}.jsonl").write_text(json.dumps(record), encoding="utf-8")


def mapped(text: str) -> list[MappedTable]:
    """Read a mapping file's text."""
    file = MappingFile.model_validate(yaml.safe_load(text))
    lookups = {name: entries for name, entries in file.lookups.items() if isinstance(entries, dict)}
    return [
        MappedTable(Path(f"mappings/{file.connection}.yaml"), file.connection, target, mapping, lookups, position)
        for position, (target, mapping) in enumerate(file.tables)
    ]


def project(*texts: str, notation: str = "iso") -> Project:
    """Make a project of mapping files; all connections write numbers in one notation."""
    mappings = [one for text in texts for one in mapped(text)]
    connections = {one.connection: SimpleNamespace(notation=notation) for one in mappings}
    return replace(world.project(), mappings=tuple(mappings), connections=connections)


class Mapped:
    """A warehouse, a lake, and what mapping made of it."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.folder = folder
        self.lake = Lake(folder)

    def load(self, connection: str, load_id: str, **tables: Sequence[Row] | pa.Table) -> None:
        """Land one load package."""
        load(self.folder, connection, load_id, **tables)

    def map(self, *texts: str, notation: str = "iso") -> Report:
        """Map what is new; a connection that fails is a failure of the test."""
        report = map_loads(self.warehouse, project(*texts, notation=notation), self.lake, NOON)
        assert report.failures == (), report.failures
        return report

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Read columns of a stored table, in their order."""
        with self.warehouse.begin() as transaction:
            stored = transaction.table(table)
            chosen = [stored.c[column] for column in columns]
            return sorted((tuple(row) for row in transaction.rows(sa.select(*chosen))), key=repr)

    def counts(self) -> dict[str, int]:
        """Add up what is written down per load package."""
        names = ("rows_in", "rows_mapped", "rows_set_aside", "rows_superseded")
        return {name: sum(row[0] for row in self.rows("mapped_load", name)) for name in names}
