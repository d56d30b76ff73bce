"""`hub preview`: sample rows before and after a mapping, without storing anything; or a segment, or a message."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from hub.project import Project
    from hub.stages.map.preview import PreviewRow


def preview(
    folder: Path | None,
    what: str,
    name: str,
    rows: int,
    person: str | None = None,
    step: str | None = None,
    out: Path | None = None,
) -> Answer:
    """Preview a mapping, a segment for everybody or for one person, or a message to one person."""
    if what == "message":
        from hub.cli.message_preview import preview_message

        if step is None or person is None:
            raise ConfigurationError("write `hub preview message SCENARIO STEP --person PERSON`")
        return preview_message(folder, name, step, person, out)
    if step is not None or out is not None:
        raise ConfigurationError("a step and --out go with `hub preview message SCENARIO STEP --person PERSON`")
    if what == "segment":
        from hub.cli.segment_preview import preview_segment, why

        project = open_project(folder)
        return why(project, name, person) if person is not None else preview_segment(project, name, rows)
    if what != "mapping":
        raise ConfigurationError(
            f"'{what}' can't be previewed: write `hub preview mapping NAME`, `hub preview segment NAME` or "
            "`hub preview message SCENARIO STEP --person PERSON`"
        )
    if person is not None:
        raise ConfigurationError("--person goes with `hub preview segment NAME`")
    return _mapping(folder, name, rows)


def _mapping(folder: Path | None, name: str, rows: int) -> Answer:
    """Map the first rows of the newest load; those that are set aside show the reason."""
    found = _rows(open_project(folder), name, rows)
    data = [{"raw": dict(row.raw), "mapped": row.mapped and dict(row.mapped), "reason": row.reason} for row in found]
    return Answer(data, lambda console: _show(console, data))


def _rows(project: Project, name: str, rows: int) -> list[PreviewRow]:
    """Work in a warehouse of its own, so that a preview neither waits for a run nor holds one up."""
    from hub.lake import Lake
    from hub.stages.map.preview import preview_mapping
    from hub.warehouse import open_warehouse

    with TemporaryDirectory() as state:
        lake = Lake(project.lake, Path(state) / "lake")
        readable = [lake.local] if lake.local is not None else []
        warehouse = open_warehouse(project.hub.engine, project.schema, Path(state), readable)
        try:
            return preview_mapping(warehouse, project, lake, name, rows)
        finally:
            warehouse.close()


def _show(console: Console, data: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    for number, row in enumerate(data, 1):
        table = Table(title=f"Row {number}", title_justify="left", show_lines=False)
        for heading in ("raw", "", "mapped", ""):
            table.add_column(heading, overflow="fold")
        raw = [(name, value) for name, value in row["raw"].items() if value is not None]
        mapped = [(name, value) for name, value in (row["mapped"] or {}).items() if value is not None]
        if row["reason"]:
            mapped = [("set aside", row["reason"])]
        for line in range(max(len(raw), len(mapped))):
            left = raw[line] if line < len(raw) else ("", "")
            right = mapped[line] if line < len(mapped) else ("", "")
            table.add_row(*(Text(str(cell)) for cell in (*left, *right)))
        console.print(table)
    if not data:
        console.print("No row of the newest load passes the mapping's `where`.")
