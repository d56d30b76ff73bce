"""Carry: where facts stay as they are and only time goes on, most people keep the traits of the run before.

Somebody's trait differs only if one of their rows has happened since then, or has left its window. Those people are
computed again, and those who had no traits yet; all others keep theirs. What goes by the moment itself (`as_of` in an
expression, a half-life), and what is computed from rows that scenarios write, is computed for everybody.

The rows are read from a copy that is narrowed to what traits use, with their person: made once, since they stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.people.facts import PersonFacts
from hub.people.plan import DECAYED, FactTrait, TraitPlan
from hub.people.traits import plan_traits
from hub.people.window import Window
from hub.project import Project
from hub.schema.actions import FILLED_BY_DECIDE
from hub.schema.shape import STORE
from hub.stages.enrich.aggregate import Aggregates, aggregates, aggregates_of
from hub.warehouse import Transaction

LAST = datetime(9999, 1, 1, tzinfo=UTC)
"""A moment after every row, in any time zone."""


def of_touched(transaction: Transaction, project: Project, plan: TraitPlan, as_of: datetime) -> Aggregates:
    """Compute the aggregates that may have changed since the run before, if facts have stayed as they were."""
    state = transaction.table("stage_state")
    before = transaction.scalar(sa.select(state.c["at"]).where(state.c.stage == "enrich"))
    if before is None or before > as_of or not transaction.exists("trait", stored=True):
        return Aggregates(aggregates(transaction, project, plan.of_facts, as_of))
    earlier = {trait.name: trait for trait in plan_traits(project, before).of_facts}
    carried = [trait for trait in plan.of_facts if _can_be_carried(transaction, trait, earlier.get(trait.name))]
    rest = [trait for trait in plan.of_facts if trait not in carried]
    found = aggregates(transaction, project, rest, as_of)
    touched: dict[str, sa.FromClause] = {}
    for table in dict.fromkeys(trait.facts.table.name for trait in carried):
        mine = [trait for trait in carried if trait.facts.table.name == table]
        going_on = _GoingOn(transaction, project, plan, mine[0].facts, before, as_of)
        who = going_on.touched(mine)
        found |= aggregates_of(transaction, project, mine, as_of, going_on.rows_of(who), f"{table}_touched")
        touched |= {trait.name: who for trait in mine}
    return Aggregates(found, touched, (plan.table(),) if touched else ())


def _can_be_carried(transaction: Transaction, trait: FactTrait, earlier: FactTrait | None) -> bool:
    """Say whether a trait is kept as it is, and means the same at both moments but for its window."""
    read = {trait.facts.table.name, *(name.partition(".")[0] for name in trait.used if "." in name)}
    if earlier is None or "." in trait.name or trait.way == DECAYED or read & FILLED_BY_DECIDE:
        return False
    return list(_written(transaction, trait)) == list(_written(transaction, earlier))


def _written(transaction: Transaction, trait: FactTrait) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Write what a trait computes as SQL, with the values in it: what goes by the moment has the moment in it."""
    given = [it.element for it in (trait.value, trait.weight) if it is not None]
    for element in (*given, *trait.where):
        compiled = element.compile(dialect=transaction.connection.dialect, compile_kwargs={"render_postcompile": True})
        yield str(compiled), compiled.params


@dataclass(frozen=True)
class _GoingOn:
    """The rows of one table, while time goes on from one moment to another."""

    transaction: Transaction
    project: Project
    plan: TraitPlan
    facts: PersonFacts
    before: datetime
    as_of: datetime

    def touched(self, traits: Sequence[FactTrait]) -> sa.TableClause:
        """Hold the people for whom a row has happened or has left a window, or who had no traits: person_id."""
        person, known = self.transaction.table("person"), self.plan.table()
        moved = [self._has_left(*window) for window in {trait.window for trait in traits if trait.window is not None}]
        if self._time is not None:
            since, until = self._until(self.before), self._until(self.as_of)
            moved.append(sa.and_(self._time > since, self._time <= until))
        fresh = sa.select(person.c.person_id).where(person.c.person_id.not_in(sa.select(known.c.person_id)))
        theirs = sa.select(self._rows.c.person_id).where(sa.or_(sa.false(), *moved))
        return self.transaction.hold(f"touched_by_{self.facts.table.name}", sa.union(fresh, theirs))

    def rows_of(self, who: sa.TableClause) -> sa.Select[Any]:
        """Select the rows of some people that have happened by now."""
        rows = sa.select(self._rows).where(self._rows.c.person_id.in_(sa.select(who.c.person_id)))
        if self._time is None:
            return rows
        return rows.where(sa.or_(self._time.is_(None), self._time <= self._until(self.as_of)))

    @cached_property
    def _rows(self) -> sa.TableClause:
        """Give all rows of the table, those that are still to happen too, narrowed to what traits use of them."""
        name = f"rows_of_{self.facts.table.name}"
        used = {it for trait in self.plan.of_facts if trait.facts is self.facts for it in trait.used}
        query = self.facts.select(self.transaction.table("source_record"), used, self._until(LAST))
        if not self.transaction.exists(name, stored=True):
            self.transaction.replace(name, query)
        columns = [sa.column(column.name, column.type) for column in query.selected_columns]
        return sa.table(name, *columns, schema=STORE)

    @property
    def _time(self) -> sa.ColumnElement[Any] | None:
        return self._rows.c[self.facts.table.time] if self.facts.table.time is not None else None

    def _until(self, moment: datetime) -> datetime | date:
        return self.facts.until(moment, self.project.hub.timezone)

    def _has_left(self, window: Window, column: str) -> sa.ColumnElement[bool]:
        """Say which rows were in a window before, and are so no more."""
        timezone, type_ = self.project.hub.timezone, self.facts.names[column].type
        was, is_ = (
            window.reaches(self._rows.c[column], type_, moment.astimezone(ZoneInfo(timezone)).date(), timezone)
            for moment in (self.before, self.as_of)
        )
        return sa.and_(was, sa.not_(is_))
