"""Expected value: how much a trait that only grows (`target`, by default spent_lifetime) will grow within a horizon.

This is the customer lifetime value over a horizon that can be checked: what somebody will spend, on average, counting
those who will spend nothing. A Poisson regression gives it, so it is never below nought, and its traits multiply.

It learns from the traits of two horizons ago and what came after, and is tried on one horizon ago and what came after
that. A model that explains no more of the deviance there than the three RFM scores alone is refused. What was found
(deviance explained, lift, what was foretold and what came per tenth) is told with the scores, used or not.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hub.contracts import Scored, Scoring, Tried
from plugins.scorers.features import Features, Period, lift_and_calibration, numbers, raised_most
from plugins.scorers.options import RFM, LearningValue

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BETTER = 0.01
"""How much more of the deviance (D squared) a model must explain than RFM alone."""
LEAST = 50
"""People who spend in a horizon below which there is nothing to learn from."""


def expected_value(scoring: Scoring) -> Scored:
    """Score everybody with what they will spend within the horizon, in the target's own unit."""
    import numpy as np

    options = LearningValue.model_validate(scoring.options)
    horizon = timedelta(days=options.horizon_days)
    moments = [scoring.as_of - 2 * horizon, scoring.as_of - horizon, scoring.as_of]
    tables = [scoring.people(moment) for moment in moments]
    totals = [np.nan_to_num(numbers(table.column(options.target))) for table in tables]
    spent = [np.maximum(after - before, 0.0) for before, after in pairwise(totals)]
    first, second, now = (
        Period(moment, table, outcome) for moment, table, outcome in zip(moments, tables, [*spent, None], strict=True)
    )
    if min((outcome > 0).sum() for outcome in spent) < LEAST:
        return Scored(None, f"too little history: fewer than {LEAST} people spend in a horizon")
    refused, tried = _try(first, second)
    return Scored(None if refused else _scores(second, now), refused, tried)


def _try(first: Period, second: Period) -> tuple[str, list[Tried]]:
    """Try the model on the later period, beside RFM alone: why it is not used, if it is not, and how good it was."""
    import numpy as np
    from sklearn.metrics import d2_tweedie_score

    came = np.asarray(second.outcome)
    foretold = {
        "model": _foretold(first, second, [name for name in first.people.column_names if name != "person_id"]),
        "rfm": _foretold(first, second, list(RFM)),
    }
    explained = {what: float(d2_tweedie_score(came, given, power=1)) for what, given in foretold.items()}
    tried = [Tried("deviance explained", share, what) for what, share in explained.items()]
    tried += lift_and_calibration(foretold, came)
    if explained["model"] <= explained["rfm"] + BETTER:
        told = f"{explained['model']:.3f} of the deviance explained against {explained['rfm']:.3f}"
        return f"no better than RFM alone: {told} on the last horizon", tried
    return "", tried


def _foretold(learned_from: Period, tried_on: Period, names: list[str]) -> np.ndarray:
    features = Features.of(learned_from, names)
    found: np.ndarray = _fitted(features.matrix(learned_from), learned_from).predict(features.matrix(tried_on))
    return found * _unit(learned_from)


def _scores(learned_from: Period, now: Period) -> pa.Table:
    """Learn from the newest period whose outcome is known, and score the people of now."""
    import pyarrow as pa

    names = [name for name in now.people.column_names if name != "person_id"]
    features = Features.of(learned_from, names)
    matrix = features.matrix(now)
    model = _fitted(features.matrix(learned_from), learned_from)
    by_trait = features.summed(matrix * model.coef_)
    reasons = raised_most(by_trait, names)
    values = pa.array(model.predict(matrix) * _unit(learned_from))
    return pa.table({"person_id": now.people.column("person_id"), "value": values, "reason": reasons})


def _fitted(matrix: np.ndarray, period: Period) -> Any:
    import numpy as np
    from sklearn.linear_model import PoissonRegressor

    return PoissonRegressor(alpha=0.01, max_iter=1000).fit(matrix, np.asarray(period.outcome) / _unit(period))


def _unit(period: Period) -> float:
    """Give what people spend on average: in this unit the model learns, whatever the currency."""
    import numpy as np

    return float(np.asarray(period.outcome).mean())
