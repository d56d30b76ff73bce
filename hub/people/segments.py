"""Segments, compiled: who meets their conditions, in an order in which each comes after those it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

import sqlalchemy as sa
from sqlglot import exp

from hub.errors import ConfigurationError, Problem
from hub.expressions import Compiled, ExpressionError, Scope, compile_condition, compile_expression
from hub.expressions.parse import parse
from hub.people import audiences
from hub.people.having import Together
from hub.people.scope import People, person_scope, trial_people
from hub.people.traits import circle, plan_traits
from hub.project import Project
from hub.project.packs import no_segment
from hub.project.segments import Segment
from hub.warehouse import Transaction

Conditions = Mapping[str, sa.ColumnElement[bool]]
PICKED = "picked_"
ASKED = "member_of"


@dataclass(frozen=True)
class Pick:
    """The people that a segment takes out of all who meet its conditions: `top` or `sample`."""

    segment: Segment
    table: str
    condition: sa.ColumnElement[bool]
    order: tuple[sa.ColumnElement[Any], ...]

    def hold(self, transaction: Transaction, people: People) -> None:
        """Hold them: so many, or such a part, the first by their order."""
        wanted = self.segment.top or self.segment.sample
        if isinstance(wanted, float):
            wanted = ceil(round(wanted * transaction.count(people.relation, self.condition), 6))
        picked = sa.select(people.person_id).where(self.condition).order_by(*self.order).limit(wanted)
        transaction.hold(self.table, picked)


@dataclass
class Found:
    """What compiling the segments gives."""

    conditions: dict[str, sa.ColumnElement[bool]] = field(default_factory=dict)
    picks: list[Pick] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Evaluation:
    """Everybody, and the condition of each segment over them."""

    people: People
    conditions: Conditions
    times: tuple[sa.ColumnElement[datetime], ...]
    """When the rows happened that the segments ask for: a row that is still to come changes who is inside."""


def segment_conditions(transaction: Transaction, project: Project, as_of: datetime) -> Evaluation:
    """Prepare all segments of a project. Raises ConfigurationError with every mistake.

    What they ask of other tables is counted first, in one scan of each; then tops and samples are picked.
    """
    found = Found()
    together = Together(lambda: people.person_id)
    people = person_scope(transaction, project, as_of, found.conditions.__getitem__, together)
    _compile(project, people.scope, found)
    if found.problems:
        raise ConfigurationError(found.problems)
    together.count(transaction)
    for pick in found.picks:
        pick.hold(transaction, people)
    times = [*together.times, *(audiences.moments(project.schema) if audiences.TABLE in tables_asked(project) else ())]
    return Evaluation(people, found.conditions, tuple(times))


def segment_problems(project: Project, as_of: datetime, people: Scope | None = None) -> list[Problem]:
    """Find the mistakes in a project's segments; its traits must be right, unless `people` says what is known."""
    found = Found()
    _compile(project, people or trial_people(project, as_of, plan_traits(project, as_of)).scope, found)
    return found.problems


def tables_asked(project: Project) -> frozenset[str]:
    """Name the tables that segments ask for rows of; what can't be parsed asks for none."""
    return frozenset().union(*(tables_named(segment.where or "true") for segment in project.segments.values()))


def tables_named(written: str) -> frozenset[str]:
    """Name the tables that a condition asks for rows of; what can't be parsed asks for none."""
    try:
        calls = [(str(call.this).lower(), call) for call in parse(written).find_all(exp.Anonymous)]
    except ExpressionError:
        return frozenset()
    has = [call for name, call in calls if name in ("has", "has_times")]
    found = {str(it.this) for call in has for it in call.expressions if isinstance(it, exp.Literal)}
    return frozenset(found | ({audiences.TABLE} if any(name == "in_audience" for name, _ in calls) else set()))


def segments_named(written: str) -> frozenset[str]:
    """Name the segments that a condition asks for. Raises ExpressionError for wrong syntax."""
    calls = (call for call in parse(written).find_all(exp.Anonymous) if str(call.this).lower() == ASKED)
    return frozenset(str(it.this) for call in calls for it in call.expressions if isinstance(it, exp.Literal))


def segments_asked(segment: Segment) -> frozenset[str]:
    """Name the segments that a segment asks for. Raises ExpressionError for wrong syntax."""
    return frozenset(asked for _, asked in _asked(segment))


