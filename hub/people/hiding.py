"""Hiding: which numbers about groups tell of too few people, and which others would give those away.

A group of few people is hidden. Where it can be had by taking the other parts of a sum from their total, another one
is hidden too, the smallest that is shown; and so on, until every sum with something hidden hides at least two of its
members, and as many people as may be told of. What does not follow from one sum may still follow from several
together, or from what was told yesterday: this is for those who run campaigns, and not enough to publish by.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True)
class Sum(Generic[Group]):
    """A group, and the parts that it is the sum of."""

    total: Group
    parts: Sequence[Group]


def hide(people: Mapping[Group, int], sums: Collection[Sum[Group]], fewest: int) -> frozenset[Group]:
    """Say which groups are not told, by how many people each has; of equal ones, the first is hidden first."""
    hidden = {group for group, number in people.items() if number < fewest}
    while more := {group for one in sums if (group := _next(one, people, hidden, fewest)) is not None}:
        hidden |= more
    return frozenset(hidden)


def _next(one: Sum[Group], people: Mapping[Group, int], hidden: Collection[Group], fewest: int) -> Group | None:
    """Give what has to be hidden next of a sum, if anything."""
    parts = [group for group in one.parts if group in hidden]
    total = one.total in hidden
    given_away = len(parts) + total == 1
    too_few = bool(parts) and not total and sum(people[group] for group in parts) < fewest
    if not given_away and not too_few:
        return None
    shown = [group for group in one.parts if group not in hidden]
    if shown:
        return min(shown, key=lambda group: people[group])
    return None if total else one.total
