"""Scorers that learn: on made-up people whose rule is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from hub.contracts import Scored, Scoring
from hub.errors import ConfigurationError
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


def test_a_model_that_sees_more_than_rfm_scores_people_and_says_why() -> None:
    people = made_up(2000, telling=True)
    found = ask("propensity", people)
    assert found.rows is not None, found.refused
    likes = np.array([taste == "sweet" for taste in people(NOW).column("taste").to_pylist()])
    values = found.rows.column("value").to_numpy()
    assert abs(values[likes].mean() - 0.85) < 0.06
    assert abs(values[~likes].mean() - 0.1) < 0.06
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


@pytest.mark.parametrize("people", [0, 60])
def test_too_little_history_is_refused(people: int) -> None:
    found = ask("churn", made_up(people, telling=True))
    assert found.rows is None
    assert found.refused.startswith("too little history")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"horizon": 3}, "no option 'horizon'"),
        ({"horizon_days": 0}, "a whole number of days"),
        ({"target": "toys"}, "needs to see toys: add it to `uses`"),
    ],
)
def test_a_wrong_option_is_told_with_a_remedy(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ask("propensity", made_up(100, telling=True), **options)
