"""Families of traits: one definition that gives a trait for each value of an expression, and for each window.

`bought: {of: order_line, sum: quantity, per: {product.category: [Cat food, toys]}, within: [30 days, 1 year]}` gives
bought_cat_food_30d, bought_cat_food_1y, bought_toys_30d and bought_toys_1y.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub.people.window import read_window
from hub.project.traits import Trait


@dataclass(frozen=True)
class Member:
    """One trait, and the definition that it comes from; `of_value` is the condition that makes it this value's."""

    name: str
    definition: str
    trait: Trait
    of_value: str | None = None


def members(traits: Mapping[str, Trait]) -> Iterator[Member]:
    """Give the traits one by one. Two may come out with one name: that is for the planner to tell."""
    for name, trait in traits.items():
        windows = trait.within if isinstance(trait.within, list) else [trait.within]
        for of_value, value_suffix in _values(trait):
            for within in windows:
                window_suffix = _suffix(within) if isinstance(trait.within, list) and within is not None else ""
                yield Member(
                    name + value_suffix + window_suffix,
                    name,
                    trait.model_copy(update={"within": within, "per": None}),
                    of_value,
                )


def _values(trait: Trait) -> Iterator[tuple[str | None, str]]:
    """Give the condition of each value, and what it adds to the name."""
    if trait.per is None:
        yield None, ""
        return
    ((expression, values),) = trait.per.items()
    for value in values:
        constant = str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
        yield f"({expression}) = {constant}", f"_{_word(str(value))}"


def _word(value: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_")


def _suffix(within: str) -> str:
    window = read_window(within)
    return f"_{window.suffix if window else _word(within)}"
