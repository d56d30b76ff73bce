"""`hub check`: everything that is wrong in the project, at once, before anything runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from hub.project import Project


def check(folder: Path | None) -> Answer:
    """Load the project and check its expressions. Raises ConfigurationError with every mistake."""
    from hub.check import check_project
    from hub.lake import Lake

    project = open_project(folder)
    lake = Lake(project.lake)
    problems = check_project(project, datetime.now(UTC), lake if lake.local is not None else None)
    if problems:
        raise ConfigurationError(problems)
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
