"""Scorers that learn from the project's own history: `churn` and `propensity` (extra `schakel[scores]`).

Both ask whether a trait that only grows (`target`, by default order_count) will grow within a horizon: `churn` gives
the chance that it does not, among those for whom it ever did; `propensity` the chance that it does, for everybody.

They learn from the traits of two horizons ago and what came after, and are tried on one horizon ago and what came
after that: a split in time. A model that does not rank people better there than the three RFM scores alone is refused.
What was found (ranking, lift, calibration) is logged; the reason of each score is the trait that raises it most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import structlog

from hub.contracts import Scored, Scorer, Scoring
from hub.errors import ConfigurationError, PluginError
from hub.hookspecs import hookimpl

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

RFM = ("recency_score", "frequency_score", "monetary_score")
BETTER = 0.01
"""How much more of the area under the curve (AUC) a model must have than RFM alone."""
LEAST = 50
"""People of either outcome below which there is nothing to learn from."""
COMMONEST = 20
"""Values of a text that count on their own; the others count as one."""

log = structlog.get_logger(__name__)


@hookimpl
def hub_scorers() -> Sequence[Scorer]:
    """Hand the scorers over."""
    return [
        Scorer("churn", partial(_score, churn=True), "The chance of no further order within a horizon."),
        Scorer("propensity", partial(_score, churn=False), "The chance of an order within a horizon."),
    ]


@dataclass(frozen=True)
class _Options:
    target: str
    horizon: timedelta


def _options(scoring: Scoring) -> _Options:
    unknown = sorted(scoring.options.keys() - {"target", "horizon_days"})
    if unknown:
        raise ConfigurationError(f"the scorer has no option '{unknown[0]}': it knows target and horizon_days")
    days = scoring.options.get("horizon_days", 90)
    if not isinstance(days, int) or days < 1:
        raise ConfigurationError("horizon_days is a whole number of days, such as 90")
    found = _Options(str(scoring.options.get("target", "order_count")), timedelta(days=days))
    there = set(scoring.people(scoring.as_of).column_names)
    missing = [name for name in (found.target, *RFM) if name not in there]
    if missing:
        raise ConfigurationError(f"the scorer needs to see {', '.join(missing)}: add it to `uses`")
    return found


@dataclass(frozen=True)
class _Period:
    """People at a moment, and whether the target grew until the end of the horizon (where that is over)."""

    moment: datetime
    people: pa.Table
    grew: np.ndarray | None


def _score(scoring: Scoring, churn: bool) -> Scored:
    import numpy as np
    import pyarrow as pa

    options = _options(scoring)
    moments = [scoring.as_of - 2 * options.horizon, scoring.as_of - options.horizon, scoring.as_of]
    tables = [scoring.people(moment) for moment in moments]
    counts = [_numbers(table.column(options.target)) for table in tables]
    grew = [np.nan_to_num(after) > np.nan_to_num(before) for before, after in pairwise(counts)]
    periods = []
    for moment, table, count, outcome in zip(moments, tables, counts, [*grew, None], strict=True):
        counted = np.nan_to_num(count) > 0 if churn else np.ones(len(count), dtype=bool)
        kept = table.filter(pa.array(counted))
        wanted = None if outcome is None else (~outcome if churn else outcome)[counted]
        periods.append(_Period(moment, kept, wanted))
    first, second, now = periods
    for period in (first, second):
        if period.grew is None or min(period.grew.sum(), (~period.grew).sum()) < LEAST:
            return Scored(None, f"too little history: fewer than {LEAST} people of either outcome in a horizon")
    refused = _refusal(first, second)
    if refused:
        return Scored(None, refused)
    return _scored(second, now)


def _refusal(first: _Period, second: _Period) -> str:
    """Try the model on the later period, beside RFM alone; say why it is not used, if it is not."""
    from sklearn.metrics import roc_auc_score

    every = [name for name in first.people.column_names if name != "person_id"]
    chances = {}
    for what, names in (("model", every), ("rfm", list(RFM))):
        features = _Features.of(first, names)
        chances[what] = _fitted(features.matrix(first), first.grew).predict_proba(features.matrix(second))[:, 1]
    auc = {what: float(roc_auc_score(second.grew, chance)) for what, chance in chances.items()}
    log.info(
        "score_learned",
        people=second.people.num_rows,
        auc={what: round(value, 4) for what, value in auc.items()},
        lift={what: _lift(chance, second.grew) for what, chance in chances.items()},
        calibration=_calibration(chances["model"], second.grew),
    )
    if auc["model"] <= auc["rfm"] + BETTER:
        return f"no better than RFM alone: AUC {auc['model']:.3f} against {auc['rfm']:.3f} on the last horizon"
    return ""


def _scored(learned_from: _Period, now: _Period) -> Scored:
    """Learn from the newest period whose outcome is known, and score the people of now."""
    import pyarrow as pa

    names = [name for name in now.people.column_names if name != "person_id"]
    features = _Features.of(learned_from, names)
    model = _fitted(features.matrix(learned_from), learned_from.grew)
    matrix = features.matrix(now)
    raised = matrix * model.coef_[0]
    by_trait = features.summed(raised)
    reasons = [names[position] for position in by_trait.argmax(axis=1)]
    values = pa.array(model.predict_proba(matrix)[:, 1])
    return Scored(pa.table({"person_id": now.people.column("person_id"), "value": values, "reason": reasons}))


def _fitted(matrix: np.ndarray, outcome: np.ndarray | None) -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise PluginError("scikit-learn is missing: pip install 'schakel[scores]'") from None
    return LogisticRegression(max_iter=1000).fit(matrix, outcome)


@dataclass(frozen=True)
class _Features:
    """How traits become numbers: as learned from one period, applied to any."""

    traits: tuple[_Feature, ...]

    @classmethod
    def of(cls, period: _Period, names: Sequence[str]) -> _Features:
        return cls(tuple(_Feature.of(name, period) for name in names))

    def matrix(self, period: _Period) -> np.ndarray:
        """Give a row per person, standardised: nought is the usual."""
        import numpy as np

        return np.hstack([trait.columns(period) for trait in self.traits])

    def summed(self, matrix: np.ndarray) -> np.ndarray:
        """Sum up the columns of each trait."""
        import numpy as np

        ends = np.cumsum([trait.width for trait in self.traits])
        starts = [0, *ends[:-1]]
        return np.column_stack([matrix[:, start:end].sum(axis=1) for start, end in zip(starts, ends, strict=True)])


@dataclass(frozen=True)
class _Feature:
    """One trait: a number and whether it is known, or one column for each common value of a text."""

    name: str
    values: tuple[str, ...] | None
    usual: float = 0.0
    spread: float = 1.0
    shares: Mapping[str, float] | None = None

    @property
    def width(self) -> int:
        return 2 if self.values is None else len(self.values)

    @classmethod
    def of(cls, name: str, period: _Period) -> _Feature:
        import numpy as np
        import pyarrow as pa

        column = period.people.column(name)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            counted = sorted(
                ((entry["counts"], entry["values"]) for entry in column.value_counts().to_pylist()),
                key=lambda entry: (-entry[0], str(entry[1])),
            )
            common = [(value, count / len(column)) for count, value in counted[:COMMONEST] if value is not None]
            return cls(name, tuple(value for value, _ in common), shares=dict(common))
        numbers = _numbers(column, period.moment)
        known = numbers[~np.isnan(numbers)]
        usual = float(np.median(known)) if len(known) else 0.0
        return cls(name, None, usual, float(known.std()) or 1.0 if len(known) else 1.0)

    def columns(self, period: _Period) -> np.ndarray:
        import numpy as np

        column = period.people.column(self.name)
        if self.values is not None:
            given = np.array(column.to_pylist(), dtype=object)
            shares = self.shares or {}
            each = [(given == value).astype(float) - shares[value] for value in self.values]
            return np.column_stack(each) if each else np.zeros((len(given), 0))
        numbers = _numbers(column, period.moment)
        unknown = np.isnan(numbers)
        standard = np.where(unknown, 0.0, (np.where(unknown, self.usual, numbers) - self.usual) / self.spread)
        return np.column_stack([np.clip(standard, -5, 5), unknown.astype(float)])


def _numbers(column: pa.ChunkedArray, moment: datetime | None = None) -> np.ndarray:
    """Give numbers, NaN where there is none; moments and days as days before the moment."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        seconds = column.cast(pa.timestamp("s", tz="UTC")).cast(pa.int64()).cast(pa.float64())
        now = moment.timestamp() if moment is not None else 0.0
        return (now - np.asarray(seconds.to_numpy(), dtype=float)) / 86_400
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=float)


def _lift(chance: np.ndarray, outcome: np.ndarray | None) -> float:
    """Say how many times more often the outcome is among the tenth with the highest chance."""
    import numpy as np

    if outcome is None:
        return 1.0
    top = np.argsort(-chance, kind="stable")[: max(1, len(chance) // 10)]
    return round(float(outcome[top].mean() / outcome.mean()), 2)


def _calibration(chance: np.ndarray, outcome: np.ndarray | None) -> list[tuple[float, float]]:
    """Give for each tenth of the people, from the lowest chance up, what was foretold and what came."""
    import numpy as np

    if outcome is None:
        return []
    tenths = np.array_split(np.argsort(chance, kind="stable"), 10)
    return [(round(float(chance[each].mean()), 3), round(float(outcome[each].mean()), 3)) for each in tenths]
