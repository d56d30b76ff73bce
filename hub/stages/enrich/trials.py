"""Trials: how good the models behind scores are, kept for whoever wants to know before believing them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from hub.contracts import Scored
from hub.project import Project
from hub.warehouse import Transaction


def keep_trials(transaction: Transaction, project: Project, given: Mapping[str, Scored], as_of: datetime) -> None:
    """Make the tables `score_model` and `score_trial` tell of what scorers gave, by the name of the score."""
    models, trials = transaction.table("score_model"), transaction.table("score_trial")
    for table in (models, trials):
        transaction.execute(sa.delete(table))
    if not given:
        return
    told = [
        {
            "score": name,
            "scorer": project.scores[name].by,
            "used": scored.rows is not None,
            "reason": scored.refused or None,
            "as_of": as_of,
        }
        for name, scored in given.items()
    ]
    transaction.execute(sa.insert(models).values(told))
    figures = [
        {"score": name, "measure": it.measure, "of": it.of, "tenth": it.tenth or 0, "value": round(it.value, 4)}
        for name, scored in given.items()
        for it in scored.tried
    ]
    if figures:
        transaction.execute(sa.insert(trials).values(figures))
