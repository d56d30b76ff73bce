"""Reasons: why people are in a segment, or not, test by test (R13).

Each test holds, does not hold, or can't be said because a value is not known; what can't be said keeps people out. It
reads what the last run published, so that a segment can be tried before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.expressions import Logic, compile_condition, compile_expression, logic
from hub.people.reading import Ask, Reading
from hub.people.scope import reading_scope
from hub.people.segments import drawn, picking_order, segment_problems
from hub.people.traits import plan_traits
from hub.project import Project
from hub.project.packs import no_segment
from hub.project.segments import Segment
from hub.schema.shape import STORE

if TYPE_CHECKING:
    from hub.project.segments import Share

UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Reason:
    """A part of a segment's condition. For one person `holds` says whether it does (None: nobody can say) and `values`
    what it rests on; for all people `yes`, `no` and `unknown` count them, and `alone` those whom only this keeps out.
    """

    kind: str
    written: str
    parts: tuple[Reason, ...] = ()
    holds: bool | None = None
    values: Mapping[str, Any] | None = None
    yes: int = 0
    no: int = 0
    unknown: int = 0
    alone: int = 0


@dataclass(frozen=True)
class Example:
    """A person inside or outside, with the parts that decide it: those that hold, or those that do not."""

    person_id: int
    inside: bool
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What a segment would be, by what the last run published."""

    segment: str
    as_of: datetime
    people: int
    inside: int
    enters: int
    leaves: int
    reason: Reason
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether one person is in a segment, and why."""

    segment: str
    as_of: datetime
    person_id: int
    inside: bool
    reason: Reason


def preview(project: Project, ask: Ask, name: str, rows: int) -> Preview:
    """Say how many people each part lets in and keeps out, with so many examples of either side."""
    reading = _Reading(project, ask, name)
    tests = list(_walk(reading.reason))
    flags = [reading.elements[test] for test in tests]
    top = reading.reason.parts if reading.reason.kind == "and" else (reading.reason,)
    counted = sa.select(
        reading.people.person_id.label("person_id"),
        *(flag.label(f"t{number}") for number, flag in enumerate(flags)),
        reading.member.label("member"),
    ).subquery("counted")
    columns = {test: counted.c[f"t{number}"] for number, test in enumerate(tests)}
    inside = columns[reading.reason].is_(sa.true())
    count = sa.func.count
    query = sa.select(
        count().label("people"),
        count().filter(inside, ~counted.c.member).label("enters"),
        count().filter(~inside, counted.c.member).label("leaves"),
        *(
            count().filter(found).label(f"{what}{number}")
            for number, test in enumerate(tests)
            for what, found in _counts(columns[test], [columns[it] for it in top if it is not test]).items()
        ),
    )
    (told,) = reading.rows(query)
    numbers = {test: number for number, test in enumerate(tests)}

    def with_counts(reason: Reason) -> Reason:
        number = numbers[reason]
        alone = told[f"alone{number}"] if reason in top else 0
        return replace(
            reason,
            parts=tuple(with_counts(part) for part in reason.parts),
            yes=told[f"yes{number}"],
            no=told[f"no{number}"],
            unknown=told[f"unknown{number}"],
            alone=alone,
        )

    found = with_counts(reading.reason)
    examples = reading.examples(counted, columns, inside, top, rows)
    return Preview(name, reading.as_of, told["people"], found.yes, told["enters"], told["leaves"], found, examples)


def verdict(project: Project, ask: Ask, name: str, person_id: int) -> Verdict:
    """Say whether a person is in a segment, what each part says, and on which values."""
    reading = _Reading(project, ask, name)
    tests = list(_walk(reading.reason))
    scope = reading.people.scope
    used = sorted({it for names in reading.used.values() for it in names})
    query = sa.select(
        *(reading.elements[test].label(f"t{number}") for number, test in enumerate(tests)),
        *(scope.names[it].element.label(f"v_{it}") for it in used),
    ).where(reading.people.person_id == person_id)
    (told,) = reading.rows(query)
    numbers = {test: number for number, test in enumerate(tests)}

    def with_values(reason: Reason) -> Reason:
        return replace(
            reason,
            parts=tuple(with_values(part) for part in reason.parts),
            holds=told[f"t{numbers[reason]}"],
            values={it: told[f"v_{it}"] for it in reading.used.get(reason, ())},
        )

    found = with_values(reading.reason)
    return Verdict(name, reading.as_of, person_id, found.holds is True, found)


def _counts(column: sa.ColumnElement[Any], others: Sequence[sa.ColumnElement[Any]]) -> dict[str, Any]:
    """Give the conditions under which a part holds, does not, is unknown, or keeps somebody out all alone."""
    rest = sa.and_(sa.true(), *(other.is_(sa.true()) for other in others))
    return {
        "yes": column.is_(sa.true()),
        "no": column.is_(sa.false()),
        "unknown": column.is_(None),
        "alone": sa.and_(column.is_not(sa.true()), rest),
    }


def _walk(reason: Reason) -> Iterator[Reason]:
    yield reason
    for part in reason.parts:
        yield from _walk(part)


class _Reading(Reading):
    """One segment, taken apart and compiled, and the published tables."""

    def __init__(self, project: Project, ask: Ask, name: str) -> None:
        if name not in project.segments:
            raise ConfigurationError(no_segment(name, project.segments))
        super().__init__(project, ask)
        self.as_of = self._computed_for()
        problems = segment_problems(project, self.as_of)
        if problems:
            raise ConfigurationError(problems)
        self.people = reading_scope(project, self.as_of)
        self.elements: dict[Reason, sa.ColumnElement[Any]] = {}
        self.used: dict[Reason, tuple[str, ...]] = {}
        membership = project.schema.table("membership")
        inside = sa.select(membership.c.person_id).where(membership.c.segment == name)
        self.member = self.people.person_id.in_(inside)
        self.reason = self._segment(name, project.segments[name])

    def _computed_for(self) -> datetime:
        """Give the moment that the published traits are of; refuse when traits were added since."""
        state = self.project.schema.table("stage_state")
        found = self.rows(sa.select(state.c.at).where(state.c.stage == "enrich"))
        if not found:
            raise ConfigurationError("nothing is computed yet: run `hub run build` first")
        as_of: datetime = found[0]["at"]
        trait = sa.select(sa.text("*")).select_from(sa.table("trait", schema=STORE)).where(sa.false())
        known = set(self.ask(str(trait)).column_names)
        missing = sorted(plan_traits(self.project, as_of).types.keys() - known)
        if missing:
            listed = ", ".join(missing)
            raise ConfigurationError(f"not computed yet: {listed}. Run `hub run build`, then ask again")
        return as_of

    # taking apart

    def _segment(self, name: str, segment: Segment) -> Reason:
        parts = []
        if segment.any:
            each = [self._part(logic(f"member_of('{it}')")) for it in segment.any]
            parts.append(self._joined("or", " or ".join(it.written for it in each), each) if len(each) > 1 else each[0])
        parts += [self._part(logic(f"member_of('{it}')")) for it in segment.all or ()]
        if segment.where is not None:
            whole = self._part(logic(segment.where))
            parts += whole.parts if whole.kind == "and" else [whole]
        parts += [self._part(logic(f"not member_of('{it}')")) for it in segment.except_ or ()]
        if segment.top is not None or segment.sample is not None:
            parts.append(self._pick(name, segment, sa.and_(*(self.elements[it] for it in parts))))
        return parts[0] if len(parts) == 1 else self._joined("and", " and ".join(it.written for it in parts), parts)

    def _part(self, part: Logic) -> Reason:
        reason = Reason(part.kind, part.written, tuple(self._part(it) for it in part.parts))
        compiled = compile_condition(part.written, self.people.scope)
        self.elements[reason] = compiled.element
        if part.kind == "test":
            self.used[reason] = tuple(sorted(compiled.names & self.people.scope.names.keys()))
        return reason

    def _joined(self, kind: str, written: str, parts: Sequence[Reason]) -> Reason:
        reason = Reason(kind, written, tuple(parts))
        join = sa.and_ if kind == "and" else sa.or_
        self.elements[reason] = join(*(self.elements[part] for part in parts))
        return reason

    def _pick(self, name: str, segment: Segment, condition: sa.ColumnElement[Any]) -> Reason:
        """Tell who is picked of all who meet the rest."""
        scope, person_id = self.people.scope, self.people.person_id
        if isinstance(segment.sample, float):
            reason = Reason("test", f"drawn for the sample of {_written(segment.sample)}")
            self.elements[reason] = drawn(name, segment.sample, scope.names["record_id"].element)
            return reason
        by = compile_expression(segment.by, scope) if segment.by is not None else None
        order, known = picking_order(name, scope, by.element if by is not None else None)
        place = sa.func.row_number().over(order_by=order).label("place")
        of = sa.func.count().over().label("of")
        ranked = sa.select(person_id.label("person_id"), place, of).where(condition, known).subquery("ranked")
        wanted = segment.top or segment.sample
        limit = ranked.c.place <= (_part_of(wanted, ranked.c.of) if isinstance(wanted, float) else wanted)
        reason = Reason("test", f"{_told(wanted)} by {segment.by}" if by is not None else f"{_told(wanted)}, drawn")
        self.elements[reason] = person_id.in_(sa.select(ranked.c.person_id).where(limit).correlate(None))
        if by is not None:
            self.used[reason] = tuple(sorted(by.names & scope.names.keys()))
        return reason

    # examples

    def examples(
        self,
        counted: sa.FromClause,
        columns: Mapping[Reason, sa.ColumnElement[Any]],
        inside: sa.ColumnElement[bool],
        top: Sequence[Reason],
        rows: int,
    ) -> tuple[Example, ...]:
        """Give people of either side, those with the smallest numbers, and what decides about them."""
        found = []
        for is_inside, condition in ((True, inside), (False, ~inside)):
            query = sa.select(
                counted.c.person_id, *(columns[part].label(f"p{number}") for number, part in enumerate(top))
            )
            for row in self.rows(query.where(condition).order_by(counted.c.person_id).limit(rows)):
                said = {part: row[f"p{number}"] for number, part in enumerate(part.written for part in top)}
                parts = tuple(
                    part if holds is not None else f"{part}: {UNKNOWN}"
                    for part, holds in said.items()
                    if (holds is True) == is_inside
                )
                found.append(Example(row["person_id"], is_inside, parts))
        return tuple(found)


def _told(wanted: Share | None) -> str:
    return f"among the first {_written(wanted)}"


def _written(share: Share | None) -> str:
    """Write a share as an admin does: 1000, 10%."""
    return f"{share * 100:.6g}%" if isinstance(share, float) else str(share)


def _part_of(share: float, of: sa.ColumnElement[int]) -> sa.ColumnElement[Any]:
    return sa.func.ceil(sa.func.round(sa.cast(of * sa.literal(share, sa.Double()), sa.Numeric(18, 6)), 6))
