"""`hub scores`: on a project that `hub init` made and `hub run` ran."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Hub, as_json

SCORE = """score: churn
by: churn
uses: [order_count, recency_score, frequency_score, monetary_score]
options: {horizon_days: 90}
"""


def test_a_score_that_is_not_used_says_why(corner: Path, hub: Hub) -> None:
    (corner / "scores").mkdir()
    (corner / "scores" / "churn.yaml").write_text(SCORE, encoding="utf-8")
    with (corner / "hub.yaml").open("a", encoding="utf-8") as file:
        file.write("\npacks: [rfm]\n")
    at = ("--project", str(corner))
    assert hub("run", "ingest", "build", *at).exit_code == 0
    told = hub("scores", *at)
    assert told.exit_code == 0, told.output
    assert "churn, by churn, as of " in told.output
    assert "not used: too little history: fewer than 50 people of either outcome in a horizon" in told.output
    (model,) = as_json(hub("scores", "--json", *at))
    assert (model["used"], model["measures"], model["calibration"]) == (False, {}, [])


def test_without_a_scorer_there_is_nothing_to_tell(corner: Path, hub: Hub) -> None:
    assert hub("run", "ingest", "build", "--project", str(corner)).exit_code == 0
    assert "No scorer has given a score yet" in hub("scores", "--project", str(corner)).output
