"""traits/*.yaml: what is computed about every person."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from hub.project.lengths import with_unit
from hub.project.models import Expression, Form

AGGREGATES = (
    "count",
    "exists",
    "distinct",
    "sum",
    "average",
    "minimum",
    "maximum",
    "first",
    "last",
    "favourite",
    "ratio",
    "median_interval",
)
"""The ways to compute a trait from a person's rows of a table."""

WEIGHED = ("favourite", "ratio")
"""The ways that `by` goes with."""


class Trait(Form):
    """One fact about each person, computed from a table, from other traits, or from a rank among people.

    With `per`, or with a list of windows, it is a family: one trait for each value and window.
    """

    summary: str = Field("", description="What it says, in one line.")
    of: str | None = Field(None, description="The table that it is computed from; without it, `is` says what it is.")
    is_: Expression | None = Field(None, alias="is", description="An expression over the person and other traits.")
    count: Literal[True] | None = Field(None, description="How many rows.")
    exists: Literal[True] | None = Field(None, description="Whether there is such a row.")
    distinct: Expression | None = Field(None, description="How many different values.")
    sum: Expression | None = Field(None, description="The sum of this number.")
    average: Expression | None = Field(None, description="The average of this number.")
    minimum: Expression | None = Field(None, description="The smallest value.")
    maximum: Expression | None = Field(None, description="The largest value.")
    first: Expression | None = Field(None, description="The value on the earliest row.")
    last: Expression | None = Field(None, description="The value on the latest row.")
    favourite: Expression | None = Field(
        None, description="The value that occurs most; ties go to the latest, then by name."
    )
    ratio: Expression | None = Field(None, description="The share of rows that meet this condition: 0 to 1.")
    by: Expression | None = Field(
        None, description="For favourite and ratio: weigh by this number instead of counting rows."
    )
    median_interval: Literal[True] | None = Field(
        None, description="The median number of days between the days with rows."
    )
    rank: Expression | None = Field(
        None,
        description="Without `of`: where a person stands among all, by this value, from 0 (lowest) to 1 (highest); "
        "equal people stand equal.",
    )
    among: Expression | None = Field(None, description="For rank: only among people who meet this condition.")
    where: Expression | None = Field(None, description="Only rows that meet this condition.")
    within: Annotated[str | list[str] | None, BeforeValidator(with_unit)] = Field(
        None,
        description="Only rows of the last so many days, weeks, months or years: 90 days, or 90 days of COLUMN. A list "
        "gives a trait for each, such as NAME_90d.",
    )
    per: dict[str, list[str | int]] | None = Field(
        None,
        description="A trait for each of these values of an expression: {product.category: [toys]} gives NAME_toys.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in AGGREGATES if getattr(self, name) is not None]
        bare = [it for it in (self.is_, self.rank) if it is not None]
        if self.of is None and (len(bare) != 1 or ways):
            raise ValueError(
                "a trait needs `of: TABLE` with one of "
                + ", ".join(AGGREGATES)
                + "; or only `is: EXPRESSION`, or `rank: EXPRESSION`"
            )
        if self.of is not None and (len(ways) != 1 or bare):
            raise ValueError("a trait with `of` needs exactly one of " + ", ".join(AGGREGATES))
        if self.of is None and (self.where, self.within, self.per, self.by) != (None,) * 4:
            raise ValueError("`where`, `within`, `per` and `by` go with `of: TABLE`")
        if self.among is not None and self.rank is None:
            raise ValueError("`among` goes with `rank`")
        if self.per is not None and (len(self.per) != 1 or not all(self.per.values())):
            raise ValueError("write `per` as one expression with its values: {product.category: [toys, kibble]}")
        if self.within == []:
            raise ValueError("the list of windows is empty: write [30 days, 90 days]")
        return self

    @property
    def way(self) -> str:
        """Name the aggregate that it uses."""
        return next(name for name in AGGREGATES if getattr(self, name) is not None)


class TraitFile(Form):
    """traits/*.yaml."""

    traits: dict[str, Trait] = Field(description="The traits by name.")
