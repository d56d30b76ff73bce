"""Segments, compiled: their conditions, in an order in which each comes after those it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlglot import exp

from hub.errors import ConfigurationError, Problem
from hub.expressions import ExpressionError, Scope, compile_condition
from hub.expressions.parse import parse
from hub.people.scope import People, person_scope, trial_scope
from hub.people.traits import circle, plan_traits
from hub.project import Project
from hub.warehouse import Transaction

Conditions = Mapping[str, sa.ColumnElement[bool]]


def segment_conditions(transaction: Transaction, project: Project, as_of: datetime) -> tuple[People, Conditions]:
    """Give everybody, and the condition of each segment over them. ConfigurationError with every mistake."""
    conditions: dict[str, sa.ColumnElement[bool]] = {}
    people = person_scope(transaction, project, as_of, inside=conditions.__getitem__)
    problems = _compile(project, people.scope, conditions)
    if problems:
        raise ConfigurationError(problems)
    return people, conditions


def segment_problems(project: Project, as_of: datetime) -> list[Problem]:
    """Find the mistakes in a project's segments; its traits must be right."""
    scope = trial_scope(project, as_of, plan_traits(project, as_of))
    return _compile(project, scope, {})


def _compile(project: Project, scope: Scope, conditions: dict[str, sa.ColumnElement[bool]]) -> list[Problem]:
    problems: list[Problem] = []

    def tell(name: str, message: str, column: int = 1) -> None:
        origin = project.origins.get(("segment", name))
        problems.append(
            origin.at_value("where", message=message, offset=column - 1)
            if origin is not None
            else Problem(f"segment {name}", 0, 0, message)
        )

    waiting: dict[str, frozenset[str]] = {}
    for name, segment in project.segments.items():
        try:
            waiting[name] = _asked(segment.where)
        except ExpressionError as error:
            tell(name, error.message, error.column)
    failed = set(project.segments) - set(waiting)
    while waiting:
        ready = sorted(name for name, needs in waiting.items() if not needs & waiting.keys())
        if not ready:
            path = circle(waiting)
            tell(path[0], f"segments ask for each other in a circle: {' -> '.join([*path, path[0]])}")
            break
        for name in ready:
            if waiting.pop(name) & failed:
                failed.add(name)
                continue
            try:
                found = compile_condition(project.segments[name].where, scope)
            except ExpressionError as error:
                tell(name, error.message, error.column)
                failed.add(name)
                continue
            conditions[name] = sa.func.coalesce(found.element, sa.false())
    return problems


def _asked(where: str) -> frozenset[str]:
    """Find the segments that a condition asks for by member_of('name')."""
    calls = [call for call in parse(where).find_all(exp.Anonymous) if str(call.this).lower() == "member_of"]
    return frozenset(str(it.this) for call in calls for it in call.expressions if isinstance(it, exp.Literal))
