"""The scratch space: a warehouse and a ledger of its own, in a temporary folder, with what was known at the start.

Rows come from the published warehouse in sets, never from files that a run is writing. The project's own stores are
only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.ledger import Ledger, Suppression, open_ledger, reading_ledger
from hub.people.needed import needed
from hub.people.traits import plan_traits
from hub.project import Project
from hub.schema import Table
from hub.schema.actions import FILLED_BY_DECIDE
from hub.stages.decide.channels import PHONE_KIND
from hub.warehouse import Transaction, Warehouse, open_warehouse
from hub.warehouse.reading import columns_of, reading
from hub.warehouse.state import fingerprint, remember

EARLIER = "before the simulation"
"""In place of the version of ways that were entered before."""
UNDER_WAY = "was under way before the simulation"
HISTORY = ("person", "household", "company", "enrolment", "decision", "recommendation", "lookup_value")
"""Tables that stages wrote, and that the simulation takes over as they were at its start."""
NOT_NEEDED = frozenset({"address", "content"})
"""Columns of decisions that nothing asks for after the message has gone."""


@dataclass(frozen=True)
class Scratch:
    """A project on stores of its own. `everybody` is the number of people in the project, `people` in here."""

    project: Project
    warehouse: Warehouse
    ledger: Ledger
    suppressions: tuple[Suppression, ...]
    newcomers: sa.Table
    people: int
    everybody: int

    def reach(self, as_of: datetime) -> None:
        """Let in what has become known by a moment: people, and addresses that are not written to any more."""
        columns = [column for column in self.newcomers.c if column.name != "known_at"]
        with self.warehouse.begin() as transaction:
            known = self.newcomers.c.known_at <= as_of
            came = sa.select(*columns).where(known)
            names = [column.name for column in columns]
            person = transaction.table("person")
            if transaction.execute(sa.insert(person).from_select(names, came)).rowcount:
                transaction.execute(sa.delete(self.newcomers).where(known))
                remember(transaction, "resolve", fingerprint("simulated", as_of), as_of)
        self.ledger.suppressions.add([entry for entry in self.suppressions if entry.at <= as_of])


@contextmanager
def scratch(project: Project, start: datetime, end: datetime, people: int | None = None) -> Iterator[Scratch]:
    """Open a scratch space with the project as it was known at `start`, and its facts until `end`.

    With `people`, a sample of so many: always the same ones. Raises ConfigurationError when nothing is published yet.
    """
    with _stores(project) as (own, warehouse, ledger):
        with reading(project.hub.engine, project.schema, project.state) as published:
            everybody = published.count(published.table("person"))
            who = _sample(published, people) if people is not None else None
            with warehouse.begin() as transaction:
                _copy(_Source(published, start, end, who), transaction, HISTORY)
                _end_under_way(transaction, start)
                newcomers = _hold_back_newcomers(transaction, project, start)
        number = everybody if people is None else min(people, everybody)
        yield Scratch(needed(own), warehouse, ledger, _suppressions(project), newcomers, number, everybody)


@contextmanager
def scratch_of_one(project: Project, person_id: int, as_of: datetime) -> Iterator[tuple[Project, Warehouse, Ledger]]:
    """Open a scratch space with one person as the last run left them, and what happened until a moment.

    Raises ConfigurationError when nothing is published yet, or when traits were added since.
    """
    with _stores(project) as (own, warehouse, ledger):
        ledger.suppressions.add(_suppressions(project))
        with reading(project.hub.engine, project.schema, project.state) as published, warehouse.begin() as transaction:
            who = sa.select(sa.literal(person_id))
            source = _Source(published, as_of + timedelta(microseconds=1), as_of, who)
            _copy(source, transaction, (*HISTORY, "membership"))
            trait = plan_traits(project, as_of).table()
            missing = sorted({column.name for column in trait.c} - columns_of(published, trait.name))
            if missing:
                raise ConfigurationError(f"not computed yet: {', '.join(missing)}. Run `hub run build` first")
            rows = published.arrow(sa.select(*trait.c).where(trait.c.person_id == person_id))
            transaction.replace("trait", sa.select(transaction.load("copied", rows)))
        yield own, warehouse, ledger


@contextmanager
def _stores(project: Project) -> Iterator[tuple[Project, Warehouse, Ledger]]:
    """Open empty stores, and give the project as if they were its own."""
    with TemporaryDirectory(prefix="hub-simulation-") as folder:
        warehouse = open_warehouse("duckdb", project.schema, Path(folder))
        ledger = open_ledger("sqlite", Path(folder))
        try:
            hub = project.hub.model_copy(update={"engine": "duckdb", "ledger": "sqlite"})
            yield replace(project, hub=hub), warehouse, ledger
        finally:
            ledger.close()
            warehouse.close()


def _suppressions(project: Project) -> tuple[Suppression, ...]:
    """Give what the ledger knows as suppressed."""
    with reading_ledger(project.hub.ledger, project.state) as ledger:
        known = ledger.suppressions.everything() if ledger is not None else {}
    return tuple(entry for entries in known.values() for entry in entries)


@dataclass(frozen=True)
class _Source:
    """What is taken of a published warehouse."""

    published: Transaction
    start: datetime
    end: datetime
    who: sa.Select[Any] | None
    """The people whose rows are taken; None for everybody."""

    def rows(self, table: Table) -> sa.Select[Any] | None:
        """Select what a table gives; None where it does not exist yet."""
        stored = self.published.table(table.name)
        there = columns_of(self.published, table.name)
        left_out = NOT_NEEDED if table.name == "decision" else frozenset()
        columns = [column for column in stored.c if column.name in there - left_out]
        if not columns:
            return None
        return sa.select(*columns).where(*self._conditions(table, stored))

    def _conditions(self, table: Table, stored: sa.Table) -> Iterator[sa.ColumnElement[bool]]:
        if self.who is not None and "person_id" in stored.c:
            yield stored.c.person_id.in_(self.who)
        elif self.who is not None and "record_id" in stored.c:
            record = self.published.table("source_record")
            yield stored.c.record_id.in_(sa.select(record.c.record_id).where(record.c.person_id.in_(self.who)))
        if table.name == "lookup_value":
            yield stored.c.function == PHONE_KIND
        if table.name == "enrolment":
            yield stored.c.entered_at < self.start
        if table.name == "decision":
            yield stored.c["at"] < self.start
        if table.name in FILLED_BY_DECIDE:
            yield sa.or_(stored.c.scenario.is_(None), stored.c[table.time or ""] < self.start)
        # a withdrawal counts from a day before its own moment: consent is told apart by its time later
        if table.time is not None and table.name != "consent":
            time = stored.c[table.time]
            until: Any = self.end if isinstance(time.type, sa.DateTime) else self.end.date()
            yield sa.or_(time.is_(None), time <= until)


def _sample(published: Transaction, people: int) -> sa.Select[Any]:
    person = published.table("person")
    drawn = sa.func.md5(sa.literal("simulation|") + person.c.record_id)
    return sa.select(person.c.person_id).order_by(drawn, person.c.person_id).limit(people)


def _copy(source: _Source, transaction: Transaction, derived: Sequence[str]) -> None:
    for table in transaction.schema:
        if not table.mapped and table.name not in derived:
            continue
        rows = source.rows(table)
        if rows is None:
            continue
        incoming = transaction.load("copied", source.published.arrow(rows))
        names = [column.name for column in incoming.c]
        transaction.execute(sa.insert(transaction.table(table.name)).from_select(names, sa.select(incoming)))
    transaction.execute(sa.text("DROP TABLE IF EXISTS copied"))


def _end_under_way(transaction: Transaction, start: datetime) -> None:
    """End the ways that were not over at the start: at which step they were then is not known any more."""
    enrolment = transaction.table("enrolment")
    was_over = sa.and_(enrolment.c.status != "active", enrolment.c.ended_at < start)
    transaction.execute(
        sa.update(enrolment)
        .where(sa.not_(sa.func.coalesce(was_over, sa.false())), enrolment.c.status != "control")
        .values(status="stopped", reason=UNDER_WAY, due_at=None, ended_at=start)
    )
    transaction.execute(sa.update(enrolment).values(version=EARLIER))


def _hold_back_newcomers(transaction: Transaction, project: Project, start: datetime) -> sa.Table:
    """Take people out who were not known yet: their first dated fact, or else their records, came after the start."""
    person, record = transaction.table("person"), transaction.table("source_record")
    columns = [sa.Column(column.name, column.type) for column in person.c]
    moment = sa.DateTime(timezone=True)
    newcomers = sa.Table("newcomer", sa.MetaData(), *columns, sa.Column("known_at", moment))
    newcomers.create(transaction.connection)
    dated = [
        sa.select(stored.c.record_id, sa.cast(stored.c[table.time], moment).label("at"))
        for table in project.schema.mapped
        if table.personal and table.time is not None and (stored := transaction.table(table.name)) is not None
    ]
    facts = sa.union_all(*dated).subquery("facts")
    first = (
        sa.select(
            record.c.person_id,
            sa.func.coalesce(sa.func.min(facts.c.at), sa.func.min(record.c.source_time)).label("known_at"),
        )
        .join_from(record, facts, facts.c.record_id == record.c.record_id, isouter=True)
        .group_by(record.c.person_id)
        .subquery("first")
    )
    late = (
        sa.select(*person.c, first.c.known_at)
        .join_from(person, first, first.c.person_id == person.c.person_id)
        .where(first.c.known_at > start)
    )
    names = [column.name for column in newcomers.c]
    transaction.execute(sa.insert(newcomers).from_select(names, late))
    transaction.execute(sa.delete(person).where(person.c.person_id.in_(sa.select(newcomers.c.person_id))))
    return newcomers
