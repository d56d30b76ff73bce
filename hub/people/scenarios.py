"""What the expressions of scenarios say wrong, and scenarios that start each other without end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from sqlglot import exp

from hub.errors import Problem
from hub.expressions import ExpressionError, Name, Scope, compile_condition, compile_expression
from hub.expressions.parse import parse
from hub.people.facts import facts
from hub.people.instance import EVENT_TABLES, instance_scope, row_of
from hub.people.traits import circle
from hub.project import Origin, Project
from hub.project.program import program
from hub.project.scenario import EventTrigger, Path, Scenario, every_step, expressions_in, kind_of
from hub.schema.actions import FILLED_BY_DECIDE

DONE_BY_SCENARIOS = FILLED_BY_DECIDE | {"message_event"}
"""The tables in which appears what scenarios do: one that starts from them may be started by a scenario."""


FILLS: Mapping[str, tuple[str, ...]] = {
    "send": ("message", "message_event"),
    "add_to": ("audience_member",),
    "set": ("person_field",),
    "task": ("task",),
    "banner": ("banner",),
    "post": ("posted_row",),
}
"""Where each kind of step leaves what it did."""


def scenario_problems(project: Project, people: Scope, as_of: datetime) -> list[Problem]:
    """Find the mistakes in all scenarios; `people` is the scope of conditions about people (`trial_people`)."""
    found = [
        problem
        for scenario in project.scenarios.values()
        for problem in _Checking(project, people, scenario, as_of).problems()
    ]
    # what several scenarios share is told once
    return list(dict.fromkeys([*found, *_circles(project)]))


class _Checking:
    """Checks one scenario's expressions."""

    def __init__(self, project: Project, people: Scope, scenario: Scenario, as_of: datetime) -> None:
        self.project = project
        self.people = people
        self.scenario = scenario
        self.origin: Origin = project.origins["scenario", scenario.scenario]
        table = project.schema.get(scenario.table or "")
        known = scenario.table is None or (table is not None and table.personal)
        self.row = row_of(project, scenario) if known else None
        self.steps = instance_scope(project, people, scenario, as_of, self.row)

    def problems(self) -> Iterator[Problem]:
        for number, trigger in enumerate(self.scenario.trigger.any):
            yield from self._trigger(trigger, ("trigger", "any", number))
        entering: dict[str, Name] = {**self.people.names, "entered_at": self.steps.names["entered_at"]}
        if self.row is not None:
            entering |= self.row.names
        yield from self._condition(self.scenario.target, replace(self.people, names=entering), ("target",))
        yield from self._condition(self.scenario.stop_when, self.steps, ("stop_when",))
        if self.scenario.value is not None:
            yield from self._number(self.scenario.value, self.steps, ("value",))
        yield from self._goal()
        for op in program(self.scenario).ops:
            checks = {"condition": self._condition, "value": self._value, "moment": self._moment}
            for path, kind, text in expressions_in(op.step):
                yield from checks[kind](text, self.steps, (*op.path, *path))

    def _goal(self) -> Iterator[Problem]:
        goal = self.scenario.goal
        table = self.project.schema.get(goal.of) if goal is not None else None
        if goal is None or table is None:
            return
        scope = Scope(facts(self.project.schema, table.name).names, timezone=self.people.timezone)
        if goal.where is not None:
            yield from self._condition(goal.where, scope, ("goal", "where"))
        if goal.value is not None:
            yield from self._number(goal.value, scope, ("goal", "value"))

    def _trigger(self, trigger: EventTrigger, path: Path) -> Iterator[Problem]:
        if trigger.where is not None:
            table = self.project.schema.get(trigger.of or EVENT_TABLES[0])
            if table is not None:
                rows = facts(self.project.schema, table.name).names
                scope = Scope(rows, timezone=self.people.timezone, as_of=self.people.as_of)
                yield from self._condition(trigger.where, scope, (*path, "where"))
        if trigger.becomes is not None:
            yield from self._condition(trigger.becomes, self.people, (*path, "becomes"))
        if trigger.date is not None:
            yield from self._moment(trigger.date, self.people, (*path, "date"))

    def _remedied(self, error: ExpressionError, scope: Scope) -> str:
        """Tell a mistake; a name that is known elsewhere in scenarios gets the remedy for that."""
        found = re.match(r"there is no '([^']+)'\.(?! Did you mean)", error.message)
        if found is None:
            return error.message
        name, table = found[1], found[1].partition(".")[0]
        if name in self.steps.names and name not in scope.names:
            return f"{found[0]} It is known on the way only: ask it in `stop_when` or in a step"
        if table != name and table in self.project.schema:
            return f"{found[0]} Columns of one {table} are known with `per: {table}`"
        bare = found[0] == error.message
        return f"{error.message} A text is written in single quotes: '{name}'." if bare else error.message

    def _condition(self, written: str, scope: Scope, path: Path) -> Iterator[Problem]:
        try:
            compile_condition(written, scope)
        except ExpressionError as error:
            yield self.origin.at_value(*path, message=self._remedied(error, scope), offset=error.column - 1)

    def _value(self, written: str, scope: Scope, path: Path) -> Iterator[Problem]:
        try:
            compile_expression(written, scope)
        except ExpressionError as error:
            yield self.origin.at_value(*path, message=self._remedied(error, scope), offset=error.column - 1)

    def _number(self, written: str, scope: Scope, path: Path) -> Iterator[Problem]:
        try:
            found = compile_expression(written, scope)
        except ExpressionError as error:
            yield self.origin.at_value(*path, message=self._remedied(error, scope), offset=error.column - 1)
            return
        if found.type not in ("integer", "number"):
            yield self.origin.at_value(*path, message=f"this must be a number, but it is {found.type}")

    def _moment(self, written: str, scope: Scope, path: Path) -> Iterator[Problem]:
        try:
            found = compile_expression(written, scope)
        except ExpressionError as error:
            yield self.origin.at_value(*path, message=self._remedied(error, scope), offset=error.column - 1)
            return
        if found.type not in ("date", "timestamp"):
            yield self.origin.at_value(*path, message=f"this must be a date or a moment, but it is {found.type}")


