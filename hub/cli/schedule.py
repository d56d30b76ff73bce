"""`hub schedule`: serve the project's cron times through Prefect."""

from __future__ import annotations

from pathlib import Path

from hub import log, settings
from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import ConfigurationError


def schedule(folder: Path | None) -> Answer:
    """Serve the schedules until stopped."""
    project = open_project(folder)
    found = settings.load(project.folder)
    log.configure(found.log_format, found.log_level)
    try:
        from flows import serve_schedules
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("prefect"):
            raise
        raise ConfigurationError("schedules need Prefect: `pip install 'schakel[flows]'`") from None
    serve_schedules(project)
    return Answer({"stopped": True}, lambda console: console.print("stopped"))
