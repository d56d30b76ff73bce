"""What conditions about people may say: columns of the person, traits, consents() and member_of()."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.errors import suggest
from hub.expressions import Name, Scope, ScopeFunction
from hub.people.traits import TraitPlan, plan_traits
from hub.project import Project
from hub.warehouse import Transaction

CHANNELS = ("email", "sms", "letter", "phone", "ads", "push")
PURPOSES = ("marketing", "service", "profiling")

Given = Callable[[str, str], sa.ColumnElement[bool]]
Inside = Callable[[str], sa.ColumnElement[bool]]


@dataclass(frozen=True)
class People:
    """Everybody, for conditions: `relation` has one row per person with all columns that `scope` names."""

    relation: sa.FromClause
    scope: Scope

    @property
    def person_id(self) -> sa.ColumnElement[int]:
        """Say who a row is about."""
        return self.relation.c.person_id


def person_scope(transaction: Transaction, project: Project, as_of: datetime, inside: Inside | None = None) -> People:
    """Give everybody with their traits, and the scope of conditions about them.

    consents('email', 'marketing') is true for those whose newest statement as of the moment is a yes: it fails closed.
    member_of('gold') asks the stored memberships, or `inside` where it is given.
    """
    plan = plan_traits(project, as_of)
    relation = _relation(transaction.table("person"), plan)
    person_id = relation.c.person_id
    stated: dict[str, sa.FromClause] = {}

    def given(channel: str, purpose: str) -> sa.ColumnElement[bool]:
        if purpose not in stated:
            everybody = transaction.table("person")
            stated[purpose] = transaction.hold(
                f"consent_to_{purpose}", consent.in_effect(transaction, everybody, purpose, as_of)
            )
        rows = stated[purpose]
        return person_id.in_(sa.select(rows.c.person_id).where(rows.c.channel == channel, rows.c.given))

    def stored(name: str) -> sa.ColumnElement[bool]:
        membership = transaction.table("membership")
        return person_id.in_(sa.select(membership.c.person_id).where(membership.c.segment == name))

    return People(relation, _scope(project, as_of, plan, relation, given, inside or stored))


def trial_scope(project: Project, as_of: datetime, plan: TraitPlan) -> Scope:
    """Give the scope that conditions are checked in, without a warehouse."""
    relation = _relation(project.schema.table("person"), plan)
    return _scope(project, as_of, plan, relation, lambda channel, purpose: sa.true(), lambda name: sa.true())


def _relation(person: sa.Table, plan: TraitPlan) -> sa.FromClause:
    trait = plan.table()
    own = [column for column in person.c if column.name not in trait.c]
    derived = [column for column in trait.c if column.name != "person_id"]
    return (
        sa.select(person.c.person_id, *own, *derived)
        .join_from(person, trait, trait.c.person_id == person.c.person_id)
        .subquery("people")
    )


def _scope(
    project: Project, as_of: datetime, plan: TraitPlan, relation: sa.FromClause, given: Given, inside: Inside
) -> Scope:
    person = {column.name: column.type for column in project.schema["person"].columns}
    types = {**plan.types, **person}
    return Scope(
        {name: Name(relation.c[name], type_) for name, type_ in types.items()},
        functions=_functions(given, inside, project.segments),
        timezone=project.hub.timezone,
        as_of=as_of,
    )


def _functions(given: Given, inside: Inside, segments: Mapping[str, Any]) -> dict[str, ScopeFunction]:
    def consents(channel: Any, purpose: Any = "marketing") -> Name:
        for value, known, what in ((channel, CHANNELS, "channel"), (purpose, PURPOSES, "purpose")):
            if value not in known:
                raise ValueError(
                    f"there is no {what} '{value}'.{suggest(str(value), known)} Known: {', '.join(known)}."
                )
        return Name(given(channel, purpose), "boolean")

    def member_of(segment: Any) -> Name:
        if segment not in segments:
            raise ValueError(f"there is no segment '{segment}'.{suggest(str(segment), segments)}")
        return Name(inside(segment), "boolean")

    return {
        "consents": ScopeFunction(
            ("channel", "purpose"), consents, 1, "Whether the person's newest statement is a yes."
        ),
        "member_of": ScopeFunction(("segment",), member_of, 0, "Whether the person is in a segment."),
    }
