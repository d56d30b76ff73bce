"""A run that is killed in the middle of any stage, followed by a new one, ends where an undisturbed run ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from examples.miaoum.demo import AS_OF
from examples.miaoum.world import World, make_data, world
from hub import pipeline
from hub.ledger import open_ledger
from hub.pipeline import STAGES
from hub.project.load import load_project
from hub.warehouse.duckdb import query
from tests.examples.test_miaoum import copy_project

PEOPLE = 300
SCRIPT = Path(__file__).with_name("killed_run.py")
ROOT = Path(__file__).parents[2]

OUTCOME = {
    "people": "SELECT count(*) AS n, sum(records) AS records FROM person",
    "rows": "SELECT (SELECT count(*) FROM sales_order) AS o, (SELECT sum(total) FROM sales_order) AS t, "
    "(SELECT count(*) FROM web_event) AS w, (SELECT count(*) FROM message_event) AS m, "
    "(SELECT count(*) FROM quarantine) AS q",
    "segments": "SELECT segment, count(*) AS n FROM membership GROUP BY 1 ORDER BY 1",
    "transitions": "SELECT segment, kind, count(*) AS n FROM transition GROUP BY 1, 2 ORDER BY 1, 2",
    "decisions": "SELECT decision_id, outcome, channel FROM decision ORDER BY 1",
    "audience": "SELECT sync, row_key, row_hash FROM audience_state ORDER BY 1, 2",
}


@dataclass(frozen=True)
class Outcome:
    """What a project ended with: in the warehouse, in the ledger, and outside."""

    warehouse: dict[str, Any]
    states: Counter[str]
    mails: Counter[str]
    letters: frozenset[str]
    texts: Counter[str]


def outcome(folder: Path, outside: World) -> Outcome:
    """Read it all."""
    published = folder / ".hub" / "published.duckdb"
    ledger = open_ledger("sqlite", folder / ".hub")
    try:
        with ledger.engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT state, count(*) FROM outbox GROUP BY 1")).all()
    finally:
        ledger.close()
    return Outcome(
        {name: query(published, sql).to_pylist() for name, sql in OUTCOME.items()},
        Counter({str(state): int(count) for state, count in rows}),
        Counter({mail.message_id: mail.copies for mail in outside.mailbox.mails}),
        frozenset(path.name for path in (folder / "out").rglob("*.pdf")),
        Counter(message.reference for message in outside.sms.sent),
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pet shop's project and data, before any run."""
    folder = tmp_path_factory.mktemp("prepared") / "miaoum"
    folder.mkdir()
    copy_project(folder)
    make_data(folder, PEOPLE)
    return folder


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Outcome, dict[str, float]]]:
    """What one run without disturbance ends with, and how long each stage took."""
    folder = tmp_path_factory.mktemp("undisturbed") / "miaoum"
    shutil.copytree(prepared, folder)
    with world(folder) as outside:
        report = pipeline.run(load_project(folder), AS_OF)
        assert report.ok, report.failures
        yield outcome(folder, outside), report.seconds


@pytest.mark.parametrize("part", [0.0, 0.5])
@pytest.mark.parametrize("stage", STAGES)
def test_a_run_killed_in_a_stage_ends_the_same_after_another_run(
    stage: str, part: float, prepared: Path, undisturbed: tuple[Outcome, dict[str, float]], tmp_path: Path
) -> None:
    expected, seconds = undisturbed
    folder = tmp_path / "miaoum"
    shutil.copytree(prepared, folder)
    with world(folder) as outside:
        died = subprocess.run(
            [sys.executable, str(SCRIPT), str(folder), AS_OF.isoformat(), stage, str(part * seconds[stage])],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert died.returncode in (-9, 0), died.stderr.decode()[-2000:]
        report = pipeline.run(load_project(folder), AS_OF)
        assert report.ok, report.failures
        found = outcome(folder, outside)
    assert found.warehouse == expected.warehouse
    assert found.letters == expected.letters
    assert found.texts == expected.texts
    assert set(found.mails.values()) <= {1}, "a mail was sent twice"
    # a mail whose answer the kill cut off may or may not have arrived: it is reported as unknown, never sent again
    unknown = found.states["unknown"]
    assert sum(found.states.values()) == sum(expected.states.values())
    assert sum(expected.mails.values()) - unknown <= sum(found.mails.values()) <= sum(expected.mails.values())
    if stage != "activate":
        assert found.states == expected.states
        assert sum(found.mails.values()) == sum(expected.mails.values())
