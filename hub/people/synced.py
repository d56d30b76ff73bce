"""What a sync is about: its rows, and what expressions about them may say.

Where each row is a person: columns of the person, traits, scores, consents(), member_of() and has(). Where it is a row
of a table: its own columns, those of rows that it refers to, and, where it belongs to a person, the same with
`person.` before the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.expressions import Name, Scope, compile_condition
from hub.people.facts import Facts, facts
from hub.people.scope import People
from hub.project import Project
from hub.project.sync import PERSON, Sync
from hub.schema import Schema
from hub.warehouse.warehouse import Transaction

Tables = Transaction | Schema
"""Whatever gives the stored tables by their names."""


@dataclass(frozen=True)
class Synced:
    """The rows that a sync may be about, of which those are to go that are `inside`.

    `relation` gives them, joined to what the used names refer to; `identity` tells them apart; `person_id` says whose
    they are, and `held` whether the destination's own system brought them: both None where they belong to nobody.
    """

    scope: Scope
    identity: tuple[sa.ColumnElement[Any], ...]
    inside: sa.ColumnElement[bool]
    relation: Callable[[Iterable[str]], sa.FromClause]
    used: frozenset[str]
    """The names that `inside` uses."""
    person_id: sa.ColumnElement[int] | None = None
    held: sa.ColumnElement[bool] | None = None


def synced(tables: Tables, project: Project, everybody: People, sync: Sync, as_of: datetime) -> Synced:
    """Describe the rows of a sync. Raises ExpressionError where its `where` is wrong."""
    if sync.of_people:
        return _people(tables, everybody, sync)
    return _rows(tables, project, everybody, sync, as_of)


def scope_of(project: Project, everybody: People, sync: Sync, as_of: datetime) -> Scope:
    """Give what the expressions of a sync may use."""
    if sync.of_people:
        return everybody.scope
    return _scope(project, everybody, facts(project.schema, str(sync.from_.table)), as_of)


def _people(tables: Tables, everybody: People, sync: Sync) -> Synced:
    person_id = everybody.person_id
    used: frozenset[str] = frozenset()
    inside: sa.ColumnElement[bool] = sa.true()
    if sync.from_.segment is not None:
        membership = tables.table("membership")
        inside = person_id.in_(sa.select(membership.c.person_id).where(membership.c.segment == sync.from_.segment))
    elif sync.from_.where is not None:
        compiled = compile_condition(sync.from_.where, everybody.scope)
        inside, used = sa.func.coalesce(compiled.element, sa.false(), type_=sa.Boolean()), compiled.names
    record = tables.table("source_record")
    brought = sa.select(record.c.person_id).where(
        record.c.connection == sync.to.connection, record.c.person_id.is_not(None)
    )
    return Synced(
        everybody.scope,
        (person_id,),
        inside,
        lambda _: everybody.relation,
        used,
        person_id,
        person_id.in_(brought),
    )


def _rows(tables: Tables, project: Project, everybody: People, sync: Sync, as_of: datetime) -> Synced:
    of = facts(project.schema, str(sync.from_.table))
    scope = _scope(project, everybody, of, as_of)
    condition = compile_condition(sync.from_.where or "true", scope)
    inside = sa.func.coalesce(condition.element, sa.false(), type_=sa.Boolean())
    identity = tuple(of.rows.c[name] for name in of.table.key)
    if not of.table.personal:
        return Synced(scope, identity, inside, of.relation, condition.names)
    record = tables.table("source_record").alias("whose")
    own = of.table.name == "source_record"
    person_id = of.rows.c.person_id if own else record.c.person_id

    def relation(used: Iterable[str]) -> sa.FromClause:
        names = [name for name in used if not name.startswith(f"{PERSON}.")]
        found = of.relation(names)
        if not own:
            found = found.outerjoin(record, record.c.record_id == of.rows.c.record_id)
        return found.outerjoin(everybody.relation, everybody.person_id == person_id)

    held = of.rows.c.connection == sync.to.connection
    return Synced(scope, identity, inside, relation, condition.names, person_id, held)


def _scope(project: Project, everybody: People, of: Facts, as_of: datetime) -> Scope:
    """Give the names of a row. One that belongs to nobody does not reach people through what it refers to."""
    schema = project.schema
    names = {
        name: it
        for name, it in of.names.items()
        if of.table.personal or "." not in name or not schema[name.partition(".")[0]].personal
    }
    functions = {}

    def elsewhere(name: str) -> str:
        of_person = of.table.personal and name.startswith(f"{PERSON}.")
        return everybody.scope.elsewhere(name.removeprefix(f"{PERSON}.")) if of_person else ""

    if of.table.personal:
        names |= {f"{PERSON}.{name}": Name(it.element, it.type) for name, it in everybody.scope.names.items()}
        functions = dict(everybody.scope.functions)
    return Scope(names, functions=functions, timezone=project.hub.timezone, as_of=as_of, elsewhere=elsewhere)
