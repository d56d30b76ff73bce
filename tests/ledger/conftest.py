"""A fresh ledger on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.ledger import Ledger, open_ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return "sqlite" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def ledger(url: str, tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(url, tmp_path / ".hub")
    yield opened
    opened.close()
