"""Expected value: on made-up people whose rule is known."""

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
from hub.registry import GROUP, Registry

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HORIZON = 365
People = Callable[[datetime], pa.Table]


def made_up(people: int, telling: bool) -> People:
    """Make people who spend 40 a horizon on average; those with a garden 100 more, where that is `telling`."""
    chance = np.random.default_rng(11)
    garden = chance.random(people) < 0.3
    mean = np.where(garden & telling, 140.0, 40.0)
    spends = [np.round(chance.gamma(1.0, mean) * (chance.random(people) < 0.8) / 0.8, 2) for _ in range(3)]
    totals = np.cumsum([spends[0], *spends[1:]], axis=0)
    scores = [chance.integers(1, 6, people) for _ in range(3)]

    def at(moment: datetime) -> pa.Table:
        ago = round((NOW - moment) / timedelta(days=HORIZON))
        total = [Decimal(str(round(float(number), 2))) for number in totals[2 - ago]]
        return pa.table(
            {
                "person_id": np.arange(1, people + 1),
                "spent_lifetime": pa.array(total, pa.decimal128(18, 4)),
                "recency_score": scores[2 - ago],
                "frequency_score": scores[2 - ago],
                "monetary_score": scores[2 - ago],
                "garden": garden,
            }
        )

    return at


def ask(people: People, **options: Any) -> Scored:
    registry = Registry({"learned": EntryPoint("learned", "plugins.scorers.learned", GROUP)})
    return registry.scorers["value"].call(Scoring(NOW, {"horizon_days": HORIZON, **options}, people))


def test_expected_spending_is_what_people_of_that_kind_spend_on_average_with_the_reason() -> None:
    people = made_up(3000, telling=True)
    found = ask(people)
    assert found.rows is not None, found.refused
    garden = np.array(people(NOW).column("garden").to_pylist())
    values = found.rows.column("value").to_numpy()
    assert abs(values[garden].mean() - 140) < 25
    assert abs(values[~garden].mean() - 40) < 10
    assert values.min() >= 0
    reasons = np.array(found.rows.column("reason").to_pylist())
    assert (reasons[garden] == "garden").mean() > 0.8
    told = {(it.measure, it.of): it.value for it in found.tried if it.tenth is None}
    assert told["deviance explained", "model"] > told["deviance explained", "rfm"] + 0.05
    foretold, came = ([it.value for it in found.tried if it.measure == measure] for measure in ("foretold", "came"))
    assert abs(sum(foretold) / sum(came) - 1) < 0.15
    assert foretold == sorted(foretold)
    assert len(foretold) == 10
    assert came[0] < came[-1]


def test_the_same_data_give_the_same_values() -> None:
    one, other = (ask(made_up(1000, telling=True)).rows for _ in range(2))
    assert one is not None
    assert one.equals(other)


def test_a_model_that_foretells_no_better_than_rfm_is_refused() -> None:
    found = ask(made_up(3000, telling=False))
    assert found.rows is None
    assert found.refused.startswith("no better than RFM alone: ")


@pytest.mark.parametrize("people", [0, 60])
def test_too_little_history_is_refused(people: int) -> None:
    found = ask(made_up(people, telling=True))
    assert found.rows is None
    assert found.refused.startswith("too little history")
