"""A small project to make mistakes in, and three plugins that are installed like a stranger's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent

import pytest

from hub.check import check_reading
from hub.errors import ConfigurationError
from hub.project import Project, load_project, read_project
from hub.registry import Registry

PLUGINS = """
from pathlib import Path
from pydantic import Field, SecretStr, field_validator
from hub.contracts import Capabilities, Check, ConnectionConfig, Destination, Source
from hub.hookspecs import hookimpl


class TillConfig(ConnectionConfig):
    url: str = Field(description="The address of the till.")
    key: SecretStr | None = None
    port: int = 80
    mode: str = "all"

    @field_validator("url")
    @classmethod
    def _address(cls, value):
        if not value.startswith("https://"):
            raise ValueError(f"{value} does not start with https://")
        return value


class Till(Source):
    name = "till"
    summary = "Receipts of a till."
    config_model = TillConfig

    def check(self):
        return Check(True, "the till answers")

    def resources(self):
        return []


class PigeonConfig(ConnectionConfig):
    loft: str


class Pigeon(Destination):
    name = "pigeon"
    summary = "Carries e-mail, slowly."
    config_model = PigeonConfig
    capabilities = Capabilities(channel="email")

    def check(self):
        return Check(True, "the pigeon is awake")


class Board(Destination):
    name = "board"
    config_model = PigeonConfig

    @property
    def capabilities(self):
        if self.config.loft == "broken":
            raise RuntimeError("canary")
        return Capabilities(operations=frozenset({"upsert", "remove"}))

    def check(self):
        return Check(True, "the board hangs")


@hookimpl
def hub_plugins():
    return [Till, Pigeon, Board]
"""

FILES = {
    "hub.yaml": """
        name: Corner shop
        connections:
          till: {plugin: till, url: "https://till.example", key: "${TILL_KEY}"}
          mail: {plugin: pigeon, loft: roof}
          board: {plugin: board, loft: wall}
        """,
    ".env": """
        TILL_KEY=canary-7f3a9
        HUB_KEY=8f2e61d0c97b4a35e1f6
        """,
    "mappings/till.yaml": """
        connection: till
        person:
          from: customers
          key: id
          identifiers: {email: email(mail)}
          columns: {given_name: first_name}
        sales_order:
          from: receipts
          key: number
          person: customer
          columns:
            total: money(amount, 'EUR')
            ordered_at: at
        """,
    "traits/till.yaml": """
        traits:
          orders: {of: sales_order, count: true}
        """,
    "segments/till.yaml": """
        segments:
          regulars: {where: orders > 3}
        """,
    "scenarios/thanks.yaml": """
        scenario: thanks
        who: regular customers
        from: third order
        to: fourth order
        trigger: {any: [{of: sales_order}]}
        target: orders >= 3
        stop_when: orders > 3
        valid_for: 3 days
        steps:
          - send: thanks
            by: [email]
            content: {orders: orders}
        """,
    "syncs/board.yaml": """
        sync: board
        from: {segment: regulars}
        to: {connection: board, object: Regulars}
        fields: {name: given_name}
        consent: {channel: ads}
        """,
    "templates/thanks/subject.txt": "Thank you",
    "templates/thanks/email.txt": "Thank you, {{ given_name }}!",
}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "corner_shop_plugins.py").write_text(PLUGINS)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield Registry({"corner": EntryPoint("corner", "corner_shop_plugins", "hub")})
    sys.modules.pop("corner_shop_plugins", None)


@pytest.fixture
def shop(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Shop:
    for name in ("HUB_KEY", "TILL_KEY"):
        monkeypatch.delenv(name, raising=False)
    shop = Shop(tmp_path / "shop", registry)
    for file, text in FILES.items():
        shop.write(file, text)
    return shop


class Shop:
    """A project in a folder, to write files into and to load."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.folder = folder
        self.registry = registry

    def write(self, file: str, text: str) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")

    def change(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def load(self) -> Project:
        return load_project(self.folder, self.registry)

    def problems(self) -> list[str]:
        """Tell what `hub check` tells, all in one round."""
        try:
            reading = read_project(self.folder, self.registry)
        except ConfigurationError as error:
            return [str(problem) for problem in error.problems]
        found = check_reading(reading, datetime(2026, 3, 2, 9, tzinfo=UTC), registry=self.registry)
        return [str(problem) for problem in sorted({*reading.problems, *found})]
