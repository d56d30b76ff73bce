"""pretix from PyPI: an organiser without events yet. Its migrated database is kept as a template, by version."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests_real.harness import System, free_port, python_packages, run
from tests_real.systems.postgresql import PostgreSQL

VERSION = "2026.8.0"
CONFIGURATION = """
[pretix]
instance_name=Miaoum
url={url}
datadir={folder}
registration=off
allow_http_to_private_networks=on
[database]
backend=postgresql
name={database}
user=pretix
host={host}
[mail]
from=hallo@example.nl
[django]
secret=alleen-voor-proeven-en-nergens-anders-0123456789
"""
_FIRST_STEPS = """
from pretix.base.models import Organizer
from django_scopes import scopes_disabled
with scopes_disabled():
    organizer = Organizer.objects.create(name="Miaoum", slug="miaoum")
    everything = dict(all_events=True, all_event_permissions=True, all_organizer_permissions=True)
    team = organizer.teams.create(name="Schakel", **everything)
    token = team.tokens.create(name="hub")
    open({path!r}, "w").write(token.token)
"""


class Pretix(System):
    """Tickets for the events of `organizer`; `token` may do everything."""

    name = "pretix"
    version = VERSION
    organizer = "miaoum"

    def __init__(self, postgresql: PostgreSQL) -> None:
        super().__init__()
        self._postgresql = postgresql

    def install(self) -> None:
        self._python = python_packages(self.folder / "venv", [f"pretix=={VERSION}", "gunicorn"])
        self._template = f"pretix_{VERSION.replace('.', '_')}"
        self._key = self.folder / f"{self._template}.token"
        self._postgresql.user("pretix")
        if not (self._key.is_file() and self._postgresql.has(self._template)):
            self._initialise()
        self.token = self._key.read_text()

    def _initialise(self) -> None:
        """Migrate a database: it is the template for every run."""
        self._key.unlink(missing_ok=True)
        self._postgresql.fresh(self._template, "pretix")
        env = {**os.environ, **self._configured("http://127.0.0.1", self._template)}
        program: list[str | Path] = [self._python, "-m", "pretix"]
        run([*program, "migrate"], "the tables of pretix", env=env, cwd=self.folder, seconds=900)
        first = _FIRST_STEPS.format(path=str(self._key))
        run([*program, "shell", "-c", first], "an organiser in pretix", env=env, cwd=self.folder)

    def _configured(self, url: str, database: str) -> dict[str, str]:
        data, path = self.folder / "data", self.folder / f"{database}.cfg"
        data.mkdir(exist_ok=True)
        path.write_text(CONFIGURATION.format(url=url, folder=data, database=database, host=self._postgresql.socket))
        return {"PRETIX_CONFIG_FILE": str(path)}

    def start(self) -> None:
        """Serve a fresh copy of the template."""
        self._postgresql.fresh("pretix_run", "pretix", self._template)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options: list[str | Path] = ["--bind", f"127.0.0.1:{port}", "--threads", "2", "--chdir", self.folder]
        command: list[str | Path] = [self._python, "-m", "gunicorn", "pretix.wsgi", *options]
        self.serve("server", command, self._configured(self.url, "pretix_run")).wait_until(self._answers, 120)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("GET", "")["slug"] == self.organizer)
        except (OSError, urllib.error.HTTPError):
            return False

    def ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """Do what the organiser does, below its own address."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/organizers/{self.organizer}/{path}",
            None if content is None else json.dumps(content).encode(),
            {"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = answer.read()
        return json.loads(said) if said else None