def _circles(project: Project) -> Iterator[Problem]:
    """Find scenarios whose messages start each other again and again; who enters once only ends every circle."""
    endless = {name: it for name, it in project.scenarios.items() if it.entry != "once"}
    started_by = {name: _started_by(it, endless) & endless.keys() for name, it in endless.items()}
    waiting: dict[str, frozenset[str]] = {name: frozenset(others) for name, others in started_by.items()}
    while ready := [name for name, others in waiting.items() if not others & waiting.keys()]:
        for name in ready:
            del waiting[name]
    if waiting:
        path = circle(waiting)
        told = " -> ".join(reversed([*path, path[0]]))
        origin = project.origins["scenario", path[0]]
        yield origin.at_key("trigger", message=f"scenarios start each other in a circle: {told}")


def _started_by(scenario: Scenario, known: Mapping[str, Scenario]) -> frozenset[str]:
    """Give the scenarios whose messages may start this one: those that its triggers name, or all of them."""
    found: set[str] = set()
    for trigger in scenario.trigger.any:
        if trigger.of in DONE_BY_SCENARIOS:
            named = _named(trigger.where) if trigger.where is not None else frozenset()
            found |= named or {name for name, it in known.items() if trigger.of in _fills(it)}
    return frozenset(found)


def _fills(scenario: Scenario) -> frozenset[str]:
    """Name the tables in which a scenario leaves what it does."""
    kinds = {kind_of(step) for step in every_step(scenario.steps)}
    return frozenset(table for kind, tables in FILLS.items() if kind in kinds for table in tables)


def _named(where: str) -> frozenset[str]:
    """Give the scenarios that a condition names: scenario = 'welcome'."""
    try:
        tree = parse(where)
    except ExpressionError:
        return frozenset()
    named = {
        str(side.this)
        for node in tree.find_all(exp.EQ)
        if {side.name for side in (node.this, node.expression) if isinstance(side, exp.Column)} & {"scenario"}
        for side in (node.this, node.expression)
        if isinstance(side, exp.Literal)
    }
    return frozenset(named)
