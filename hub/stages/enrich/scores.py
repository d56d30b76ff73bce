"""Scores: beside the traits, each person's scores in rows of their own, with what gave most."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.people.plan import REASON, TraitPlan
from hub.warehouse import Transaction


def keep_scores(transaction: Transaction, plan: TraitPlan, as_of: datetime) -> None:
    """Make the table `score` hold every score that is not nought, as the table `trait` has it."""
    score, trait = transaction.table("score"), plan.table()
    transaction.execute(sa.delete(score))
    at = sa.literal(as_of, sa.DateTime(timezone=True))
    for name in plan.scores:
        found = sa.select(trait.c.person_id, sa.literal(name), trait.c[name], trait.c[name + REASON], at)
        columns = ["person_id", "score", "value", "reason", "as_of"]
        transaction.execute(sa.insert(score).from_select(columns, found.where(trait.c[name] != 0)))
