"""kill -9 in the middle of a scenario with a wait, a branch and a row for another system: it ends as without.

Nobody gets a message twice, and no row counts twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.ledger import State, open_ledger
from hub.schema import BUILT_IN
from hub.warehouse import open_warehouse
from tests.recovery.journey import DAY, project, run
from tests.stages.engagement import NOW, Shop, shop_in

PEOPLE = 5


@dataclass(frozen=True)
class End:
    """Where everybody came, what was decided, and what the destination got; without the times of the runs."""

    instances: list[tuple[str, ...]]
    decisions: list[tuple[Any, ...]]
    states: dict[State, int]
    taken: frozenset[str]
    posted: list[tuple[str, str]]


@contextmanager
def reopened(folder: Path, engine: str) -> Iterator[Shop]:
    """Open the stores between two runs: a run has them to itself."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    ledger = open_ledger("sqlite" if engine == "duckdb" else engine, folder / ".hub")
    try:
        yield Shop(project(folder), warehouse, ledger)
    finally:
        ledger.close()
        warehouse.close()


def until_the_second_day(folder: Path, engine: str) -> None:
    """Welcome five people; then two click, one orders, and the wait of the others is nearly over."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    with shop_in(folder, warehouse) as shop:
        for number in range(1, PEOPLE + 1):
            shop.newcomer(number, consent=["email"])
    warehouse.close()
    run(folder, engine, 0)
    with reopened(folder, engine) as shop:
        ids = dict(shop.rows("decision", "record_id", "decision_id"))
        for record in ("shop:1", "shop:2"):
            reaction = {"record_id": record, "message_key": ids[record], "type": "clicked", "at": NOW + DAY}
            shop.insert("message_event", connection="mail", source_key=f"e {record}", **reaction)
        bought = {"record_id": "shop:3", "ordered_at": NOW + DAY, "status": "paid"}
        shop.insert("sales_order", connection="shop", source_key="1", **bought)


def end(folder: Path, engine: str) -> End:
    """Read where it all ended."""
    with reopened(folder, engine) as shop:
        return End(
            shop.rows("enrolment", "enrolment_id", "record_id", "step", "status", "reason", "message_id"),
            [
                (*row[:-1], json.loads(row[-1]))  # engines write the same JSON with other blanks
                for row in shop.rows("decision", "decision_id", "record_id", "step", "outcome", "channel", "content")
            ],
            shop.ledger.outbox.counts(),
            frozenset(taken(folder)),
            shop.rows("posted_row", "source_key", "state"),
        )


def taken(folder: Path, destination: str = "mail", key: str = "id") -> list[str]:
    return [json.loads(line)[key] for line in (folder / f"{destination}.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> End:
    """Give the end of a journey that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    until_the_second_day(folder, "duckdb")
    run(folder, "duckdb", 2)
    return end(folder, "duckdb")


def test_without_a_kill_two_click_one_orders_and_two_get_the_second_mail(undisturbed: End) -> None:
    fates = {record: (step, status) for _, record, step, status, *_ in undisturbed.instances}
    assert [fates[f"shop:{number}"][1] for number in (1, 2, 3)] == ["done", "done", "stopped"]
    assert Counter(record for _, record, *_ in undisturbed.decisions) == {
        "shop:1": 1,
        "shop:2": 1,
        "shop:3": 1,
        "shop:4": 2,
        "shop:5": 2,
    }
    assert len(undisturbed.taken) == PEOPLE + 2
    assert [state for _, state in undisturbed.posted] == ["taken", "taken"]


@pytest.mark.parametrize(
    "point",
    [
        "woken, not branched",
        "branched, nothing queued",
        "queued, not committed",
        "decided, nothing handed over",
        "handed over, not marked",
        "sending, before the call",
        "sent, answer not written",
        "rows about to be posted",
        "rows posted, answer not written",
        "rows posted, answer written",
    ],
)
def test_a_scenario_that_is_killed_between_its_steps_ends_as_without(
    point: str, tmp_path: Path, engine: str, undisturbed: End
) -> None:
    until_the_second_day(tmp_path, engine)
    died = subprocess.run(
        [sys.executable, "-m", "tests.recovery.journey", str(tmp_path), engine, "2"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HUB_KILL_AT": point},
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    run(tmp_path, engine, 2.05)
    assert end(tmp_path, engine) == undisturbed
    assert run(tmp_path, engine, 2.1).skipped
    doubled = [id_ for id_, times in Counter(taken(tmp_path)).items() if times > 1]
    assert len(doubled) == (2 if point == "sent, answer not written" else 0)  # under the id that counts once
    posted = Counter(taken(tmp_path, "ads", "key"))
    assert sorted(posted) == [key for key, _ in undisturbed.posted]
    assert sorted(posted.values()) == ([1, 2] if point == "rows posted, answer not written" else [1, 1])
