"""The systems as fixtures, and the last lines of a run: which connector was proven against what, and which was not."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from tests_real.harness import NotInstalledError, System
from tests_real.proven import record
from tests_real.systems.kannel import Kannel
from tests_real.systems.maildev import MailDev
from tests_real.systems.matomo import Matomo
from tests_real.systems.odoo import Odoo
from tests_real.systems.openssh import OpenSSH
from tests_real.systems.postgresql import PostgreSQL
from tests_real.systems.pretix import Pretix
from tests_real.systems.redmine import Redmine
from tests_real.systems.segment_libraries import SegmentLibraries
from tests_real.systems.vendure import Vendure

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

MINUTES = float(os.environ.get("HUB_REAL_MINUTES", "45"))
"""After so long no further system is set up: a run in CI has an end. Those left out are named in the last lines."""

_began = time.monotonic()
_today = datetime.now(UTC).date()
_versions: dict[str, str] = {}
_missing: dict[str, str] = {}
_seconds: defaultdict[str, float] = defaultdict(float)
_outcomes: dict[str, Counter[str]] = {}

Started = TypeVar("Started", bound=System)


@contextmanager
def running(system: Started) -> Iterator[Started]:
    """Install and start a system for the tests that ask for it; without it they can't run, and the run says why."""
    started = time.monotonic()
    try:
        _is_in_time(started)
        system.install()
    except NotInstalledError as error:
        _missing[system.name] = str(error)
        pytest.skip(f"{system.name} is not installed: {error}")
    try:
        system.start()
        _versions[system.name] = system.version
        _seconds[system.name] += time.monotonic() - started
        yield system
    finally:
        system.stop()


def _is_in_time(now: float) -> None:
    if now - _began > MINUTES * 60:
        raise NotInstalledError(f"the {MINUTES:.0f} minutes of this run were over (HUB_REAL_MINUTES)")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running(PostgreSQL()) as system:
        yield system


@pytest.fixture(scope="session")
def odoo(postgresql: PostgreSQL) -> Iterator[Odoo]:
    with running(Odoo(postgresql)) as system:
        yield system


@pytest.fixture(scope="session")
def kannel() -> Iterator[Kannel]:
    with running(Kannel()) as system:
        yield system


@pytest.fixture(scope="session")
def maildev() -> Iterator[MailDev]:
    with running(MailDev()) as system:
        yield system


@pytest.fixture(scope="session")
def openssh() -> Iterator[OpenSSH]:
    with running(OpenSSH()) as system:
        yield system


@pytest.fixture(scope="session")
def vendure(postgresql: PostgreSQL) -> Iterator[Vendure]:
    with running(Vendure(postgresql)) as system:
        yield system


@pytest.fixture(scope="session")
def redmine(postgresql: PostgreSQL) -> Iterator[Redmine]:
    with running(Redmine(postgresql)) as system:
        yield system


@pytest.fixture(scope="session")
def pretix(postgresql: PostgreSQL) -> Iterator[Pretix]:
    with running(Pretix(postgresql)) as system:
        yield system


@pytest.fixture(scope="session")
def segment_libraries() -> Iterator[SegmentLibraries]:
    with running(SegmentLibraries()) as system:
        yield system


@pytest.fixture(scope="session")
def matomo() -> Iterator[Matomo]:
    with running(Matomo()) as system:
        yield system


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest to set up last: it is what a run leaves out when its time is over."""
    items.sort(key=lambda item: "test_pretix" in item.nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.partition("::")[0].rpartition("/")[2].removeprefix("test_").removesuffix(".py")
    outcomes = _outcomes.setdefault(name, Counter())
    if report.when == "call" or report.outcome != "passed":
        outcomes[report.outcome] += 1
    if report.when == "call":
        _seconds[name] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("connectors against real servers")
    proofs: dict[str, dict[str, Any] | None] = {}
    for name, outcomes in sorted(_outcomes.items()):
        if name in _missing:
            told = f"not installed: {_missing[name]}"
        elif not (outcomes["passed"] or outcomes["failed"]):
            told = f"not run: it needs {', '.join(f'{system} ({why})' for system, why in _missing.items())}"
        elif outcomes["failed"]:
            told = f"FAILED: {outcomes['failed']} of {outcomes.total()} tests"
            proofs[name] = None
        else:
            version = _versions[name].rpartition(":")[2]  # Debian puts an epoch before some
            told = f"proven against {version}: {outcomes['passed']} tests, {_seconds[name]:.0f} s"
            proofs[name] = {"version": version, "day": _today.isoformat(), "tests": outcomes["passed"]}
        terminalreporter.write_line(f"{name:12} {told}")
    if not (terminalreporter.config.option.keyword or any("::" in given for given in terminalreporter.config.args)):
        record(proofs)
