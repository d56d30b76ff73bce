"""scores/*.yaml: numbers that add up what people did, the recent more than the old."""

from __future__ import annotations

from pydantic import Field

from hub.project.models import Duration, Expression, Form


class ScorePart(Form):
    """One kind of behaviour: each row adds its weight, halved again after every half-life."""

    of: str = Field(description="The table whose rows count.")
    where: Expression | None = Field(None, description="Only rows that meet this condition.")
    within: str | None = Field(None, description="Only rows of the last so many days: 90 days, or 90 days of COLUMN.")
    weight: Expression = Field(description="What a row of today adds: a number, or an expression over the row.")
    half_life: Duration | None = Field(
        None, description="After how long a row counts half; the score's own where absent."
    )
    at_most: float | None = Field(None, gt=0, description="What this part gives at most.")


class Score(Form):
    """scores/*.yaml: a score of every person, used in conditions like a trait.

    A row of today adds its whole weight, an older one less: half after one half-life, a quarter after two. What gave
    most is the trait NAME_reason.
    """

    score: str = Field(description="Its name, in one word.")
    summary: str = Field("", description="What it says, in one line.")
    half_life: Duration | None = Field(
        None, description="After how long a row counts half; without it, rows never count less."
    )
    at_most: float | None = Field(None, gt=0, description="The highest score.")
    parts: dict[str, ScorePart] = Field(min_length=1, description="What counts, by a name of your own.")
