"""A project with one connection to a real system: run it, and read what it knows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub import pipeline
from hub.contracts import Place
from hub.project import Project
from hub.project.load import load_project
from hub.registry import Registry
from hub.schema import BUILT_IN
from hub.warehouse import open_warehouse


def project(folder: Path, connections: str) -> Project:
    """Write hub.yaml and load it."""
    (folder / "hub.yaml").write_text(f"name: Miaoum\nconnections:\n{connections}")
    return load_project(folder)


def run(project: Project) -> None:
    """Land, map and resolve; nothing fails, and nothing is set aside."""
    report = pipeline.run(project, datetime.now(UTC), ["land", "map", "resolve"])
    assert [failure for each in report.reports for failure in each.failures] == []
    assert sum(each.counts.get("quarantined", 0) for each in report.reports) == 0


def rows(project: Project, table: str) -> list[dict[str, Any]]:
    """Read a table of the warehouse, in the order of its keys."""
    warehouse = open_warehouse("duckdb", BUILT_IN, project.state, [project.folder])
    with warehouse.begin() as transaction:
        read = transaction.arrow(sa.select(transaction.table(table))).read_all().to_pylist()
    warehouse.close()
    return sorted(read, key=lambda row: str(row["source_key"]))


def plugin(name: str, **config: Any) -> Any:
    """Make a plugin as a connection of a project would, for a server on this machine."""
    kind = Registry().get(name)
    model = kind.config_model.model_validate({"allow_private": True, **config})
    return kind(model, Place("tested", Path("/nowhere")))
