"""What conditions about people may say: columns, traits, scores, consents(), member_of(), in_audience() and has()."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.errors import suggest
from hub.expressions import Name, RowsFunction, Scope, ScopeFunction
from hub.people.audiences import in_audience
from hub.people.having import Having, Rows, one_by_one
from hub.people.plan import TraitPlan
from hub.people.traits import SEES_ROWS, about_the_person, plan_traits
from hub.project import Project
from hub.project.packs import comes_with, no_segment
from hub.warehouse import Transaction

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


def person_scope(
    transaction: Transaction,
    project: Project,
    as_of: datetime,
    inside: Inside | None = None,
    having: Having | None = None,
) -> People:
    """Give everybody with their traits, and the scope of conditions about them.

    consents('email', 'marketing') is true for those whose newest valid statement as of the moment is a yes: it fails
    closed. A soft opt-in counts here; whether it allows a message is judged with the message.
    member_of('gold') asks the stored memberships, or `inside` where it is given. has('order_line', ...) asks the
    table, or `having` where it is given.
    """
    plan = plan_traits(project, as_of)
    relation = transaction.view("everybody", _relation(transaction.table("person"), plan))
    person_id = relation.c.person_id
    stated: dict[str, sa.FromClause] = {}

    def given(channel: str, purpose: str) -> sa.ColumnElement[bool]:
        if purpose not in stated:
            everybody = transaction.table("person")
            stated[purpose] = transaction.hold(
                f"consent_to_{purpose}",
                consent.in_effect(transaction, project.terms, everybody, purpose, as_of, soft_opt_in=True),
            )
        rows = stated[purpose]
        return person_id.in_(sa.select(rows.c.person_id).where(rows.c.channel == channel, rows.c.given))

    asks = _Asks(
        given,
        inside or _stored(transaction.table("membership"), person_id),
        having or one_by_one(transaction.table("source_record"), person_id),
    )
    return People(relation, _scope(project, as_of, plan, relation, asks))


def reading_scope(project: Project, as_of: datetime) -> People:
    """Give everybody as `person_scope` does, for one statement that reads and holds nothing on its way."""
    plan = plan_traits(project, as_of)
    schema = project.schema
    relation = _relation(schema.table("person"), plan).subquery("people")
    person_id = relation.c.person_id

    stated: dict[str, sa.FromClause] = {}

    def given(channel: str, purpose: str) -> sa.ColumnElement[bool]:
        if purpose not in stated:
            everybody = schema.table("person").alias()
            given_now = consent.in_effect(schema, project.terms, everybody, purpose, as_of, soft_opt_in=True)
            stated[purpose] = given_now.subquery()
        rows = stated[purpose]
        return person_id.in_(sa.select(rows.c.person_id).where(rows.c.channel == channel, rows.c.given))

    asks = _Asks(
        given,
        _stored(schema.table("membership"), person_id),
        one_by_one(schema.table("source_record"), person_id),
    )
    return People(relation, _scope(project, as_of, plan, relation, asks))


def trial_people(project: Project, as_of: datetime, plan: TraitPlan, missed: Collection[str] = ()) -> People:
    """Give everybody as conditions are checked about them, without a warehouse.

    Traits that are `missed`, for they are wrong themselves, are there too: what uses them is checked for the rest.
    """
    relation = _relation(project.schema.table("person"), plan).subquery("people")
    asks = _Asks(lambda channel, purpose: sa.true(), lambda name: sa.true(), lambda asked: sa.true())
    scope = _scope(project, as_of, plan, relation, asks)
    unknown = {name: Name(sa.null(), "null") for name in missed if name not in scope.names}
    return People(relation, replace(scope, names={**scope.names, **unknown}))


@dataclass(frozen=True)
class _Asks:
    """How the functions of a scope get their answers."""

    given: Given
    inside: Inside
    having: Having


def _stored(membership: sa.FromClause, person_id: sa.ColumnElement[int]) -> Inside:
    return lambda name: person_id.in_(sa.select(membership.c.person_id).where(membership.c.segment == name))


def _relation(person: sa.Table, plan: TraitPlan) -> sa.Select[Any]:
    trait = plan.table()
    own = [column for column in person.c if column.name not in trait.c]
    derived = [column for column in trait.c if column.name != "person_id"]
    return sa.select(person.c.person_id, *own, *derived).join_from(
        person, trait, trait.c.person_id == person.c.person_id
    )


def _scope(project: Project, as_of: datetime, plan: TraitPlan, relation: sa.FromClause, asks: _Asks) -> Scope:
    person = {column.name: column.type for column in project.schema["person"].columns}
    types = {**plan.types, **person}
    known = about_the_person(project)

    def elsewhere(name: str) -> str:
        in_segment = f" It is a segment: write member_of('{name}')." if name in project.segments else ""
        return in_segment or comes_with("trait", name)

    rows = Rows(project.schema, project.hub.timezone, as_of, lambda name: SEES_ROWS if name in known else "")
    return Scope(
        {name: Name(relation.c[name], type_) for name, type_ in types.items()},
        functions={
            **_functions(asks, project.segments),
            "in_audience": in_audience(project, relation.c.person_id, as_of),
            **rows.functions(asks.having),
        },
        timezone=project.hub.timezone,
        as_of=as_of,
        elsewhere=elsewhere,
    )


def _functions(asks: _Asks, segments: Mapping[str, Any]) -> dict[str, ScopeFunction | RowsFunction]:
    def consents(channel: Any, purpose: Any = "marketing") -> Name:
        for value, known, what in ((channel, consent.CHANNELS, "channel"), (purpose, PURPOSES, "purpose")):
            if value not in known:
                raise ValueError(
                    f"there is no {what} '{value}'.{suggest(str(value), known)} Known: {', '.join(known)}."
                )
        return Name(asks.given(channel, purpose), "boolean")

    def member_of(segment: Any) -> Name:
        if segment not in segments:
            raise ValueError(no_segment(str(segment), segments))
        return Name(asks.inside(segment), "boolean")

    return {
        "consents": ScopeFunction(
            ("channel", "purpose"), consents, 1, "Whether the person's newest statement is a yes."
        ),
        "member_of": ScopeFunction(("segment",), member_of, 0, "Whether the person is in a segment."),
    }
