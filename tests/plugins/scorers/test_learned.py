"""Scorers that learn: on made-up people whose rule is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hub.check import check_project
from hub.contracts import Scored, Scoring
from hub.errors import ConfigurationError
from hub.project import load_project
from hub.registry import GROUP, Registry

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HORIZON = 90
People = Callable[[datetime], pa.Table]


def made_up(people: int, telling: bool) -> People:
    """Make people of whom a third buys each horizon: those who like it, where that is `telling`, else anybody."""
    chance = np.random.default_rng(7)
    likes = chance.random(people) < 0.33
    buys = [chance.random(people) < (np.where(likes, 0.85, 0.1) if telling else 0.35) for _ in range(3)]
    counts = np.cumsum([np.ones(people, dtype=int), *buys[:2]], axis=0)

    def at(moment: datetime) -> pa.Table:
        ago = round((NOW - moment) / timedelta(days=HORIZON))
        count = counts[2 - ago]
        score = pa.array(chance_scores[2 - ago])
        return pa.table(
            {
                "person_id": np.arange(1, people + 1),
                "order_count": count,
                "recency_score": score,
                "frequency_score": score,
                "monetary_score": score,
                "vip": likes,
                "spent_lifetime": pa.array([Decimal(int(number)) for number in count], pa.decimal128(18, 4)),
                "taste": ["sweet" if like else None for like in likes],
                "last_seen_at": pa.array([moment - timedelta(days=3)] * people, pa.timestamp("us", tz="UTC")),
                "age": pa.array([None if number % 7 == 0 else number % 60 for number in range(people)], pa.int64()),
            }
        )

    chance_scores = [chance.integers(1, 6, people) for _ in range(3)]
    return at


def ask(name: str, people: People, **options: Any) -> Scored:
    registry = Registry({"learned": EntryPoint("learned", "plugins.scorers.learned", GROUP)})
    return registry.scorers[name].call(Scoring(NOW, {"horizon_days": HORIZON, **options}, people))


def quality(found: Scored) -> dict[tuple[str, str], float]:
    return {(it.measure, it.of): it.value for it in found.tried if it.tenth is None}


def test_a_model_that_sees_more_than_rfm_scores_people_and_says_why() -> None:
    people = made_up(2000, telling=True)
    found = ask("propensity", people)
    assert found.rows is not None, found.refused
    likes = np.array([taste == "sweet" for taste in people(NOW).column("taste").to_pylist()])
    values = found.rows.column("value").to_numpy()
    assert abs(values[likes].mean() - 0.85) < 0.06
    assert abs(values[~likes].mean() - 0.1) < 0.06
    assert quality(found)["auc", "model"] > quality(found)["auc", "rfm"] + 0.2
    assert quality(found)["lift", "model"] > 2 > quality(found)["lift", "rfm"]
    foretold, came = ([it.value for it in found.tried if it.measure == measure] for measure in ("foretold", "came"))
    assert foretold == sorted(foretold)
    assert max(abs(one - other) for one, other in zip(foretold, came, strict=True)) < 0.15
    reasons = found.rows.column("reason").to_pylist()
    assert {reason for reason, like in zip(reasons, likes, strict=True) if like} <= {"taste", "vip"}


def test_churn_is_the_other_side_among_those_who_ever_bought() -> None:
    people = made_up(2000, telling=True)
    churn, propensity = ask("churn", people).rows, ask("propensity", people).rows
    assert churn is not None
    assert propensity is not None
    assert np.allclose(churn.column("value").to_numpy() + propensity.column("value").to_numpy(), 1, atol=1e-4)


def test_the_same_data_give_the_same_scores() -> None:
    one, other = (ask("propensity", made_up(1000, telling=True)).rows for _ in range(2))
    assert one is not None
    assert one.equals(other)


def test_a_model_that_is_no_better_than_rfm_is_refused() -> None:
    found = ask("propensity", made_up(2000, telling=False))
    assert found.rows is None
    assert found.refused.startswith("no better than RFM alone: AUC 0.")
    assert quality(found)["auc", "model"] < quality(found)["auc", "rfm"] + 0.01


@pytest.mark.parametrize("people", [0, 60])
def test_too_little_history_is_refused(people: int) -> None:
    found = ask("churn", made_up(people, telling=True))
    assert found.rows is None
    assert found.refused.startswith("too little history")


SCORE = """\
score: churn
by: {by}
uses: [{uses}]
options: {options}
"""
EVERY = "order_count, spent_lifetime, recency_score, frequency_score, monetary_score"


@pytest.mark.parametrize(
    ("by", "uses", "options", "told"),
    [
        ("churn", EVERY, "{horizon: 3}", "4:11: unknown key 'horizon'. Did you mean 'horizon_days'?"),
        ("churn", EVERY, "{horizon_days: 0}", "4:25: horizon_days must be greater than or equal to 1"),
        ("churn", EVERY, "{horizon_days: 40000}", "4:25: horizon_days must be less than or equal to 3650"),
        ("churn", EVERY, "{horizon_days: true}", "4:25: horizon_days must be a whole number"),
        ("propensity", "order_count", "{}", "3:7: the scorer 'propensity' needs to see recency_score, frequency_score"),
        ("value", f"toys, {EVERY}", "{target: toys}", "3:8: there is no trait 'toys'."),
        (
            "churn",
            f"last_order_at, {EVERY}",
            "{target: last_order_at}",
            "3:8: 'last_order_at' is timestamp, and the scorer 'churn' needs a number there",
        ),
    ],
)
def test_wrong_options_are_told_with_their_place_before_anything_runs(
    tmp_path: Path, by: str, uses: str, options: str, told: str
) -> None:
    (tmp_path / "hub.yaml").write_text("name: Shop\n", encoding="utf-8")
    (tmp_path / "scores").mkdir()
    text = SCORE.format(by=by, uses=uses, options=options)
    (tmp_path / "scores" / "churn.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        raise ConfigurationError(check_project(load_project(tmp_path), NOW))
    assert str(raised.value).startswith(f"scores/churn.yaml:{told}")


def test_traits_that_say_nothing_cost_nothing_and_are_no_reason() -> None:
    def people(moment: datetime) -> pa.Table:
        table = made_up(1000, telling=True)(moment)
        nothing = {
            "constant": pa.array([1.1] * 1000),
            "unknown": pa.nulls(1000, pa.int64()),
            "word": pa.nulls(1000, pa.string()),
        }
        for name, column in nothing.items():
            table = table.append_column(name, column)
        return table

    plain, found = ask("propensity", made_up(1000, telling=True)).rows, ask("propensity", people).rows
    assert plain is not None
    assert found is not None
    assert np.allclose(plain.column("value").to_numpy(), found.column("value").to_numpy(), atol=1e-3)
    reasons = found.column("reason").to_pylist()
    assert not {"constant", "unknown", "word"} & set(reasons)
    # what a trait does not raise above the usual, it is no reason for
    assert None in reasons
