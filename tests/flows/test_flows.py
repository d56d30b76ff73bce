"""The flows on a real Prefect server: runs, artifacts, failures and schedules."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.project.load import load_project

pytestmark = pytest.mark.prefect

AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)

HUB = """
name: Small
connections:
  shop: {plugin: files, path: ./in/customers.csv}
  gone: {plugin: sql, url: "${GONE_URL}", tables: [nothing]}
schedules:
  ingest: "*/15 * * * *"
  engage: "0 9-19 * * mon-sat"
"""
MAPPING = """
connection: shop
person:
  from: customers
  key: id
  identifiers: {email: email(email)}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """A Prefect server with a database of its own; Python's logging is afterwards as it was before."""
    root = logging.getLogger()
    before = {logger: (logger.handlers[:], logger.level, logger.propagate) for logger in (root, *_loggers())}
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
    for logger in (root, *_loggers()):
        logger.handlers[:], logger.level, logger.propagate = before.get(logger, ([], logging.NOTSET, True))


def _loggers() -> list[logging.Logger]:
    return [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one source that works; the other one is left out."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "customers.csv").write_text("id,email\n1,anna@example.nl\n2,bram@example.nl\n")
    (tmp_path / "hub.yaml").write_text(HUB.replace(HUB[HUB.index("  gone") : HUB.index("schedules")], ""))
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "shop.yaml").write_text(MAPPING)
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "")
    return tmp_path


def test_a_run_becomes_a_flow_run_with_a_report_per_stage_as_artifact(server: None, folder: Path) -> None:
    from prefect.client.orchestration import get_client

    from flows import run_as_flow

    report = run_as_flow(folder, [], AS_OF)
    assert report.ok
    assert {entry.stage: entry.rows_out for entry in report.reports}["resolve"] == 2
    with get_client(sync_client=True) as client:
        artifacts = {artifact.key: artifact.data for artifact in client.read_artifacts()}
    assert {"land-shop", "map", "quality", "resolve", "activate"} <= artifacts.keys()
    assert '"rows in"' in str(artifacts["land-shop"])
    assert "## shop: customers to person" in str(artifacts["quality"])
    assert "anna" not in str(artifacts["quality"])


def test_a_connection_that_fails_fails_the_flow_run_but_not_the_others(
    server: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import run_as_flow

    monkeypatch.setenv("GONE_URL", "postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    (folder / "hub.yaml").write_text(HUB)
    report = run_as_flow(folder, [], AS_OF)
    assert not report.ok
    assert report.failures[0].startswith("gone:")
    assert {entry.stage: entry.rows_out for entry in report.reports}["resolve"] == 2


def test_each_flow_with_a_time_becomes_a_deployment_that_never_overlaps_itself(server: None, folder: Path) -> None:
    from flows.schedule import deployments

    found = {deployment.name: deployment for deployment in deployments(load_project(folder))}
    assert set(found) == {"ingest", "engage"}
    ingest = found["ingest"]
    assert ingest.parameters["names"] == ["ingest"]
    assert ingest.concurrency_limit == 1
    (schedule,) = [entry.schedule for entry in ingest.schedules or []]
    assert schedule.cron == "*/15 * * * *"
    assert schedule.timezone == "Europe/Amsterdam"


def test_schedules_say_what_they_need(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import serve_schedules

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ConfigurationError, match="prefect server start"):
        serve_schedules(load_project(folder))


def test_a_run_waits_for_another_one_to_end(server: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Timer

    from flows import run_as_flow, runs
    from hub.pipeline import workspace

    monkeypatch.setattr(runs, "WAIT_SECONDS", 0.2)
    with ExitStack() as other:
        other.enter_context(workspace(load_project(folder)))
        Timer(2, other.close).start()
        assert run_as_flow(folder, ["ingest"], AS_OF).ok
