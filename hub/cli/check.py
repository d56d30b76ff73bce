"""`hub check`: everything that is wrong in the project, at once, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import checked_project

if TYPE_CHECKING:
    from hub.project import Project


def check(folder: Path | None) -> Answer:
    """Load the project and check its expressions. Raises ConfigurationError with every mistake."""
    project, _ = checked_project(folder, landed=True)
    counts = _counts(project)
    return Answer(
        {"ok": True, "problems": [], "counts": counts},
        lambda console: console.print(
            "Everything is in order: " + ", ".join(_counted(what, count) for what, count in counts.items()) + "."
        ),
    )


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
