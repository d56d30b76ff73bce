"""Map what is new of one connection, in the transaction that makes it true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.contracts import Function, Notation
from hub.errors import ConfigurationError, InternalError, Problem
from hub.expressions import Scope
from hub.lake import Load
from hub.people.coming_back import Return, returns_to
from hub.project import Project
from hub.project.project import MappedTable
from hub.registry import Registry
from hub.stages.map import groups as planning
from hub.stages.map import quarantine, store
from hub.stages.map.citizen_numbers import KEY_REASON, leave_out
from hub.stages.map.echoes import came_back, put_back
from hub.stages.map.groups import Group, Seen, Task
from hub.stages.map.keep_out import KeepOut
from hub.stages.map.newest import mark_older, mark_overtaken
from hub.stages.map.quality import Judge
from hub.stages.map.raw import RawData, names_of
from hub.stages.map.rows import Rows, read
from hub.stages.map.translate import MappingProblem, Translation, translate
from hub.warehouse import Transaction
from hub.warehouse.changes import Changes
from hub.warehouse.state import fingerprint, remember, seen

STATE = "map"


@dataclass
class Outcome:
    """What mapping a connection gave; `rows` = `mapped` + `superseded` + `failed` + `left_out`, always."""

    rows: int = 0
    mapped: int = 0
    superseded: int = 0
    failed: int = 0
    left_out: int = 0
    warned: int = 0
    notes: int = 0
    echoes: int = 0
    """Rows, among those superseded or mapped, that told only what the hub itself had written."""
    kept_out: int = 0
    """Of those left out, the rows about people who were erased."""
    tables: Counter[str] = field(default_factory=Counter)
    work: bool = False


def scope_of(
    names: Mapping[str, Any], project: Project, connection: str, as_of: datetime, plugins: Mapping[str, Function]
) -> Scope:
    """Give the scope of a connection's mappings."""
    return Scope(
        names,
        notation=notation_of(project, connection),
        timezone=project.hub.timezone,
        as_of=as_of,
        lookups_allowed=True,
        stepwise=True,
        plugins=plugins,
    )


def notation_of(project: Project, connection: str) -> Notation:
    """Say how a connection writes numbers and dates."""
    known = project.connections.get(connection)
    return known.notation if known else "iso"


def plugin_functions(project: Project) -> dict[str, Function]:
    """Give the functions that plugins add to expressions, where the project has mappings that could call them."""
    return Registry().functions if project.mappings else {}


