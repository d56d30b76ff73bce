"""recommendations.yaml: products for each person, found from what others bought and viewed. The file switches it on.

at_most: 4
by: [bought_together, also_viewed, favourite_category]
within: 365 days
least: 3
products: price > 0 and category <> 'gift card'
again_after: 180 days
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from hub.project.models import Duration, Expression, Form

Way = Literal["bought_together", "also_viewed", "favourite_category"]


class RecommendationsFile(Form):
    """recommendations.yaml: products for each person, found from what others bought and viewed.

    The file switches it on; every key may be left out.
    """

    at_most: int = Field(4, ge=1, le=20, description="How many products a person has at most.")
    by: list[Way] = Field(
        default=["bought_together", "also_viewed", "favourite_category"],
        min_length=1,
        description="The ways in order of preference. bought_together: in one order with something that the person "
        "bought lately. also_viewed: by people who viewed what the person viewed lately. favourite_category: what most "
        "people bought of the category that the person buys most.",
    )
    within: Duration = Field("365 days", validate_default=True, description="Orders and views of so long ago count.")
    least: int = Field(
        3,
        ge=1,
        description="So many people must have bought or viewed it that way: fewer are chance.",
    )
    products: Expression | None = Field(
        None, description="Only products that meet this condition over the columns of `product`."
    )
    again_after: Duration | None = Field(
        None, description="What the person bought is recommended again after this; never, where absent."
    )

    @field_validator("by")
    @classmethod
    def _once(cls, by: list[Way]) -> list[Way]:
        if len(set(by)) < len(by):
            raise ValueError("name each way once")
        return by
