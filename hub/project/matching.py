"""identity.yaml, `match:`: links by probability, where no shared value tells (the extra `schakel[match]`)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from hub.project.models import Form, Percentage

BlockField = Literal["email", "phone", "address", "given_name", "surname", "birth_date", "postcode", "street", "city"]

BLOCKS: tuple[tuple[BlockField, ...], ...] = (
    ("email",),
    ("phone",),
    ("address",),
    ("surname", "birth_date"),
    ("given_name", "birth_date"),
    ("birth_date", "postcode"),
    ("birth_date", "city"),
    ("birth_date", "street"),
    ("surname", "postcode"),
    ("given_name", "surname", "postcode"),
    ("given_name", "surname", "city"),
    ("given_name", "surname", "street"),
    ("given_name", "street", "city"),
    ("surname", "street", "city"),
)


class MatchRules(Form):
    """How two people are found to be one by probability. `match: {}` is enough: the defaults are meant to be kept."""

    join: Percentage = Field(
        0.8,
        description="From this probability on two people are one, unless a name, date of birth or sex contradicts.",
    )
    review: Percentage = Field(0.3, description="From this probability on a pair stands in the review queue.")
    blocks: list[list[BlockField]] = Field(
        default_factory=lambda: [list(block) for block in BLOCKS],
        min_length=1,
        description="Which people are compared at all: those who agree on all fields of one of these lists; short "
        "forms of one given name count as that name, and a given name and a surname may stand in each other's field. "
        "Default: email; phone; address; birth date with surname, given name, postcode, city or street; surname with "
        "postcode; given name and surname with postcode, city or street; given name or surname with street and city.",
    )
    limit: int = Field(
        250,
        ge=2,
        description="A block of more people than this compares nobody: what so many share tells nobody apart.",
    )
    short_names: dict[str, list[str]] = Field(
        default_factory=dict, description="Short forms of given names, added to the hub's own: `charlotte: [lotte]`."
    )
    retrain: Percentage = Field(
        0.5, description="The model is trained again when the number of records with a name has changed by this share."
    )

    @model_validator(mode="after")
    def _review_comes_first(self) -> Self:
        if self.review > self.join:
            raise ValueError("review is above join: pairs are joined from `join` on, and reviewed between the two")
        return self
