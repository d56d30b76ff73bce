"""`hub doctor`: try everything that a run needs, and say what to mend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from hub import __version__
from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import HubError, TemporaryError

if TYPE_CHECKING:
    from rich.console import Console

    from hub.project import Connection, Project


@dataclass(frozen=True)
class Finding:
    """What was tried, whether it works, and what it said."""

    what: str
    ok: bool
    message: str


def doctor(folder: Path | None) -> Answer:
    """Check the settings, the engine, the ledger, the lake and each connection; one that fails stops no other."""
    project = open_project(folder)
    findings = [
        Finding("settings", True, f"{_versions()}; {'a' if project.key else 'no'} signing key"),
        _try("engine", lambda: _engine(project)),
        _try("ledger", lambda: _ledger(project)),
        _try("lake", lambda: _lake(project)),
        *(_connection(connection) for connection in project.connections.values()),
    ]
    ok = all(finding.ok for finding in findings)
    data = {"ok": ok, "findings": [asdict(finding) for finding in findings]}
    return Answer(data, lambda console: _show(console, findings), 0 if ok else 1)


def _versions() -> str:
    return f"hub {__version__}, Python {sys.version.split()[0]}"


def _try(what: str, work: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, work())
    except HubError as error:
        return Finding(what, False, str(error))


def _engine(project: Project) -> str:
    from hub.warehouse import open_warehouse

    warehouse = open_warehouse(project.hub.engine, project.schema, project.state)
    warehouse.close()
    return f"{warehouse.name} answers"


def _ledger(project: Project) -> str:
    from hub.ledger import open_ledger

    ledger = open_ledger(project.hub.ledger, project.state)
    ledger.close()
    return f"{ledger.engine.dialect.name} answers"


def _lake(project: Project) -> str:
    """Write a file of a name of its own, and take it away."""
    from fsspec.core import url_to_fs

    try:
        filesystem, root = url_to_fs(project.lake)
        filesystem.makedirs(root, exist_ok=True)
        path = f"{root}/.doctor-{uuid4().hex}"
        filesystem.pipe_file(path, b"")
        filesystem.rm_file(path)
    except (OSError, ImportError, ValueError) as error:
        raise TemporaryError(
            f"can't write to the lake ({type(error).__name__}): check `lake:` in hub.yaml, the rights on it, and the "
            "credentials in the environment"
        ) from None
    return "can be written"


def _connection(connection: Connection) -> Finding:
    what = f"connection {connection.name}"
    try:
        found = connection.open().check()
    except HubError as error:
        return Finding(what, False, str(error))
    except Exception as error:  # noqa: BLE001 - a stranger's plugin may raise anything; its message may hold a secret
        return Finding(
            what,
            False,
            f"the plugin '{connection.plugin.name}' failed with {type(error).__name__}: report it to its author",
        )
    return Finding(what, found.ok, found.message)


def _show(console: Console, findings: list[Finding]) -> None:
    from rich.markup import escape

    for finding in findings:
        mark = "[green]ok  [/]" if finding.ok else "[red]mend[/]"
        console.print(f"{mark}  {escape(finding.what)}: {escape(finding.message)}")