def drawn(name: str, share: float, record_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Draw a part of the people by a hash of segment and person: who is drawn stays drawn."""
    if share >= 1:
        return sa.true()
    return sa.func.substr(_hash(name, record_id), 1, 8) < sa.literal(f"{int(share * 2**32):08x}")


def picking_order(
    name: str, scope: Scope, by: sa.ColumnElement[Any] | None
) -> tuple[tuple[sa.ColumnElement[Any], ...], sa.ColumnElement[bool]]:
    """Give the order in which people are picked, the same every day, and who can be picked at all."""
    order = (_hash(name, scope.names["record_id"].element), scope.names["person_id"].element)
    return (order, sa.true()) if by is None else ((by.desc(), *order), by.is_not(None))


def _hash(name: str, record_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.func.md5(sa.literal(f"sample|{name}|") + record_id, type_=sa.Text())


def _compile(project: Project, scope: Scope, found: Found) -> None:
    """Compile each segment after those that it asks for; what is wrong with one is told, those after it are not."""

    def tell(name: str, key: str, message: str, column: int = 1) -> None:
        origin = project.origins.get(("segment", name))
        found.problems.append(
            origin.at_value(key, message=message, offset=column - 1)
            if origin is not None
            else Problem(f"segment {name}", 0, 0, message)
        )

    waiting: dict[str, frozenset[str]] = {}
    for name, segment in project.segments.items():
        try:
            waiting[name] = segments_asked(segment)
        except ExpressionError as error:
            tell(name, "where", error.message, error.column)
    failed = set(project.segments) - set(waiting)
    while waiting:
        ready = sorted(name for name, needs in waiting.items() if not needs & waiting.keys())
        if not ready:
            path = circle(waiting)
            told = " -> ".join([*path, path[0]])
            message = f"segments ask for each other in a circle: {told}" if len(path) > 1 else "it asks for itself"
            tell(path[0], "where", message)
            break
        for name in ready:
            if waiting.pop(name) & failed:
                failed.add(name)
                continue
            try:
                found.conditions[name] = _members(name, project.segments, scope, found)
            except _Mistake as mistake:
                tell(name, mistake.key, mistake.message, mistake.column)
                failed.add(name)


class _Mistake(Exception):
    """A segment is wrong at one of its keys."""

    def __init__(self, key: str, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.key, self.message, self.column = key, message, column


def _members(name: str, segments: Mapping[str, Segment], scope: Scope, found: Found) -> sa.ColumnElement[bool]:
    """Give the condition of a segment: never null, since who is not known to be inside is outside."""
    segment = segments[name]
    for key, asked in _asked(segment):
        if key and asked not in segments:
            raise _Mistake(key, no_segment(asked, segments))
    known = found.conditions
    # in a trial there are no conditions to build on
    parts = [sa.or_(*(known.get(it, sa.true()) for it in segment.any))] if segment.any else []
    parts += [known.get(it, sa.true()) for it in segment.all or ()]
    if segment.where is not None:
        parts.append(_tried("where", segment.where, scope, compile_condition))
    parts += [sa.not_(known.get(it, sa.false())) for it in segment.except_ or ()]
    condition: sa.ColumnElement[bool] = sa.func.coalesce(sa.and_(*parts), sa.false(), type_=sa.Boolean())
    if segment.top is None and segment.sample is None:
        return condition
    record_id = scope.names["record_id"].element
    if isinstance(segment.sample, float):
        return sa.and_(condition, drawn(name, segment.sample, record_id))
    by = _tried("by", segment.by, scope, _ranked_by) if segment.by is not None else None
    order, able = picking_order(name, scope, by)
    condition = sa.and_(condition, able)
    picked = sa.table(f"{PICKED}{len(found.picks)}", sa.column("person_id", sa.BigInteger()))
    found.picks.append(Pick(segment, picked.name, condition, order))
    return scope.names["person_id"].element.in_(sa.select(picked.c.person_id))


def _ranked_by(written: str, scope: Scope) -> Compiled:
    found = compile_expression(written, scope)
    if found.type in ("interval", "boolean"):
        raise ExpressionError(f"people are ranked by a number, a text or a moment, not by {found.type}")
    return found


def _tried(key: str, written: str, scope: Scope, how: Callable[..., Any]) -> sa.ColumnElement[Any]:
    try:
        found: sa.ColumnElement[Any] = how(written, scope).element
    except ExpressionError as error:
        raise _Mistake(key, error.message, error.column) from None
    return found


def _asked(segment: Segment) -> Iterator[tuple[str, str]]:
    """Find the segments that a segment asks for: by a key (any, all, except), or by member_of('name') (no key)."""
    for key, names in (("any", segment.any), ("all", segment.all), ("except", segment.except_)):
        for name in names or ():
            yield key, name
    yield from (("", asked) for asked in segments_named(segment.where or "true"))
