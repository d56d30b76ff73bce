"""Audiences that scenarios fill: who is in one as of a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.errors import suggest
from hub.expressions import Name, ScopeFunction
from hub.project import Project
from hub.project.actions import AddTo
from hub.project.scenario import every_step
from hub.schema import Schema

TABLE = "audience_member"


def audiences(project: Project) -> tuple[str, ...]:
    """Name the audiences that the project's scenarios add people to."""
    steps = (step for scenario in project.scenarios.values() for step in every_step(scenario.steps))
    return tuple(sorted({step.add_to for step in steps if isinstance(step, AddTo)}))


def people_in(schema: Schema, audience: str, as_of: datetime) -> sa.Select[Any]:
    """Select the person_id of everybody who is in an audience as of a moment, each once."""
    member, record = schema.table(TABLE).alias(), schema.table("source_record").alias()
    now = sa.literal(as_of, sa.DateTime(timezone=True))
    return (
        sa.select(record.c.person_id)
        .join_from(member, record, record.c.record_id == member.c.record_id)
        .where(
            member.c.audience == audience,
            member.c.since <= now,
            sa.or_(member.c.until.is_(None), member.c.until > now),
            record.c.person_id.is_not(None),
        )
        .distinct()
    )


def moments(schema: Schema) -> tuple[sa.ColumnElement[datetime], ...]:
    """Give the columns that say when people enter and leave audiences by the clock alone."""
    member = schema.table(TABLE)
    return member.c.since, member.c.until


def in_audience(project: Project, person_id: sa.ColumnElement[int], as_of: datetime) -> ScopeFunction:
    """Make the function of that name for a scope."""
    known = audiences(project)

    def inside(audience: Any) -> Name:
        if audience not in known:
            near = suggest(str(audience), known) or f" Audiences: {', '.join(known) or 'none'}."
            raise ValueError(f"no scenario adds people to an audience '{audience}'.{near}")
        return Name(person_id.in_(people_in(project.schema, audience, as_of)), "boolean")

    return ScopeFunction(("audience",), inside, 0, "Whether the person is in an audience that scenarios fill.")
