"""`hub schedule`: serve the project's cron times through Prefect."""

from __future__ import annotations

from pathlib import Path

from hub import log, settings
from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.cli.scheduler import flows


def schedule(folder: Path | None) -> Answer:
    """Serve the schedules until stopped."""
    project = open_project(folder)
    found = settings.load(project.folder)
    log.configure(found.log_format, found.log_level)
    flows().serve_schedules(project)
    return Answer({"stopped": True}, lambda console: console.print("stopped"))
