"""Scorers that learn from the project's own history: `churn`, `propensity` and `value` (extra `schakel[scores]`).

The last one, expected spending, stands in a file of its own. The first two ask whether a trait that only grows
(`target`, by default order_count) will grow within a horizon: `churn` gives the chance that it does not, among those
for whom it ever did; `propensity` the chance that it does, for everybody.

They learn from the traits of two horizons ago and what came after, and are tried on one horizon ago and what came
after that: a split in time. A model that does not rank people better there than the three RFM scores alone is refused.
What was found (ranking, lift, calibration) is told with the scores, used or not; the reason of each score is the trait
that raises it most, where one raises it at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hub.contracts import Scored, Scorer, Scoring, Tried
from hub.hookspecs import hookimpl
from plugins.scorers.features import Features, Period, lift_and_calibration, numbers, raised_most
from plugins.scorers.options import RFM, Learning, LearningValue
from plugins.scorers.value import expected_value

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BETTER = 0.01
"""How much more of the area under the curve (AUC) a model must have than RFM alone."""
LEAST = 50
"""People of either outcome below which there is nothing to learn from."""


@hookimpl
def hub_scorers() -> Sequence[Scorer]:
    """Hand the scorers over."""
    return [
        Scorer("churn", partial(_score, churn=True), "The chance of no further order within a horizon.", Learning),
        Scorer("propensity", partial(_score, churn=False), "The chance of an order within a horizon.", Learning),
        Scorer("value", expected_value, "What somebody will spend within a horizon, on average.", LearningValue),
    ]


def _score(scoring: Scoring, churn: bool) -> Scored:
    import numpy as np
    import pyarrow as pa

    options = Learning.model_validate(scoring.options)
    horizon = timedelta(days=options.horizon_days)
    moments = [scoring.as_of - 2 * horizon, scoring.as_of - horizon, scoring.as_of]
    tables = [scoring.people(moment) for moment in moments]
    counts = [numbers(table.column(options.target)) for table in tables]
    grew = [np.nan_to_num(after) > np.nan_to_num(before) for before, after in pairwise(counts)]
    periods = []
    for moment, table, count, outcome in zip(moments, tables, counts, [*grew, None], strict=True):
        counted = np.nan_to_num(count) > 0 if churn else np.ones(len(count), dtype=bool)
        kept = table.filter(pa.array(counted))
        wanted = None if outcome is None else (~outcome if churn else outcome)[counted]
        periods.append(Period(moment, kept, wanted))
    first, second, now = periods
    for period in (first, second):
        if period.outcome is None or min(period.outcome.sum(), (~period.outcome).sum()) < LEAST:
            return Scored(None, f"too little history: fewer than {LEAST} people of either outcome in a horizon")
    if not now.people.num_rows:
        return Scored(None, f"there is nobody to score: {options.target} is nought for everybody now")
    refused, tried = _try(first, second)
    return Scored(None if refused else _scores(second, now), refused, tried)


def _try(first: Period, second: Period) -> tuple[str, list[Tried]]:
    """Try the model on the later period, beside RFM alone: why it is not used, if it is not, and how good it was."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    every = [name for name in first.people.column_names if name != "person_id"]
    chances = {}
    for what, names in (("model", every), ("rfm", list(RFM))):
        features = Features.of(first, names)
        chances[what] = _fitted(features.matrix(first), first.outcome).predict_proba(features.matrix(second))[:, 1]
    auc = {what: float(roc_auc_score(second.outcome, chance)) for what, chance in chances.items()}
    tried = [Tried("auc", value, what) for what, value in auc.items()]
    tried += lift_and_calibration(chances, np.asarray(second.outcome))
    if auc["model"] <= auc["rfm"] + BETTER:
        return f"no better than RFM alone: AUC {auc['model']:.3f} against {auc['rfm']:.3f} on the last horizon", tried
    return "", tried


def _scores(learned_from: Period, now: Period) -> pa.Table:
    """Learn from the newest period whose outcome is known, and score the people of now."""
    import pyarrow as pa

    names = [name for name in now.people.column_names if name != "person_id"]
    features = Features.of(learned_from, names)
    model = _fitted(features.matrix(learned_from), learned_from.outcome)
    matrix = features.matrix(now)
    raised = matrix * model.coef_[0]
    by_trait = features.summed(raised)
    reasons = raised_most(by_trait, names)
    values = pa.array(model.predict_proba(matrix)[:, 1])
    return pa.table({"person_id": now.people.column("person_id"), "value": values, "reason": reasons})


def _fitted(matrix: np.ndarray, outcome: np.ndarray | None) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000).fit(matrix, outcome)
