"""`hub serve`: take what other systems push, and show the pages behind the links in messages."""

from __future__ import annotations

from pathlib import Path

from hub import log, settings
from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import ConfigurationError
from hub.ledger import open_ledger


def serve(folder: Path | None, host: str, port: int) -> Answer:
    """Serve until stopped."""
    project = open_project(folder)
    found = settings.load(project.folder)
    log.configure(found.log_format, found.log_level)
    try:
        from hub.serve import application, listen
        from hub.serve import serve as work
        from hub.serve.site import Site
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn"):
            raise
        raise ConfigurationError("serving needs a few packages more: `pip install 'schakel[serve]'`") from None
    ledger = open_ledger(project.hub.ledger, project.state)
    try:
        app = application(Site(project, ledger))
        listening = listen(host, port)
        log.get("hub.serve").info("serving", host=host, port=listening.getsockname()[1])
        work(app, listening, project.hub.serve.proxies)
    finally:
        ledger.close()
    return Answer({"stopped": True}, lambda console: console.print("stopped"))
