"""kill -9 between any two steps of decide, activate and feedback: the next run ends as if nothing had happened.

Nothing is lost and nothing doubled at a destination that takes an id once; at one that does not, what nobody knows
is told and never sent again by itself.
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
from datetime import timedelta
from pathlib import Path

import pytest

from hub.ledger import hashed, open_ledger
from hub.schema import BUILT_IN
from hub.warehouse import open_warehouse
from tests.recovery.crash import run
from tests.stages.engagement import KEY, NOW, Shop, project_in, shop_in

HOUR = timedelta(hours=1)
PEOPLE = 5


@contextmanager
def shop_on(folder: Path, engine: str) -> Iterator[Shop]:
    """Open the stores, and close them again: the run that is killed has them to itself."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    with shop_in(folder, warehouse) as opened:
        yield opened
    warehouse.close()


@contextmanager
def reopened(folder: Path, engine: str) -> Iterator[Shop]:
    """Look at what the stores hold."""
    warehouse = open_warehouse(engine, BUILT_IN, folder / ".hub", [folder])
    ledger = open_ledger("sqlite" if engine == "duckdb" else engine, folder / ".hub")
    yield Shop(project_in(folder), warehouse, ledger)
    ledger.close()
    warehouse.close()


@pytest.fixture
def folder(tmp_path: Path, engine: str) -> Path:
    """Give the folder of a shop with five newcomers, who are all in the audience too."""
    with shop_on(tmp_path, engine) as shop:
        for number in range(1, PEOPLE + 1):
            shop.newcomer(number, consent=["email", "ads"])
            shop.insert("membership", person_id=number, segment="gold", since=NOW)
    return tmp_path


def killed(folder: Path, engine: str, point: str, window: str = "24") -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.recovery.crash", str(folder), engine, window],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HUB_KILL_AT": point},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def taken(folder: Path, destination: str = "mail") -> list[str]:
    file = folder / f"{destination}.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [entry.get("id") or entry["key"] for entry in map(json.loads, lines)]


@pytest.mark.parametrize(
    "point",
    [
        "decided, nothing handed over",
        "handed over, not marked",
        "about to say sending",
        "sending, before the call",
        "sent, answer not written",
        "answer written",
        "rows sent, not acknowledged",
        "rows acknowledged",
    ],
)
def test_after_a_kill_everybody_has_one_message_and_is_once_in_the_audience(
    folder: Path, engine: str, point: str
) -> None:
    killed(folder, engine, point)
    run(folder, engine, timedelta(hours=24), HOUR)
    assert len(set(taken(folder))) == PEOPLE
    assert set(taken(folder, "ads")) == {"1", "2", "3", "4", "5"}
    with reopened(folder, engine) as shop:
        assert shop.ledger.outbox.counts() == {"accepted": PEOPLE}
        assert len(shop.rows("message", "source_key")) == PEOPLE
        assert shop.rows("audience_state", "row_key") == ["1", "2", "3", "4", "5"]
    assert run(folder, engine, timedelta(hours=24), 2 * HOUR).skipped
    sent_twice = {id_ for id_, times in Counter(taken(folder)).items() if times > 1}
    assert len(sent_twice) == (2 if point == "sent, answer not written" else 0)  # one batch, under the same ids


@pytest.mark.parametrize(
    ("point", "went"), [("sending, before the call", 0), ("sent, answer not written", 2), ("answer written", 2)]
)
def test_at_a_destination_without_idempotency_what_nobody_knows_is_told_and_never_doubled(
    folder: Path, engine: str, point: str, went: int
) -> None:
    killed(folder, engine, point, window="none")
    assert len(taken(folder)) == went
    report = run(folder, engine, None, HOUR)
    unknown = 0 if point == "answer written" else 2
    assert report.counts.get("parked", 0) == unknown
    assert max(Counter(taken(folder)).values()) == 1
    assert len(taken(folder)) == went + 3
    with reopened(folder, engine) as shop:
        assert {message.reason for message in shop.ledger.outbox.parked()} <= {
            "the run ended before the answer was written down"
        }
        assert shop.ledger.outbox.counts().get("unknown", 0) == unknown


@pytest.mark.parametrize(
    "point",
    [
        "consent withdrawn, nothing settled",
        "suppressed, messages not moved",
        "moved, not marked as applied",
        "applied, loads not finished",
    ],
)
def test_after_a_kill_in_feedback_each_reaction_counts_once(folder: Path, engine: str, point: str) -> None:
    run(folder, engine, None)
    with reopened(folder, engine) as shop:
        ids = dict(shop.rows("decision", "record_id", "decision_id"))
        for number, type_ in enumerate(["unsubscribed", "bounced", "soft_bounced", "soft_bounced", "delivered"]):
            record = f"shop:{min(number, 2) + 1}" if type_ != "delivered" else "shop:4"
            shop.insert(
                "message_event",
                connection="mail",
                source_key=f"e{number}",
                load_id="load1",
                record_id=record,
                message_key=ids[record],
                type=type_,
                code={"bounced": "5.1.1", "soft_bounced": "4.2.2"}.get(type_),
                at=NOW,
            )
    killed(folder, engine, point)
    run(folder, engine, None, HOUR)
    run(folder, engine, None, 2 * HOUR)
    with reopened(folder, engine) as shop:
        assert len([given for given in shop.rows("consent", "given") if not given]) == 1
        marks = {number: hashed(KEY, "email", f"person{number}@example.nl") for number in range(1, PEOPLE + 1)}
        found = {(it.hash, it.reason) for its in shop.ledger.suppressions.among(marks.values()).values() for it in its}
        assert found == {(marks[1], "unsubscribed"), (marks[2], "bounced 5.1.1")}
        assert shop.ledger.reactions.soft_bounces([marks[3]], NOW - HOUR, NOW) == {marks[3]: 2}
        assert shop.ledger.outbox.counts() == {"accepted": 3, "bounced": 1, "delivered": 1}
