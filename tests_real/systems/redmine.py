"""Redmine from Debian bookworm's packages, with its own Ruby: a database is filled anew for each run."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests_real.harness import Debian, System, free_port, once, run
from tests_real.systems.postgresql import PostgreSQL

PACKAGES = ("redmine", "redmine-pgsql", "puma")
DATABASE = """
production:
  adapter: postgresql
  database: redmine_run
  host: {host}
  username: redmine
  encoding: utf8
"""
_FIRST_STEPS = """
Setting.rest_api_enabled = "1"
User.find_by_login("admin").update_columns(must_change_passwd: false)
token = Token.find_or_create_by!(user_id: User.find_by_login("admin").id, action: "api")
desk = Project.create!(name: "Klachten", identifier: "klachten", is_public: true, trackers: Tracker.all)
desk.enable_module!(:issue_tracking)
desk.memberships << Member.new(principal: Group.non_member, roles: [Role.find_by_name("Reporter")])
File.write({path}, token.value)
"""


class Redmine(System):
    """A service desk with one public project; `key` is the administrator's."""

    name = "redmine"
    release = "bookworm"

    def __init__(self, postgresql: PostgreSQL) -> None:
        super().__init__()
        self._postgresql = postgresql

    def install(self) -> None:
        debian = Debian(self.release)
        self.version = debian.version("redmine")
        needed = debian.needed(*PACKAGES)
        root = once(self.folder / "root", f"{self.version} {needed}", lambda folder: debian.unpack(folder, *needed))
        self._app = root / "usr" / "share" / "redmine"
        self._programs = root / "usr" / "bin"
        library = root / "usr" / "lib"
        (native,) = (path for path in library.glob("*-linux-*") if (path / "ruby").is_dir())
        code = [library / "ruby/vendor_ruby", library / "ruby/3.1.0", native / "ruby/vendor_ruby/3.1.0"]
        gems = root / "usr/share/rubygems-integration"
        self._env = {
            "LD_LIBRARY_PATH": str(native),
            "RUBYLIB": _paths(*code, library / "ruby/vendor_ruby/3.1.0", native / "ruby/3.1.0"),
            "GEM_PATH": _paths(
                gems / "all", gems / "3.1.0", native / "rubygems-integration/3.1.0", library / "ruby/gems/3.1.0"
            ),
            "RAILS_ENV": "production",
            "SECRET_KEY_BASE": "0" * 64,
            "REDMINE_LANG": "en",
            "HOME": str(self.folder),
        }

    def start(self) -> None:
        """Fill a database and serve it."""
        self._postgresql.user("redmine")
        self._postgresql.fresh("redmine_run", "redmine")
        self._configure()
        key = self.folder / "key"
        for task in ("db:migrate", "redmine:load_default_data"):
            self._ruby("rake", task)
        self._ruby("rails", "runner", _FIRST_STEPS.format(path=json.dumps(str(key))))
        self.key = key.read_text()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        program: list[str | Path] = [self._programs / "ruby3.1", self._programs / "puma", "--dir", self._app]
        options = ["-q", "-b", f"tcp://127.0.0.1:{port}", "-e", "production"]
        self.serve("server", [*program, *options], self._env).wait_until(self._answers)

    def _configure(self) -> None:
        """Say where the database is, in place of the links to this machine's own /etc and /var."""
        instance = self._app / "instances" / "default"
        for link in (self._app / "Gemfile.lock", self._app / "config" / "database.yml", instance.parent):
            if link.is_symlink():
                link.unlink()
        shutil.rmtree(instance, ignore_errors=True)
        (instance / "config").mkdir(parents=True)
        (instance / "config" / "database.yml").write_text(DATABASE.format(host=self._postgresql.socket))
        (self._app / "Gemfile.local").write_text('gem "pg"\n')

    def _ruby(self, name: str, *arguments: str) -> None:
        program = self._app / "bin" / name if name == "rails" else self._programs / name
        command: list[str | Path] = [self._programs / "ruby3.1", program, *arguments]
        run(command, f"{name} of Redmine", cwd=self._app, env={**os.environ, **self._env})

    def _answers(self) -> bool:
        try:
            return bool(self.ask("GET", "users/current")["user"]["admin"])
        except (OSError, urllib.error.HTTPError):
            return False

    def ask(self, method: str, path: str, content: dict[str, Any] | None = None, key: str = "") -> Any:
        """Do what somebody with a key does: the administrator, where none is given."""
        request = urllib.request.Request(
            f"{self.url}/{path}.json",
            None if content is None else json.dumps(content).encode(),
            {"X-Redmine-API-Key": key or self.key, "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = answer.read()
        return json.loads(said) if said.strip() else None


def _paths(*folders: Path) -> str:
    return ":".join(str(folder) for folder in folders)
