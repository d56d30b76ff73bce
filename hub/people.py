"""People as expressions see them: the golden record, traits, consents() and member_of()."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub import consent
from hub.expressions import Name, Scope, ScopeFunction
from hub.project import Project
from hub.warehouse import Transaction


@dataclass(frozen=True)
class People:
    """Everybody, and what an expression may use of them: `scope` compiles, `source` is what to select from."""

    source: sa.FromClause
    person: sa.FromClause
    scope: Scope

    def column(self, name: str) -> sa.ColumnElement:
        """Return a column of the golden record."""
        return self.person.c[name]


def people(transaction: Transaction, project: Project, as_of: datetime, **names: Name) -> People:
    """Give everybody as of a moment. `names` adds values that hold in one place only, such as entered_at."""
    person = transaction.table("person")
    known = {c.name: Name(person.c[c.name], c.type) for c in transaction.schema["person"].all_columns}

    def consents(channel: str, purpose: str) -> Name:
        given = consent.in_effect(transaction, person, purpose, as_of).subquery()
        found = sa.select(given.c.person_id).where(given.c.channel == channel, given.c.given)
        return Name(person.c.person_id.in_(found), "boolean")

    functions = {"consents": ScopeFunction(("channel", "purpose"), consents)}
    scope = Scope({**known, **names}, functions, timezone=project.hub.timezone, as_of=as_of)
    return People(person, person, scope)


def table_scope(transaction: Transaction, project: Project, table: str, as_of: datetime) -> Scope:
    """Give what a condition over the rows of one table may use: its columns."""
    stored = transaction.table(table)
    names = {c.name: Name(stored.c[c.name], c.type) for c in transaction.schema[table].all_columns}
    return Scope(names, timezone=project.hub.timezone, as_of=as_of)
