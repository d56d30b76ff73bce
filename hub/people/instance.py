"""An instance: one person's way through a scenario, as conditions in its steps see it.

Beside everything about the person they may use what happened on this way: `entered_at`; `sent`, `delivered`, `opened`,
`clicked` and `bounced`, which are about the last message that it sent; `ordered`, an order since it was entered;
happened('type'), an activity or web event since then; and, where each row of a table has a way of its own, that row's
columns: `cart.status`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from hub.expressions import Name, Scope, ScopeFunction, compile_condition
from hub.people.built_in import BUILT_IN
from hub.people.facts import facts
from hub.people.scope import People
from hub.project import Project
from hub.project.scenario import Scenario
from hub.warehouse import Transaction

EVENT_TABLES = ("activity", "web_event")
"""Where an event is looked for by its type."""

REACTIONS: Mapping[str, tuple[str, ...]] = {
    "delivered": ("delivered", "opened", "clicked"),
    "opened": ("opened", "clicked"),
    "clicked": ("clicked",),
}
"""Which events of a message tell of a reaction: who clicked has opened, whether or not pictures were loaded."""


def tells(event: sa.FromClause, reaction: str) -> sa.ColumnElement[bool]:
    """Say whether an event of a message tells of a reaction. What a machine opened has arrived, and nobody read it."""
    of_type = event.c.type.in_(REACTIONS[reaction])
    if reaction == "delivered":
        return of_type
    return sa.and_(of_type, sa.not_(sa.func.coalesce(event.c.machine, sa.false(), type_=sa.Boolean())))


@dataclass(frozen=True)
class Instances:
    """Instances beside their people: one row per instance with all that `scope` names."""

    relation: sa.FromClause
    scope: Scope
    enrolment: sa.Table
    person_id: sa.ColumnElement[int]
    row_is_gone: sa.ColumnElement[bool]
    """Whether the row whose way it is, such as a cart, is no longer there; what stops it can't be asked then."""

    def interrupted(self, scenario: Scenario) -> sa.ColumnElement[bool]:
        """Say whether `stop_when` holds, or the row whose way it is has gone."""
        return sa.or_(compile_condition(scenario.stop_when, self.scope).element, self.row_is_gone)


def instances(project: Project, people: People, scenario: Scenario, as_of: datetime) -> Instances:
    """Give all instances of a scenario; filter them by columns of `enrolment`."""
    enrolment, record = project.schema.table("enrolment"), project.schema.table("source_record")
    relation = people.relation.join(record, record.c.person_id == people.person_id).join(
        enrolment, enrolment.c.record_id == record.c.record_id
    )
    row = row_of(project, scenario)
    if row is not None:
        relation = relation.outerjoin(row.rows, row.key == enrolment.c.row_key)
    scope = instance_scope(project, people.scope, scenario, as_of, row)
    is_gone = row.key.is_(None) if row is not None else sa.false()
    return Instances(relation, scope, enrolment, people.person_id, is_gone)


@dataclass(frozen=True)
class Row:
    """The rows of the table whose rows have a way of their own: their key as instances keep it, and their columns."""

    rows: sa.FromClause
    key: sa.ColumnElement[str]
    names: Mapping[str, Name]


def row_of(project: Project, scenario: Scenario) -> Row | None:
    """Describe that table; None where people have the way."""
    if scenario.table is None:
        return None
    found = facts(project.schema, scenario.table)
    names = {f"{scenario.table}.{column.name}": found.names[column.name] for column in found.table.all_columns}
    return Row(found.rows, found.rows.c.connection + ":" + found.rows.c.source_key, names)


