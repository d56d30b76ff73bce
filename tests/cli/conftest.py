"""The command line, called as `hub` calls it, and a fresh project of `hub init`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hub.cli import app

Hub = Callable[..., Result]


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this machine's own settings out."""
    for name in ("HUB_KEY", "HUB_SECRETS", "HUB_LOG_LEVEL", "HUB_LOG_FORMAT", "HUB_ENGINE", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def hub() -> Hub:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return call


@pytest.fixture
def corner(tmp_path: Path, hub: Hub) -> Path:
    """Give a project that `hub init` just made."""
    made = hub("init", str(tmp_path / "corner"))
    assert made.exit_code == 0, made.output
    return tmp_path / "corner"


def as_json(result: Result) -> Any:
    return json.loads(result.stdout)
