"""segments/*.yaml: groups of people."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from hub.project.cases import SegmentCase
from hub.project.models import Expression, Form, Percentage, percentage


def _share(value: Any) -> Any:
    """Read `10%`, or a whole number of people; 0.1 could be meant as either, and nobody is no segment."""
    written = isinstance(value, str) and value.strip().endswith("%")
    if (isinstance(value, float | str) and not written) or (percentage(value) if written else value) == 0:
        raise ValueError("write a whole number of people, or a percentage: 1000, 10%")
    return value


Share = Annotated[
    Annotated[int, Field(ge=1)] | Percentage,
    BeforeValidator(_share, json_schema_input_type=int | Annotated[str, Field(pattern=r"^\d+(\.\d+)?%$")]),
]


class Segment(Form):
    """A group of people, told by a condition, by other segments, or by both: members meet all that is written.

    The condition may use columns of person, traits, scores, consents('channel', 'purpose'), member_of('segment') and
    has('table', condition, 30 days).
    """

    summary: str = Field("", description="Who is in it, in one line.")
    where: Expression | None = Field(None, description="The condition that its members meet.")
    any: list[str] | None = Field(None, min_length=1, description="Only members of at least one of these segments.")
    all: list[str] | None = Field(None, min_length=1, description="Only members of each of these segments.")
    except_: list[str] | None = Field(
        None, alias="except", min_length=1, description="No members of any of these segments."
    )
    top: Share | None = Field(
        None, description="Of all who meet this, only so many, or such a part, with the highest value of `by`."
    )
    by: Expression | None = Field(None, description="For top: the value; who has none is left out.")
    sample: Share | None = Field(
        None,
        description="Of all who meet this, only so many, or such a part, drawn by a hash: who is drawn stays drawn.",
    )

    @model_validator(mode="after")
    def _some_way(self) -> Self:
        if self.where is None and self.any is None and self.all is None:
            raise ValueError("say who is in it: `where: CONDITION`, `any: [SEGMENTS]` or `all: [SEGMENTS]`")
        if (self.top is None) != (self.by is None):
            raise ValueError("`top` and `by` go together: top: 1000, by: spent_lifetime")
        if self.top is not None and self.sample is not None:
            raise ValueError("`top` or `sample`, not both: make a segment of the one, and ask for it in the other")
        return self


class SegmentFile(Form):
    """segments/*.yaml."""

    segments: dict[str, Segment] = Field(description="The segments by name.")
    cases: dict[str, SegmentCase] = Field(
        default_factory=dict, description="Examples that run as tests (`hub test`), each under a sentence."
    )
