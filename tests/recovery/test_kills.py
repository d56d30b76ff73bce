"""kill -9 at every named step, on both engines: nothing lost, nothing doubled, what is unknown is told (R16).

`make test` kills as often as KILLS says, `make kill-test N=...` as often as you like. What more of them came to stands
in docs/reliability.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from hub.failpoints import ENGAGING
from tests.recovery.kill_test import ENGINES, PLAN, SYNC, WALKS, Outcome, Step, drawn, judge
from tests.recovery.mailroom import End

KILLS = 200
"""About 60 CPU seconds, the start and both shops included."""

ROOT = Path(__file__).parents[2]


def test_after_many_kills_nothing_is_lost_or_doubled_and_what_is_unknown_is_told(postgres_server: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.recovery.kill_test", str(KILLS), "--postgres", postgres_server],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["different"] == []
    assert (outcome["lost"], outcome["doubled"]) == (0, 0)
    assert outcome["told"] == outcome["unknown"] > 0
    assert outcome["kills"] == sum(outcome["by_engine"].values()) == KILLS
    assert set(outcome["by_point"]) == set(ENGAGING)
    assert outcome["by_walk"]["plan"] >= 2 * len(WALKS["plan"])
    assert min(outcome["by_engine"].values()) >= len(ENGAGING) - 1
    assert done.returncode == 0, done.stderr


def test_the_same_seed_draws_the_same_chains_and_the_first_have_every_point() -> None:
    assert [drawn("a", chain, 2) for chain in range(20)] == [drawn("a", chain, 2) for chain in range(20)]
    everywhere = [Step(walk, point) for walk, points in WALKS.items() for point in points]
    assert [drawn("a", chain, len(ENGINES)) for chain in range(len(ENGINES))] == [everywhere] * len(ENGINES)
    assert drawn("a", 7, 2) != drawn("b", 7, 2)


def test_runs_and_plans_take_turns_and_each_is_killed_further_on_every_time() -> None:
    assert set(WALKS["run"]) | set(WALKS["plan"]) == set(ENGAGING)
    assert set(WALKS["run"]) & set(WALKS["plan"]) == set(SYNC)
    assert not set(WALKS["run"]) & set(PLAN)
    orders = set()
    for chain in range(2, 30):
        steps = drawn("a", chain, 2)
        orders.add(tuple(step.walk for step in steps[:2]))
        for walk, points in WALKS.items():
            mine = [step.point for step in steps if step.walk == walk]
            assert mine == [point for point in points if point in mine]
    assert {("run", "plan"), ("plan", "run")} <= orders


def end(**changes: object) -> End:
    given = {
        **{name: [] for name in End.__dataclass_fields__},
        "audience": [("gold", "7", "hash")],
        "rows": {"Customers A/7": {"key": "7"}, "no_answer/p": {"key": "p"}},
        "outbox": {"1": "accepted", "2": "accepted"},
        "told": 0,
        "taken": [("mail", "1"), ("texts", "2")],
    }
    return End(**{**given, **changes})  # type: ignore[arg-type]


def judged(found: End) -> Outcome:
    outcome = Outcome()
    judge(outcome, "here", end(), found)
    return outcome


def test_the_judge_sees_what_is_lost_doubled_kept_back_or_changed() -> None:
    assert judged(end()).ok
    assert judged(end(taken=[("mail", "1")])).lost == 1
    assert judged(end(taken=[("mail", "1"), ("texts", "2"), ("texts", "2")])).doubled == 1
    unknown = {"1": "accepted", "2": "unknown"}
    assert judged(end(taken=[("mail", "1")], outbox=unknown, told=1)).ok
    assert not judged(end(taken=[("mail", "1")], outbox=unknown)).ok
    assert judged(end(enrolments=[1])).different == [
        "here: lost 0, doubled 0, unknown 0 of which 0 told; other than expected: enrolments"
    ]
    assert judged(end(rows={"Customers A/7": {"key": "other"}, "no_answer/p": {"key": "p"}})).different
    (told,) = judged(end(rows={**end().rows, "Customers B/7": {"key": "7"}})).different
    assert told.endswith("other than expected: rows, what is acknowledged")
    assert Counter(judged(end(outbox={"1": "queued", "2": "accepted"})).different).total() == 1
