"""Overview of segments: how large they are, how they grow and shrink, and how they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.people.reading import Ask, Reading
from hub.project import Project
from hub.project.packs import no_segment

POINTS = 10
"""How many sizes a trend has, the one of today included."""


@dataclass(frozen=True)
class Size:
    """A segment today: its members, who entered and left in the time looked at, and its sizes over that time."""

    segment: str
    summary: str
    members: int
    share: float
    entered: int
    left: int
    trend: tuple[int, ...]


@dataclass(frozen=True)
class Overview:
    """All segments, or those asked for. `overlap` has how many people are in both of two."""

    as_of: datetime
    people: int
    days: int
    sizes: tuple[Size, ...]
    overlap: dict[str, dict[str, int]]


def overview(project: Project, ask: Ask, names: Sequence[str], days: int, overlap: bool) -> Overview:
    """Look at segments as the last run left them. Raises ConfigurationError for a name that is none."""
    for name in names:
        if name not in project.segments:
            raise ConfigurationError(no_segment(name, project.segments))
    reading = _Reading(project, ask)
    as_of = reading.as_of()
    wanted = list(names) or sorted(project.segments)
    people = reading.one(sa.select(sa.func.count()).select_from(project.schema.table("person")))
    members = reading.members()
    moves = reading.moves(as_of - timedelta(days=days))
    sizes = tuple(_size(project, name, members.get(name, 0), people, moves, as_of, days) for name in wanted)
    return Overview(as_of, people, days, sizes, reading.overlap(wanted) if overlap else {})


@dataclass(frozen=True)
class _Moves:
    """How many entered and left a segment on one day."""

    segment: str
    kind: str
    at: datetime
    count: int


def _size(
    project: Project, name: str, members: int, people: int, moves: Sequence[_Moves], as_of: datetime, days: int
) -> Size:
    mine = [move for move in moves if move.segment == name]
    entered = sum(move.count for move in mine if move.kind == "entered")
    left = sum(move.count for move in mine if move.kind == "left")
    trend = []
    for point in range(POINTS):
        moment = as_of - timedelta(days=days) * (POINTS - 1 - point) / (POINTS - 1)
        since = [move for move in mine if move.at > moment]
        trend.append(members - sum(move.count if move.kind == "entered" else -move.count for move in since))
    summary = project.segments[name].summary
    return Size(name, summary, members, members / people if people else 0.0, entered, left, tuple(trend))


class _Reading(Reading):
    """Reads how segments are and were."""

    def one(self, query: sa.Select[Any]) -> Any:
        """Give the only value of a query."""
        (row,) = self.rows(query)
        return next(iter(row.values()))

    def as_of(self) -> datetime:
        """Give the moment that the memberships are of."""
        state = self.project.schema.table("stage_state")
        found = self.rows(sa.select(state.c.at).where(state.c.stage == "segment"))
        if not found:
            raise ConfigurationError("no segment is computed yet: run `hub run build` first")
        moment: datetime = found[0]["at"]
        return moment

    def members(self) -> dict[str, int]:
        """Count the members of each segment."""
        membership = self.project.schema.table("membership")
        query = sa.select(membership.c.segment, sa.func.count().label("members")).group_by(membership.c.segment)
        return {row["segment"]: row["members"] for row in self.rows(query)}

    def moves(self, after: datetime) -> list[_Moves]:
        """Count who entered and left since a moment, by the run that saw it."""
        transition = self.project.schema.table("transition")
        keys = [transition.c.segment, transition.c.kind, transition.c["at"]]
        query = sa.select(*keys, sa.func.count().label("count")).where(transition.c["at"] > after).group_by(*keys)
        return [_Moves(**row) for row in self.rows(query)]

    def overlap(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Count who is in both of two segments."""
        one = self.project.schema.table("membership")
        other = one.alias("other")
        query = (
            sa.select(one.c.segment.label("one"), other.c.segment.label("other"), sa.func.count().label("people"))
            .join_from(one, other, other.c.person_id == one.c.person_id)
            .where(one.c.segment.in_(names), other.c.segment.in_(names))
            .group_by(one.c.segment, other.c.segment)
        )
        found: dict[str, dict[str, int]] = {name: dict.fromkeys(names, 0) for name in names}
        for row in self.rows(query):
            found[row["one"]][row["other"]] = row["people"]
        return found
