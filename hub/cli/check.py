"""`hub check`: everything that is wrong in the project, at once, before anything runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import checked_project

if TYPE_CHECKING:
    from rich.console import Console

    from hub.project import Project


def check(folder: Path | None) -> Answer:
    """Load the project and check its expressions. Raises ConfigurationError with every mistake."""
    from hub.check import never_landed
    from hub.lake import Lake

    project, _ = checked_project(folder, landed=True)
    counts, lake = _counts(project), Lake(project.lake)
    notes = never_landed(project, lake) if lake.local is not None else []

    def show(console: Console) -> None:
        told = ", ".join(_counted(what, count) for what, count in counts.items())
        console.print(f"Everything is in order: {told}.")
        for note in notes:
            console.print(f"Mind: {note}", markup=False)

    return Answer({"ok": True, "problems": [], "notes": [asdict(note) for note in notes], "counts": counts}, show)


def _counted(what: str, count: int) -> str:
    return f"{count} {what.removesuffix('s') if count == 1 else what}"


def _counts(project: Project) -> dict[str, int]:
    return {
        "connections": len(project.connections),
        "mapped tables": len(project.mappings),
        "traits": len(project.traits),
        "segments": len(project.segments),
        "scenarios": len(project.scenarios),
        "syncs": len(project.syncs),
    }
