"""Carry: most people keep the traits of the run before, and only those whom something touches are computed again.

Somebody's trait differs only if one of their rows is another one (`hub.warehouse.changes`), has happened since then, or
has left its window. Those people are computed again, and those who had no traits yet; all others keep theirs. What
goes by the moment itself (`as_of` in an expression, a half-life), and what is computed from rows that others than
mappings write, is computed for everybody; so is a table of which every second person is touched.

In a simulation facts stay as they are: there, rows are read from a copy that is narrowed to what traits use, with
their person, made once.
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
from hub.schema.shape import STORE
from hub.stages.enrich.aggregate import Aggregates, aggregates, aggregates_of
from hub.warehouse import Transaction
from hub.warehouse.changes import UNNOTED, people_noted

LAST = datetime(9999, 1, 1, tzinfo=UTC)
"""A moment after every row, in any time zone."""

MANY = 2
"""Where one person in so many is touched, everybody is computed: picking people's rows costs more than taking all."""


def of_touched(
    transaction: Transaction, project: Project, plan: TraitPlan, as_of: datetime, facts_stay: bool
) -> Aggregates:
    """Compute the aggregates that may have changed since the run before, which had the same plan.

    `facts_stay`: no row was written since; else all that were are noted.
    """
    state = transaction.table("stage_state")
    before = transaction.scalar(sa.select(state.c["at"]).where(state.c.stage == "enrich"))
    if before is None or before > as_of or not transaction.exists("trait", stored=True):
        return Aggregates(aggregates(transaction, project, plan.of_facts, as_of))
    earlier = {trait.name: trait for trait in plan_traits(project, before).of_facts}
    carried = [trait for trait in plan.of_facts if _can_be_carried(transaction, trait, earlier.get(trait.name))]
    going_on: dict[str, tuple[_GoingOn, list[FactTrait], sa.TableClause]] = {}
    for table in dict.fromkeys(trait.facts.table.name for trait in carried):
        mine = [trait for trait in carried if trait.facts.table.name == table]
        one = _GoingOn(transaction, project, plan, mine[0].facts, before, as_of, facts_stay)
        who = one.touched(mine)
        if facts_stay or transaction.count(who) * MANY < transaction.count(plan.table()):
            going_on[table] = (one, mine, who)
    kept = {trait.name for _, mine, _ in going_on.values() for trait in mine}
    found = aggregates(transaction, project, [trait for trait in plan.of_facts if trait.name not in kept], as_of)
    touched: dict[str, sa.FromClause] = {}
    for table, (one, mine, who) in going_on.items():
        found |= aggregates_of(transaction, project, mine, as_of, one.rows_of(who, mine), f"{table}_touched")
        touched |= {trait.name: who for trait in mine}
    return Aggregates(found, touched, (plan.table(),) if touched else ())


def _can_be_carried(transaction: Transaction, trait: FactTrait, earlier: FactTrait | None) -> bool:
    """Say whether a trait is kept as it is, and means the same at both moments but for its window."""
    columns = {name.rpartition(".")[2] for name in trait.used}
    read = {trait.facts.table.name, *(name.partition(".")[0] for name in trait.used if "." in name)}
    # a load package that brings a row once more, with the same in it, is not noted
    if earlier is None or "." in trait.name or trait.way == DECAYED or read & UNNOTED or "load_id" in columns:
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
    stay: bool

    def touched(self, traits: Sequence[FactTrait]) -> sa.TableClause:
        """Hold whom to compute again: person_id of those for whom a row is new, differs, has happened or has left a
        window, or who had no traits.
        """
        person, known = self.transaction.table("person"), self.plan.table()
        windows = {trait.window for trait in traits if trait.window is not None}
        through = [] if self.stay else [*self._through(traits)]
        rows = self._copy if self.stay else self._rows({*(column for _, column in windows), *dict(through)})
        moved = [self._has_left(rows, *window) for window in windows]
        time = self._time(rows)
        if time is not None:
            moved.append(sa.and_(time > self._until(self.before), time <= self._until(self.as_of)))
        parts: list[Any] = [
            sa.select(person.c.person_id).where(person.c.person_id.not_in(sa.select(known.c.person_id))),
            sa.select(rows.c.person_id).where(sa.or_(sa.false(), *moved)),
        ]
        if not self.stay:
            parts.append(sa.select(people_noted(self.transaction, self._name, rows, through).subquery()))
        return self.transaction.hold(f"touched_by_{self._name}", sa.union(*parts))

    def rows_of(self, who: sa.TableClause, traits: Sequence[FactTrait]) -> sa.Select[Any]:
        """Select the rows of some people that have happened by now."""
        if self.stay:
            rows = sa.select(self._copy).where(self._copy.c.person_id.in_(sa.select(who.c.person_id)))
            time = self._time(self._copy)
            return rows if time is None else rows.where(sa.or_(time.is_(None), time <= self._until(self.as_of)))
        record = self.transaction.table("source_record")
        theirs = self.transaction.hold(
            f"records_touched_by_{self._name}",
            sa.select(record.c.record_id, record.c.person_id).where(record.c.person_id.in_(sa.select(who.c.person_id))),
        )
        used = {it for trait in traits for it in trait.used}
        return self.facts.select(theirs, used, self._until(self.as_of))

    @property
    def _name(self) -> str:
        return self.facts.table.name

    @cached_property
    def _copy(self) -> sa.TableClause:
        """Give all rows of the table, those that are still to happen too, narrowed to what traits use of them."""
        name = f"rows_of_{self._name}"
        used = {it for trait in self.plan.of_facts if trait.facts is self.facts for it in trait.used}
        query = self.facts.select(self.transaction.table("source_record"), used, self._until(LAST))
        if not self.transaction.exists(name, stored=True):
            self.transaction.replace(name, query)
        columns = [sa.column(column.name, column.type) for column in query.selected_columns]
        return sa.table(name, *columns, schema=STORE)

    def _rows(self, used: set[str]) -> sa.FromClause:
        """Give all rows as they are, with the columns that are used."""
        query = self.facts.select(self.transaction.table("source_record"), {*used, "connection"}, self._until(LAST))
        return query.subquery(f"rows_of_{self._name}")

    def _through(self, traits: Sequence[FactTrait]) -> Iterator[tuple[str, str]]:
        """Give the columns by which traits read other tables, and those tables."""
        read = {name.partition(".")[0] for trait in traits for name in trait.used if "." in name}
        for target in sorted(read):
            yield next(it.name for it in self.facts.table.all_columns if it.references == target), target

    def _time(self, rows: sa.FromClause) -> sa.ColumnElement[Any] | None:
        return rows.c[self.facts.table.time] if self.facts.table.time is not None else None

    def _until(self, moment: datetime) -> datetime | date:
        return self.facts.until(moment, self.project.hub.timezone)

    def _has_left(self, rows: sa.FromClause, window: Window, column: str) -> sa.ColumnElement[bool]:
        """Say which rows were in a window before, and are so no more."""
        timezone, type_ = self.project.hub.timezone, self.facts.names[column].type
        was, is_ = (
            window.reaches(rows.c[column], type_, moment.astimezone(ZoneInfo(timezone)).date(), timezone)
            for moment in (self.before, self.as_of)
        )
        return sa.and_(was, sa.not_(is_))
