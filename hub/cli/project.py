"""Which project a command works on, and as of when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from hub.project import Project

FILE = "hub.yaml"


def folder_of(given: Path | None) -> Path:
    """Return the project's folder: the given one, or the nearest one upwards from here."""
    if given is not None:
        if not (given / FILE).is_file():
            raise ConfigurationError(f"there is no {FILE} in {given}: give the folder of a project to --project")
        return given.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise ConfigurationError(
        f"no {FILE} here or in any folder above: go to a project, name it with --project DIR, or make one with "
        "`hub init NAME`"
    )


def open_project(given: Path | None) -> Project:
    """Load the project that a command works on."""
    from hub.project import load_project

    return load_project(folder_of(given))


def checked_project(given: Path | None, as_of: str | None = None, landed: bool = False) -> tuple[Project, datetime]:
    """Load the project that a command works on, and its moment. Raises ConfigurationError with every mistake.

    With `landed`, the names of raw columns are checked too, for the tables that have landed.
    """
    from hub.check import check_reading
    from hub.lake import Lake
    from hub.project import read_project
    from hub.registry import Registry

    registry = Registry()
    reading = read_project(folder_of(given), registry)
    at = moment(None if reading.problems else as_of, reading.project)
    lake = Lake(reading.project.lake) if landed else None
    found = check_reading(reading, at, lake if lake is not None and lake.local is not None else None, registry)
    if reading.problems or found:
        raise ConfigurationError([*reading.problems, *found])
    return reading.project, at


def moment(given: str | None, project: Project) -> datetime:
    """Read --as-of in the project's time zone; now, in whole seconds, where it is absent."""
    if given is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigurationError(f"--as-of '{given}' is no moment: write 2026-03-01 or 2026-03-01T09:00") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=ZoneInfo(project.hub.timezone))
    return found.astimezone(UTC)
