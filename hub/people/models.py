"""Models: what was found of the models behind scores, as the last run learned them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from hub.people.reading import Ask, Reading
from hub.project import Project

CALIBRATION = ("foretold", "came")
"""The measures by tenth of the people: what the model foretold of them, and what came."""


@dataclass(frozen=True)
class Model:
    """The model behind one score.

    `measures`: how good it was on the last horizon, by name, and by whom: the model, or a plain rule (`rfm`).
    `calibration`: what it foretold of each tenth of the people, from the least up, and what came.
    """

    score: str
    scorer: str
    used: bool
    reason: str | None
    as_of: datetime
    measures: dict[str, dict[str, float]]
    calibration: list[tuple[float, float]]


def models(project: Project, ask: Ask) -> list[Model]:
    """Give the models behind the scores of a project, by name; none before the first run."""
    reading = Reading(project, ask)
    if not reading.there("score_model"):
        return []
    model, trial = project.schema.table("score_model"), project.schema.table("score_trial")
    tried = reading.rows(sa.select(trial).order_by(trial.c.score, trial.c.measure, trial.c.of, trial.c.tenth))
    by_score = {score: list(rows) for score, rows in groupby(tried, key=lambda row: row["score"])}
    found = []
    for row in reading.rows(sa.select(model).order_by(model.c.score)):
        measures: dict[str, dict[str, float]] = {}
        tenths: dict[str, list[float]] = {name: [] for name in CALIBRATION}
        for it in by_score.get(row["score"], []):
            if it["measure"] in tenths:
                tenths[it["measure"]].append(float(it["value"]))
            else:
                measures.setdefault(it["measure"], {})[it["of"]] = float(it["value"])
        calibration = list(zip(*tenths.values(), strict=True))
        found.append(Model(**row, measures=measures, calibration=calibration))
    return found
