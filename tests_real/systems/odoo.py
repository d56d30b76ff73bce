"""Odoo 19 from Debian sid's package, with its Python packages from PyPI: CRM, sales, invoices, events, surveys."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from tests_real.harness import Debian, System, free_port, once, python_packages, run
from tests_real.systems.postgresql import PostgreSQL

APPS = "contacts,crm,sale_management,account,event,event_sale,survey,mass_mailing"
PACKAGES = [
    "asn1crypto",
    "babel",
    "cbor2",
    "chardet",
    "cryptography",
    "python-dateutil",
    "docutils",
    "geoip2",
    "gevent",
    "greenlet",
    "idna",
    "jinja2",
    "libsass",
    "lxml-html-clean",
    "lxml",
    "markupsafe",
    "num2words",
    "ofxparse",
    "openpyxl",
    "pyopenssl",
    "pillow",
    "polib",
    "psutil",
    "psycopg2-binary",
    "pypdf",
    "pytz",
    "qrcode",
    "reportlab",
    "requests",
    "rjsmin",
    "python-stdnum",
    "urllib3",
    "vobject",
    "werkzeug<4",
    "xlrd",
    "xlsxwriter",
    "zeep",
    "freezegun",
    "python-magic",
    "passlib",
    "setuptools",
]
_NEW_KEY = """
key = env["res.users.apikeys"].with_user(2)._generate("rpc", "tests", None)
env.cr.commit()
open({path!r}, "w").write(key)
"""


class Odoo(System):
    """A company's Odoo with nothing in it yet; `key` is the administrator's."""

    name = "odoo"

    def __init__(self, postgresql: PostgreSQL) -> None:
        super().__init__()
        self._postgresql = postgresql

    def install(self) -> None:
        debian = Debian("sid")
        self.version = debian.version("odoo-19")
        self._python = python_packages(self.folder / "venv", PACKAGES)

        def unpack(folder: Path) -> None:
            debian.unpack(folder, "odoo-19", without=("*/i18n/*", "*/static/tests/*"))

        root = once(self.folder / "root", self.version, unpack)
        self._program: list[str | Path] = [self._python, root / "usr" / "bin" / "odoo"]
        self._env = {"PYTHONPATH": str(root / "usr" / "lib" / "python3" / "dist-packages")}
        self._template = "odoo_" + "".join(each if each.isalnum() else "_" for each in self.version).lower()
        self._postgresql.user("odoo")
        if not (self._key_file.is_file() and self._postgresql.has(self._template)):
            self._initialise()
        self.key = self._key_file.read_text()

    @property
    def _key_file(self) -> Path:
        return self.folder / f"{self._template}.key"

    def _options(self, database: str) -> list[str]:
        return [
            f"--db_host={self._postgresql.socket}",
            "-r",
            "odoo",
            "-d",
            database,
            f"--data-dir={self.folder / 'data'}",
            "--http-interface=127.0.0.1",
            "--log-level=warn",
        ]

    def _initialise(self) -> None:
        """Fill a database with the apps: it is the template for every run."""
        self._postgresql.fresh(self._template, "odoo")
        options = [*self._options(self._template), "-i", APPS, "--without-demo=True", "--stop-after-init"]
        run([*self._program, *options], "the first start of Odoo", env=self._environment())
        said = _NEW_KEY.format(path=str(self._key_file))
        shell: list[str | Path] = [*self._program, "shell", *self._options(self._template), "--no-http"]
        run(shell, "a key for Odoo", env=self._environment(), input=said)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._env}

    def start(self) -> None:
        """Serve a fresh copy of the template."""
        self._postgresql.fresh("odoo_run", "odoo", self._template)
        filestore = self.folder / "data" / "filestore"
        shutil.rmtree(filestore / "odoo_run", ignore_errors=True)
        if (filestore / self._template).is_dir():
            shutil.copytree(filestore / self._template, filestore / "odoo_run")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = [*self._options("odoo_run"), f"--http-port={port}", "--workers=0", "--max-cron-threads=0"]
        self.serve("server", [*self._program, *options], self._env).wait_until(self._healthy)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/web/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """Do what somebody in the company would do in a browser."""
        request = urllib.request.Request(
            f"{self.url}/json/2/{model}/{method}",
            json.dumps(arguments).encode(),
            {"Authorization": f"bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
