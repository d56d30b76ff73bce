"""Satisfaction: what surveys say of all people together, by the rules of NPS, CSAT and CES (R37).

NPS, 0 to 10: the share of promoters (9, 10) less the share of detractors (0 to 6). CSAT, 1 to 5, or yes and no: the
share of positive answers (from 4, or yes); more than 80 is very good. CES, 1 to 5: the mean effort; lower is better.
Answers off the scale are counted as rejected, and in nothing else.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.schema.shape import SQL_TYPES
from hub.warehouse import Transaction

VERY_GOOD = 80
YES = ("yes", "ja", "oui")
NO = ("no", "nee", "non")
SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 5)}


def keep_satisfaction(transaction: Transaction, as_of: datetime) -> None:
    """Make the table `satisfaction` hold a row per survey and kind, and one per kind for all surveys together."""
    kept = transaction.table("satisfaction")
    given = _answers(transaction, as_of).cte("given")
    transaction.execute(sa.delete(kept))
    every = sa.cast(sa.null(), sa.Text())
    for survey, groups in ((given.c.survey, [given.c.survey]), (every, [])):
        answers, positive = sa.func.count(given.c.score), sa.func.count().filter(given.c.positive)
        share = 100 * (positive - sa.func.count().filter(given.c.negative)) / sa.cast(answers, sa.Double())
        mean = sa.func.avg(sa.cast(given.c.score, sa.Double()))
        value = sa.case((answers == 0, sa.null()), (given.c.kind == "ces", mean), else_=share)
        rounded = sa.func.round(sa.cast(value, SQL_TYPES["number"]), sa.literal_column("1"))
        rows = sa.select(
            survey.label("survey"),
            given.c.kind,
            answers,
            sa.func.count() - answers,
            rounded,
            sa.case((sa.and_(given.c.kind == "csat", answers > 0), share > VERY_GOOD)),
            sa.literal(as_of, sa.DateTime(timezone=True)),
        )
        names = ["survey", "kind", "answers", "rejected", "value", "very_good", "as_of"]
        where = [given.c.survey.is_not(None)] if groups else []
        transaction.execute(sa.insert(kept).from_select(names, rows.where(*where).group_by(given.c.kind, *groups)))


def _answers(transaction: Transaction, as_of: datetime) -> sa.Select[tuple[str]]:
    """Select the answers: survey, kind, score (null where it is off the scale), positive, negative."""
    answer = transaction.table("survey_response")
    said = sa.func.lower(sa.func.trim(answer.c.answer))
    by_word = sa.and_(answer.c.kind == "csat", answer.c.score.is_(None))
    score = sa.case(
        (sa.and_(by_word, said.in_(YES)), 5),
        (sa.and_(by_word, said.in_(NO)), 1),
        *(
            (sa.and_(answer.c.kind == kind, answer.c.score.between(*scale)), answer.c.score)
            for kind, scale in SCALES.items()
        ),
    )
    positive = sa.case((answer.c.kind == "nps", score >= 9), (answer.c.kind == "csat", score >= 4), else_=sa.false())
    return sa.select(
        answer.c.survey,
        answer.c.kind,
        score.label("score"),
        sa.func.coalesce(positive, sa.false()).label("positive"),
        sa.func.coalesce(sa.and_(answer.c.kind == "nps", score <= 6), sa.false()).label("negative"),
    ).where(answer.c.kind.in_(SCALES), sa.or_(answer.c.at.is_(None), answer.c.at <= as_of))
