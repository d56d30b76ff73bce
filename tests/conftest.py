"""Real engines for the tests: DuckDB in a fresh file, and a real PostgreSQL in a fresh database."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

from hub.schema import BUILT_IN, Schema
from hub.warehouse import Warehouse, open_warehouse
from tests.postgres import admin, memory, server

# the tools that we build on ask their makers nothing while tests run
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"

# what a test writes goes with it: nobody needs to wait until it is on a disk
if (in_memory := memory()) is not None:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(in_memory))

# a machine that is busy is no fault of an example
settings.register_profile("patient", parent=settings(), deadline=None)
settings.load_profile("patient")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a PostgreSQL for the whole test run; the URL is its maintenance database's."""
    with server(memory()) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Give the URL of a fresh database on a real PostgreSQL; it goes with the test, so that a run needs little disk."""
    name = f"test_{next(_numbers)}"
    engine = admin(postgres_server)
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} STRATEGY file_copy"))
    yield sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["duckdb", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name an engine as hub.yaml would; a test that asks for it runs once on each."""
    return "duckdb" if request.param == "duckdb" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def open_on_engine(engine: str, tmp_path: Path) -> Iterator[Callable[[Schema], Warehouse]]:
    """Open warehouses with a schema of your own, on each engine in turn."""
    opened: list[Warehouse] = []

    def make(schema: Schema = BUILT_IN) -> Warehouse:
        opened.append(open_warehouse(engine, schema, tmp_path / ".hub", [tmp_path]))
        return opened[-1]

    yield make
    for warehouse in opened:
        warehouse.close()


@pytest.fixture
def warehouse(open_on_engine: Callable[[Schema], Warehouse]) -> Warehouse:
    """Give an empty warehouse with the built-in tables, on each engine in turn."""
    return open_on_engine(BUILT_IN)