def instance_scope(project: Project, people: Scope, scenario: Scenario, as_of: datetime, row: Row | None) -> Scope:
    """Give the scope of conditions and values in a scenario's steps, and of `stop_when`; `row` as `row_of` gives it."""
    enrolment = project.schema.table("enrolment")
    told = _Told(project, scenario, as_of)
    names = {
        **people.names,
        **(row.names if row is not None else {}),
        "entered_at": Name(enrolment.c.entered_at, "timestamp"),
        "sent": Name(enrolment.c.message_id.is_not(None), "boolean"),
        "bounced": Name(told.bounced(), "boolean"),
        "ordered": Name(told.ordered(), "boolean"),
        **{name: Name(told.reacted(name), "boolean") for name in REACTIONS},
    }
    happened = ScopeFunction(
        ("type",), told.happened, 0, "Whether an activity or web event of this type happened since the entry."
    )
    return replace(people, names=names, functions={**people.functions, "happened": happened})


@dataclass(frozen=True)
class _Told:
    """What happened on the way: each a condition on an instance by a set of instances, joined once."""

    project: Project
    scenario: Scenario
    as_of: datetime

    def reacted(self, reaction: str) -> sa.ColumnElement[bool]:
        event = self.project.schema.table("message_event").alias()
        return self._among(
            lambda mine: (
                sa.select(mine.c.enrolment_id)
                .join(event, event.c.message_key == mine.c.message_id)
                .where(tells(event, reaction), sa.func.coalesce(event.c.at, self._now) <= self._now)
            )
        )

    def bounced(self) -> sa.ColumnElement[bool]:
        decision = self.project.schema.table("decision").alias()
        return self._among(
            lambda mine: (
                sa.select(mine.c.enrolment_id)
                .join(decision, decision.c.decision_id == mine.c.message_id)
                .where(decision.c.failed.in_(["bounced", "rejected"]))
            )
        )

    def ordered(self) -> sa.ColumnElement[bool]:
        orders = facts(self.project.schema, "sales_order")
        counting = compile_condition(BUILT_IN["order_count"].where or "true", Scope(orders.names)).element
        return self._among(lambda mine: self._since_entry(mine, orders.rows, "ordered_at", counting))

    def happened(self, type_: Any) -> Name:
        return Name(sa.or_(*(self._happened_in(name, str(type_)) for name in EVENT_TABLES)), "boolean")

    def _happened_in(self, table: str, type_: str) -> sa.ColumnElement[bool]:
        event = self.project.schema.table(table).alias()
        return self._among(lambda mine: self._since_entry(mine, event, "at", event.c.type == type_))

    def _since_entry(
        self, mine: sa.FromClause, rows: sa.FromClause, time: str, condition: sa.ColumnElement[bool]
    ) -> sa.Select:
        """Give the instances whose person has such a row after the entry."""
        record = self.project.schema.table("source_record")
        own, other = record.alias(), record.alias()
        return (
            sa.select(mine.c.enrolment_id)
            .join(own, own.c.record_id == mine.c.record_id)
            .join(other, other.c.person_id == own.c.person_id)
            .join(rows, rows.c.record_id == other.c.record_id)
            .where(rows.c[time] > mine.c.entered_at, rows.c[time] <= self._now, condition)
        )

    def _among(self, query: Callable[[sa.FromClause], sa.Select]) -> sa.ColumnElement[bool]:
        enrolment = self.project.schema.table("enrolment")
        mine = enrolment.alias()
        return enrolment.c.enrolment_id.in_(query(mine).where(mine.c.scenario == self.scenario.scenario))

    @property
    def _now(self) -> sa.ColumnElement[datetime]:
        return sa.literal(self.as_of, sa.DateTime(timezone=True))


def versions_of(transaction: Transaction, scenario: str) -> dict[str, Scenario]:
    """Give the versions of a scenario that somebody entered, by their fingerprint, as they were written."""
    version = transaction.table("scenario_version")
    kept = transaction.rows(sa.select(version.c.version, version.c.form).where(version.c.scenario == scenario))
    return {row.version: form for row in kept if (form := _read(row.form)) is not None}


def _read(form: str) -> Scenario | None:
    """Read a kept form; None where this hub does not know that form any more."""
    try:
        return Scenario.model_validate_json(form)
    except ValidationError:
        return None