@dataclass
class ConnectionMapping:
    """The work on one connection within one transaction."""

    transaction: Transaction
    project: Project
    data: RawData
    connection: str
    as_of: datetime
    plugins: Mapping[str, Function]
    outcome: Outcome = field(default_factory=Outcome)
    had_rows: set[str] = field(default_factory=set)
    """The tables that had rows of this connection before."""
    relation: tuple[tuple[str, ...], sa.FromClause] | None = None
    news: bool = False
    """Whether anything is known now that was not; an echo alone is no news, to no stage below."""
    keep_out: KeepOut | None = None
    left: list[sa.TableClause] = field(default_factory=list)
    """The bare records that lost a row, by table."""
    judge: Judge = field(init=False)
    changes: Changes = field(init=False)

    def __post_init__(self) -> None:
        """Have what is mapped measured."""
        self.judge = Judge(self.transaction, self.project, self.data, self.connection, self.as_of)

    def run(self, known: Mapping[str, Seen]) -> Outcome:
        """Map every load package that a mapping has not seen, and all of them for a mapping that changed."""
        own = [mapped for mapped in self.project.mappings if mapped.connection == self.connection]
        notation, timezone = notation_of(self.project, self.connection), self.project.hub.timezone
        marks = {
            id(mapped): planning.mark(mapped, self.project.schema, self.project.identity, notation, timezone)
            for mapped in own
        }
        work = planning.groups(own, known, self.data, self.connection, marks)
        if not work:
            return self.outcome
        self.had_rows = {target for target, before in known.items() if before.loads}
        self.outcome.work = True
        self.changes = Changes(self.transaction, STATE)
        problems: list[Problem] = []
        for group in work:
            problems += self._group(group)
        if problems:
            raise ConfigurationError(problems)
        self._repair(own)
        if any(group.former for group in work):
            store.sweep_bare_records(self.transaction, self.connection, self.project.identity.kinds, self.changes)
        for left in self.left:
            store.sweep_bare_records(self.transaction, self.connection, self.project.identity.kinds, self.changes, left)
        if self.news or any(group.former for group in work):
            self._remember(work)
        return self.outcome

    def _group(self, group: Group) -> list[Problem]:
        if group.former:
            self.changes.lose()
            store.clear(self.transaction, group.target, self.connection, self.project.identity.kinds)
            quarantine.forget(self.transaction, self.connection, group.former)
            planning.forget_loads(self.transaction, self.connection, group.target)
            self.judge.forget(group.target)
        problems: list[Problem] = []
        for task in group.tasks:
            if task.loads:
                problems += self._task(task)
        if group.former:
            store.sweep(self.transaction, group.target, self.connection, self.project.identity.kinds)
        return problems

    def _task(self, task: Task) -> list[Problem]:
        raw, translation, problems = self.translation(task.mapped, task.loads)
        if problems:
            return problems
        table = translation.table.name
        stored = store.has_rows(self.transaction, table, self.connection)
        rows = read(self.transaction, translation, raw, self.connection)
        forbidden = leave_out(self.transaction, rows, self.connection, task.fingerprint, self.as_of)
        if forbidden.key:
            return [self._placed(task.mapped, MappingProblem(("key",), KEY_REASON))]
        if self.keep_out is not None:
            self.outcome.kept_out += self.keep_out.take_out(self.transaction, rows, self.connection)
        found = put_back(self.transaction, rows, self._returns(task.mapped), self.connection, stored)
        self.outcome.echoes += found.echoes
        self.news = self.news or found.overruled or not found.only_echoes
        mark_older(self.transaction, rows, self.connection, stored)
        self.judge.measure(rows, task.fingerprint, stored)
        name = f"map_left_{len(self.left)}"
        left = store.store_rows(self.transaction, rows, self.connection, stored, self.changes, name)
        self.left += [left] if left is not None else []
        mark_overtaken(self.transaction, rows, self.connection)
        self.judge.count_aside(rows)
        store.store_identifiers(self.transaction, rows, self.connection, stored)
        store.store_bare_records(self.transaction, rows, self.connection)
        store.store_statements(self.transaction, rows, self.connection)
        quarantine.release(self.transaction, rows, self.connection, task.fingerprint)
        notes = forbidden.columns + quarantine.put(self.transaction, rows, raw, self.connection, task.fingerprint)
        source = task.mapped.mapping.from_
        for load in self.data.loads(self.connection):
            quarantine.let_out(self.transaction, self.connection, source, self.data.replaced(load, source))
        self._count(task, rows, notes)
        return []

    def translation(
        self, mapped: MappedTable, loads: Sequence[Load]
    ) -> tuple[sa.FromClause, Translation, list[Problem]]:
        """Compile a mapping over the rows of some load packages."""
        table = mapped.mapping.from_
        raw = self._raw(table, loads)
        present = self.data.columns(self.connection, table, loads)
        known = self.data.columns(self.connection, table, self.data.loads(self.connection))
        strict = self.data.strict and not mapped.of_plugin
        names = names_of(raw, present, known, loads, self.project.hub.timezone, strict)
        scope = scope_of(names, self.project, self.connection, self.as_of, self.plugins)
        translation, problems = translate(mapped, self.project.schema, scope, self.project.identity)
        translation.came_back.update(came_back(self._returns(mapped), names))
        return raw, translation, [self._placed(mapped, problem) for problem in problems]

    def _returns(self, mapped: MappedTable) -> Sequence[Return]:
        return list(returns_to(self.project, self.connection, mapped.mapping.from_))

    def _placed(self, mapped: MappedTable, problem: MappingProblem) -> Problem:
        """Name the place of a mistake in its file; or by its keys where the mapping comes from no file."""
        message = f"{problem.message} (in the raw table '{mapped.mapping.from_}')"
        if ("mapping", str(mapped.file), str(mapped.position)) in self.project.origins:
            origin = self.project.origin(mapped)
            return origin.at_value(*problem.path, message=message, offset=problem.column - 1)
        path = ".".join(str(part) for part in (mapped.target, *problem.path))
        return Problem(str(mapped.file), 0, 0, f"{path}: {message}")

    def _raw(self, table: str, loads: Sequence[Load]) -> sa.FromClause:
        """Give the raw rows, once for all mappings in a row that read the same."""
        wanted = (table, *(load.load_id for load in loads))
        if self.relation is None or self.relation[0] != wanted:
            self.relation = (wanted, self.data.relation(self.transaction, table, loads))
        return self.relation[1]

    def _count(self, task: Task, rows: Rows, notes: int) -> None:
        mapped = task.mapped
        counted = {count.load_id: count for count in rows.counts}
        written = []
        for load in task.loads:
            total = self.data.count(load, mapped.mapping.from_)
            count = counted.get(load.load_id)
            judged, failed = (count.rows, count.failed) if count else (0, 0)
            older = rows.superseded.get(load.load_id, 0)
            repeated = rows.superseded_failed.get(load.load_id, 0)
            good, left_out = judged - failed - older, total - judged
            if left_out < 0:
                raise InternalError(f"{mapped.target} of {self.connection}: more rows came out of a load than it has")
            written.append(
                {
                    "raw_table": mapped.mapping.from_,
                    "target": mapped.target,
                    "load_id": load.load_id,
                    "mapping": task.fingerprint,
                    "rows_in": total,
                    "rows_mapped": good,
                    "rows_set_aside": failed - repeated + left_out,
                    "rows_superseded": older + repeated,
                }
            )
            self.outcome.rows += total
            self.outcome.mapped += good
            self.outcome.superseded += older + repeated
            self.outcome.failed += failed - repeated
            self.outcome.left_out += left_out
            self.outcome.warned += count.warned if count else 0
            self.outcome.tables[mapped.target] += good
        self.outcome.notes += notes
        planning.remember_loads(self.transaction, self.connection, written)

    def _repair(self, own: Sequence[MappedTable]) -> None:
        for mapped in own:
            person = mapped.mapping.person
            if not isinstance(person, Mapping) or "through" not in person:
                continue
            through = person["through"]
            table = self.project.schema[mapped.target]
            column = next((column.name for column in table.columns if column.references == through), None)
            if column is not None and mapped.target in self.had_rows and self.outcome.tables[through]:
                store.repair_owners(self.transaction, mapped.target, through, column, self.connection, self.changes)

    def _remember(self, work: Sequence[Group]) -> None:
        before = seen(self.transaction, STATE)
        news = [
            (group.target, task.fingerprint, [load.load_id for load in task.loads])
            for group in work
            for task in group.tasks
        ]
        former = [(group.target, sorted(group.former)) for group in work]
        remember(self.transaction, STATE, fingerprint(before, self.connection, news, former), self.as_of)
        self.changes.vouch(self.as_of)
