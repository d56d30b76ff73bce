"""scores/*.yaml: numbers that add up what people did, the recent more than the old."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from hub.project.lengths import with_unit
from hub.project.models import Duration, Expression, Form


class ScorePart(Form):
    """One kind of behaviour: each row adds its weight, halved again after every half-life."""

    of: str = Field(description="The table whose rows count.")
    where: Expression | None = Field(None, description="Only rows that meet this condition.")
    within: Annotated[str | None, BeforeValidator(with_unit)] = Field(
        None, description="Only rows of the last so many days: 90 days, or 90 days of COLUMN."
    )
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
    parts: dict[str, ScorePart] = Field(default_factory=dict, description="What counts, by a name of your own.")
    by: str | None = Field(None, description="Instead of parts: the scorer of a plugin that computes it.")
    uses: list[str] = Field(default_factory=list, description="For a scorer: the traits that it may look at.")
    options: dict[str, Any] = Field(default_factory=dict, description="For a scorer: what it wants to be told.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.parts) == (self.by is not None):
            raise ValueError("a score needs either `parts`, or `by: SCORER` with `uses: [TRAITS]`")
        if self.by is not None and (not self.uses or self.half_life is not None or self.at_most is not None):
            raise ValueError("a scorer needs `uses: [TRAITS]`; `half_life` and `at_most` go with `parts`")
        if self.by is None and (self.uses or self.options):
            raise ValueError("`uses` and `options` go with `by: SCORER`")
        return self
