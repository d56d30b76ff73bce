"""Traits: what is known of every person, planned from YAML and from what is built in.

A trait is an aggregate over the person's rows of a table, a rank or a score among all people, or an expression over
the person and other traits. Planning compiles each once, checks it, and puts them in an order in which each comes
after those it uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.errors import ConfigurationError, Problem, suggest
from hub.expressions import (
    Compiled,
    ExpressionError,
    ExpressionType,
    Name,
    Scope,
    compile_condition,
    compile_expression,
    names_in,
)
from hub.people.built_in import BUILT_IN, RFM, SCORES
from hub.people.facts import PersonFacts, facts
from hub.people.families import Member, members
from hub.people.plan import DECAYED, REASON, DerivedTrait, FactTrait, TraitPlan
from hub.people.window import REMEDY, Window, read_window
from hub.project import Project
from hub.project.packs import comes_with
from hub.project.scores import Score, ScorePart
from hub.project.traits import WEIGHED, Trait
from hub.schema.shape import SQL_TYPES

_TYPES: Mapping[str, ExpressionType] = {
    "count": "integer",
    "distinct": "integer",
    "exists": "boolean",
    "average": "number",
    "ratio": "number",
    "median_interval": "number",
}
LONGEST = 63
"""Characters of a column's name that every engine keeps."""

_TIMED = ("first", "last", "median_interval")
_NUMBERS = ("integer", "number")


def plan_traits(project: Project, as_of: datetime) -> TraitPlan:
    """Plan all traits of a project, or those that it reads. Raises ConfigurationError with every mistake.

    The stages of a run ask for the same plan one after the other, and a simulated day for that of the day before: the
    last two are kept.
    """
    return _planned(_Same(project), as_of)


class _Same:
    """A project, told apart from others by what it is, not by what it says."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.project is self.project

    def __hash__(self) -> int:
        return id(self.project)


@lru_cache(maxsize=2)
def _planned(of: _Same, as_of: datetime) -> TraitPlan:
    planning = _Planning(of.project, as_of)
    plan = planning.plan()
    if planning.problems:
        raise ConfigurationError(planning.problems)
    if of.project.reads is None:
        return plan
    return plan.narrowed(of.project.reads, {name: of.project.scores[name].uses for name in plan.by_scorers})


def trait_problems(project: Project, as_of: datetime) -> list[Problem]:
    """Find the mistakes in a project's traits and scores: unknown tables and columns, wrong types, circles."""
    return try_traits(project, as_of)[1]


def try_traits(project: Project, as_of: datetime) -> tuple[TraitPlan, list[Problem], frozenset[str]]:
    """Plan the traits that are right; give it with all mistakes, and the names that nobody computes for them."""
    planning = _Planning(project, as_of)
    plan = planning.plan()
    written = {member.name for member in members(definitions(project))} | {*SCORES, RFM}
    written |= {named for name in project.scores for named in (name, name + REASON)}
    return plan, planning.problems, frozenset(written - plan.types.keys())


def definitions(project: Project) -> dict[str, Trait]:
    """Give the project's own traits and the built-in ones, but for those that a column of person stands for."""
    person = project.schema["person"]
    return {**{name: it for name, it in BUILT_IN.items() if person.column(name) is None}, **project.traits}


SEES_ROWS = " It is about the person: what is asked of rows sees the rows only."
"""A hint for who asks in a condition about rows for what is known of their person."""


def about_the_person(project: Project) -> frozenset[str]:
    """Name what is known of people and not of their rows: columns, traits, scores, and functions (`consents()`)."""
    traits = {member.name for member in members(definitions(project))} | {*project.scores, *SCORES, RFM}
    columns = {column.name for column in project.schema["person"].columns}
    return frozenset(traits | columns | {f"{name}()" for name in ("consents", "member_of", "has", "has_times")})


def tables_read(project: Project) -> frozenset[str]:
    """Name the tables that traits and scores are computed from."""
    of_traits = {trait.of for trait in definitions(project).values() if trait.of is not None}
    return frozenset(of_traits | {part.of for score in project.scores.values() for part in score.parts.values()})


class _Mistake(Exception):
    """Something is wrong at one of a definition's keys, `offset` columns into its value."""

    def __init__(self, key: str | tuple[str | int, ...], message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.path: tuple[str | int, ...] = (key,) if isinstance(key, str) else key
        self.message, self.offset = message, offset

    def below(self, *path: str) -> _Mistake:
        """Give the same mistake, told of a place further down."""
        return _Mistake((*path, *self.path), self.message, self.offset)


class _Planning:
    """Collects what works and what does not."""

    def __init__(self, project: Project, as_of: datetime) -> None:
        self.project = project
        self.as_of = as_of
        self.timezone = project.hub.timezone
        self.today = as_of.astimezone(ZoneInfo(self.timezone)).date()
        self.problems: list[Problem] = []
        self.facts: dict[str, PersonFacts] = {}

    def plan(self) -> TraitPlan:
        traits = self._members()
        of_facts: list[FactTrait] = []
        failed: set[str] = set()
        for name, member in traits.items():
            if member.trait.of is not None:
                try:
                    of_facts.append(self._of_facts(member))
                except _Mistake as mistake:
                    self._tell("trait", member.definition, mistake)
                    failed.add(name)
        parts: dict[str, list[FactTrait]] = {}
        by_scorers: list[str] = []
        for name, score in self._scores(traits):
            try:
                if score.by is None:
                    parts[name] = [self._part(name, score, part) for part in score.parts]
                else:
                    by_scorers.append(name)
            except _Mistake as mistake:
                self._tell("score", name, mistake)
                failed.add(name)
        known: dict[str, ExpressionType] = {trait.name: trait.type for trait in of_facts}
        derived = [it for name in parts for it in self._scored(name, self.project.scores[name])]
        known |= {trait.name: trait.type for trait in derived}
        derived += self._derived(traits, known, failed)
        columns = self.project.schema["person"].columns
        person = {column.name: column.type for column in columns if column.name != "person_id"}
        for name in by_scorers:
            self._uses(name, {**known, **person})
        all_facts = (*of_facts, *(part for each in parts.values() for part in each))
        return TraitPlan(all_facts, tuple(derived), (*parts, *by_scorers), tuple(by_scorers))

    def _members(self) -> dict[str, Member]:
        found: dict[str, Member] = {}
        for member in members(definitions(self.project)):
            other = found.get(member.name)
            if len(member.name) > LONGEST:
                self._tell("trait", member.definition, _Mistake((), _too_long(member.name)))
            if other is None:
                found[member.name] = member
            elif other.definition == member.definition:
                self._tell(
                    "trait",
                    member.definition,
                    _Mistake((), f"two of its values or windows would both be called '{member.name}'"),
                )
            else:
                own, first = (member, other) if member.definition in self.project.traits else (other, member)
                message = f"'{own.name}' would also be a trait of '{first.definition}': rename one"
                self._tell("trait", own.definition, _Mistake((), message))
        return found

    def _scores(self, traits: Mapping[str, Member]) -> Iterator[tuple[str, Score]]:
        for name, score in self.project.scores.items():
            taken = next((it for it in (name, name + REASON) if it in traits or it in (*SCORES, RFM)), None)
            longest = max((name + REASON, *(f"{name}.{part}" for part in score.parts)), key=len)
            if taken is None and len(longest) <= LONGEST:
                yield name, score
            elif taken is None:
                self._tell("score", name, _Mistake("score", _too_long(longest)))
            else:
                self._tell("score", name, _Mistake("score", f"there is a trait '{taken}' already: rename one"))

    def _uses(self, name: str, known: Mapping[str, ExpressionType]) -> None:
        """Check what a scorer looks at; scores of scorers are computed last, and build on none of themselves."""
        score = self.project.scores[name]
        scorer = self.project.scorers[score.by or ""]
        needed = scorer.options.model_validate(score.options).needs() if scorer.options is not None else ()
        for number, used in enumerate(score.uses):
            if used in score.uses[:number]:
                self._tell("score", name, _Mistake(("uses", number), f"'{used}' stands here twice: remove one"))
            elif used not in known:
                message = f"there is no trait '{used}'.{comes_with('trait', used) or suggest(used, known)}"
                self._tell("score", name, _Mistake(("uses", number), message))
            elif used in needed and known[used] not in _NUMBERS:
                message = f"'{used}' is {known[used]}, and the scorer '{scorer.name}' needs a number there"
                self._tell("score", name, _Mistake(("uses", number), message))
        missing = [used for used in dict.fromkeys(needed) if used not in score.uses]
        if missing:
            message = f"the scorer '{scorer.name}' needs to see {', '.join(missing)}: add it to `uses`"
            self._tell("score", name, _Mistake("uses", message))

    # aggregates

    def _of_facts(self, member: Member) -> FactTrait:
        trait = member.trait
        rows, way = self._rows(trait.of or ""), trait.way
        scope = self._scope_of_rows(rows)
        if way in _TIMED and rows.time is None:
            raise _Mistake("of", f"'{way}' needs a table that says when: {trait.of} has no time")
        written = getattr(trait, way)
        value = None
        if way == "ratio":
            value = self._condition("ratio", written, scope)
        elif isinstance(written, str):
            value = self._compiled(way, written, scope)
        self._check(way, value)
        weight = self._weight(way, trait.by, scope)
        where = self._condition("where", trait.where, scope) if trait.where is not None else None
        of_value = self._condition("per", member.of_value, scope) if member.of_value is not None else None
        window = self._window(trait.within, rows)
        found = FactTrait(member.name, _TYPES.get(way) or self._type(value), way, rows, value, weight)
        return self._narrowed(found, [where, of_value], window)

    def _rows(self, of: str) -> PersonFacts:
        table = self.project.schema.get(of)
        personal = [it.name for it in self.project.schema if it.personal and it.mapped]
        if table is None:
            raise _Mistake("of", f"there is no table '{of}'.{suggest(of, personal)}")
        if of not in personal:
            after = table.column("person_id") is not None
            what = f"'{of}' is filled after traits" if after else f"rows of '{of}' belong to no person"
            raise _Mistake("of", f"{what}; tables that traits can read: {', '.join(personal)}")
        if of not in self.facts:
            self.facts[of] = PersonFacts(facts(self.project.schema, of))
        return self.facts[of]

    def _scope(self, names: Mapping[str, Name]) -> Scope:
        return Scope(names, timezone=self.timezone, as_of=self.as_of)

    def _scope_of_rows(self, rows: PersonFacts) -> Scope:
        known = about_the_person(self.project)
        return replace(self._scope(rows.names), elsewhere=lambda name: SEES_ROWS if name in known else "")

    def _compiled(self, key: str, text: str, scope: Scope) -> Compiled:
        try:
            return compile_expression(text, scope)
        except ExpressionError as error:
            raise _Mistake(key, error.message, error.column - 1) from None

    def _condition(self, key: str, text: str, scope: Scope) -> Compiled:
        try:
            return compile_condition(text, scope)
        except ExpressionError as error:
            raise _Mistake(key, error.message, error.column - 1 if key != "per" else 0) from None

    def _check(self, way: str, value: Compiled | None) -> None:
        if value is None:
            return
        if value.type == "interval":
            raise _Mistake(way, "a length of time can't be kept: use days_between()")
        if way in ("sum", "average") and value.type not in (*_NUMBERS, "null"):
            raise _Mistake(way, f"'{way}' needs a number, but this is {value.type}")
        if way in ("minimum", "maximum") and value.type == "boolean":
            raise _Mistake(way, f"'{way}' of true and false means nothing: use `exists` with `where`")

    def _weight(self, way: str, by: str | None, scope: Scope) -> Compiled | None:
        if by is None:
            return None
        if way not in WEIGHED:
            raise _Mistake("by", f"`by` goes with {' and '.join(f'`{it}`' for it in WEIGHED)} only")
        weight = self._compiled("by", by, scope)
        if weight.type not in _NUMBERS:
            raise _Mistake("by", f"`by` weighs with a number, but this is {weight.type}")
        return weight

    def _type(self, value: Compiled | None) -> ExpressionType:
        return "text" if value is None or value.type == "null" else value.type

    def _window(self, within: str | list[str] | None, rows: PersonFacts) -> tuple[Window, str] | None:
        """Read a window and the name of the column that it is over."""
        if within is None:
            return None
        written = str(within)
        window = read_window(written)
        if window is None:
            raise _Mistake("within", REMEDY)
        column = window.column or rows.table.time
        if column is None:
            raise _Mistake("within", f"{rows.table.name} has no time: write `{written.strip()} of COLUMN`")
        name = rows.names.get(column)
        if name is None:
            raise _Mistake("within", f"there is no '{column}'.{suggest(column, rows.names)}")
        if name.type not in ("date", "timestamp"):
            raise _Mistake("within", f"'{column}' is {name.type}, not a date")
        try:
            window.first_day(self.today)
        except ValueError as error:
            raise _Mistake("within", str(error)) from None
        return window, column

    def _narrowed(
        self, trait: FactTrait, conditions: list[Compiled | None], window: tuple[Window, str] | None
    ) -> FactTrait:
        """Add the conditions and the window, and say which names are used."""
        elements = [it.element for it in conditions if it is not None]
        where = tuple(elements)
        compiled = [it for it in (trait.value, trait.weight, *conditions) if it is not None]
        used = frozenset().union(*(it.names for it in compiled))
        since = None
        if window is not None:
            inside, column = window
            narrow, wide = trait.facts.names[column], trait.facts.facts.names[column]
            elements.append(inside.reaches(narrow.element, narrow.type, self.today, self.timezone))
            since = inside.reaches(wide.element, wide.type, self.today, self.timezone)
            used |= {column}
        known = frozenset(used & trait.facts.names.keys())
        condition = sa.and_(*elements) if elements else None
        return replace(trait, condition=condition, since=since, used=known, where=where, window=window)

    # scores

    def _part(self, name: str, score: Score, part_name: str) -> FactTrait:
        try:
            return self._weighed(f"{name}.{part_name}", score, score.parts[part_name])
        except _Mistake as mistake:
            raise mistake.below("parts", part_name) from None

    def _weighed(self, name: str, score: Score, part: ScorePart) -> FactTrait:
        rows = self._rows(part.of)
        half_life = score.half_life if part.half_life is None else part.half_life
        if half_life is not None and not half_life:
            raise _Mistake("half_life", "after no time at all, nothing is left: write at least an hour")
        if half_life is not None and rows.time is None:
            raise _Mistake("of", f"a half-life needs a table that says when: {part.of} has no time")
        scope = self._scope_of_rows(rows)
        weight = self._compiled("weight", part.weight, scope)
        if weight.type not in _NUMBERS:
            raise _Mistake("weight", f"a weight is a number, but this is {weight.type}")
        where = self._condition("where", part.where, scope) if part.where is not None else None
        way = "sum" if half_life is None else DECAYED
        found = FactTrait(name, "number", way, rows, weight, half_life=half_life)
        return self._narrowed(found, [where], self._window(part.within, rows))

    def _scored(self, name: str, score: Score) -> Iterator[DerivedTrait]:
        """Give the score, and what gave most of it: of equal parts, the one that is written first."""
        number = SQL_TYPES["number"]
        parts: dict[str, sa.ColumnElement[Any]] = {}
        for part_name, part in score.parts.items():
            given = sa.func.coalesce(sa.column(f"{name}.{part_name}", number), sa.literal_column("0"), type_=number)
            limit = sa.cast(sa.literal_column(repr(part.at_most)), number) if part.at_most is not None else None
            parts[part_name] = given if limit is None else sa.func.least(given, limit, type_=number)
        total: sa.ColumnElement[Any] = sum(list(parts.values())[1:], next(iter(parts.values())))
        if score.at_most is not None:
            total = sa.func.least(total, sa.cast(sa.literal_column(repr(score.at_most)), number), type_=number)
        most = sa.func.greatest(*parts.values(), type_=number)
        whens = [(sa.and_(value > 0, value == most), sa.literal(part_name)) for part_name, value in parts.items()]
        needs = frozenset(f"{name}.{part_name}" for part_name in parts)
        yield DerivedTrait(name, "number", total, needs)
        yield DerivedTrait(name + REASON, "text", sa.case(*whens), needs)

    # expressions over the person and other traits

    def _derived(
        self, traits: Mapping[str, Member], known: dict[str, ExpressionType], failed: set[str]
    ) -> Iterator[DerivedTrait]:
        person = {
            column.name: column.type for column in self.project.schema["person"].columns if column.name not in traits
        }
        waiting = dict(self._needs(traits, failed))
        while waiting:
            ready = [name for name, needs in waiting.items() if not needs & waiting.keys()]
            if not ready:
                self._circle(waiting)
                return
            for name in sorted(ready):
                needs = waiting.pop(name)
                if needs & failed:
                    failed.add(name)
                    continue
                member = traits.get(name)
                try:
                    trait = self._one(name, member.trait if member else None, needs, {**person, **known})
                except _Mistake as mistake:
                    self._tell("trait", name, mistake)
                    failed.add(name)
                    continue
                known[name] = trait.type
                yield trait

    def _needs(self, traits: Mapping[str, Member], failed: set[str]) -> Iterator[tuple[str, frozenset[str]]]:
        for name, member in traits.items():
            written = {key: getattr(member.trait, key) for key in ("is_", "rank", "among")}
            needs: frozenset[str] = frozenset()
            for key, text in written.items():
                try:
                    needs |= names_in(text) if text is not None else frozenset()
                except ExpressionError as error:
                    self._tell("trait", name, _Mistake(key.rstrip("_"), error.message, error.column - 1))
                    failed.add(name)
            if member.trait.of is None and name not in failed:
                yield name, needs
        for name, over in SCORES.items():
            if name not in traits:
                yield name, frozenset({over, "order_count"})
        if RFM not in traits:
            yield RFM, frozenset(SCORES)

    def _one(
        self, name: str, trait: Trait | None, needs: frozenset[str], known: Mapping[str, ExpressionType]
    ) -> DerivedTrait:
        names = {it: Name(sa.column(it, SQL_TYPES[type_]), type_) for it, type_ in known.items()}  # type: ignore[index]
        if trait is None and name == RFM:
            return DerivedTrait(name, "text", _rfm(names), needs)
        if trait is None:
            return DerivedTrait(
                name, "integer", _score(names[SCORES[name]].element, names["order_count"].element), needs
            )
        scope = replace(self._scope(names), elsewhere=partial(comes_with, "trait"))
        if trait.rank is not None:
            by = self._compiled("rank", trait.rank, scope)
            if by.type in ("interval", "boolean"):
                raise _Mistake("rank", f"people are ranked by a number, a text or a moment, not by {by.type}")
            among = self._condition("among", trait.among, scope).element if trait.among is not None else sa.true()
            return DerivedTrait(name, "number", _rank(by.element, among), needs)
        value = self._compiled("is", trait.is_ or "", scope)
        self._check("is", value)
        return DerivedTrait(name, self._type(value), value.element, needs)

    def _circle(self, waiting: Mapping[str, frozenset[str]]) -> None:
        path = circle(waiting)
        told = " -> ".join([*path, path[0]])
        owner = next((name for name in path if name in self.project.traits), path[0])
        self._tell("trait", owner, _Mistake("is", f"traits use each other in a circle: {told}"))

    def _own_below(self, name: str) -> str:
        """Name a trait of the project's own that a built-in one builds on."""
        used = names_in(BUILT_IN[name].is_ or "null") if name in BUILT_IN else frozenset()
        return next((it for it in sorted(used) if ("trait", it) in self.project.origins), "")

    def _tell(self, kind: str, name: str, mistake: _Mistake) -> None:
        origin = self.project.origins.get((kind, name))
        own = self._own_below(name) if origin is None else ""
        if own:
            message = f"the built-in '{name}' builds on it and fails: {mistake.message}. Define '{name}' anew too"
            self.problems.append(self.project.origins["trait", own].at_key(message=message))
        elif origin is None:
            self.problems.append(Problem(f"{kind} {name}", 0, 0, mistake.message))
        elif mistake.path:
            self.problems.append(origin.at_value(*mistake.path, message=mistake.message, offset=mistake.offset))
        else:
            self.problems.append(origin.at_key(message=mistake.message))


def _too_long(name: str) -> str:
    return f"the name '{name}' has {len(name)} characters, and engines keep {LONGEST}: shorten it"


def circle(waiting: Mapping[str, frozenset[str]]) -> list[str]:
    """Find names that need each other in a circle, among names none of which can come first."""
    path = [min(waiting)]
    while True:
        following = min(name for name in waiting[path[-1]] if name in waiting)
        if following in path:
            return path[path.index(following) :]
        path.append(following)


def _rank(value: sa.ColumnElement[Any], among: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    """Give percent_rank() among people who meet a condition and have a value; null for the others."""
    counted = sa.and_(among, value.is_not(None))
    rank = sa.func.percent_rank().over(partition_by=sa.case((counted, 1), else_=0), order_by=value)
    return sa.case((counted, sa.cast(rank, SQL_TYPES["number"])))


def _score(value: sa.ColumnElement[Any], order_count: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Give the quintile: least(5, 1 + floor(5 * percent_rank())) among people with orders."""
    customer = sa.and_(order_count > 0, value.is_not(None))
    rank = sa.func.percent_rank().over(partition_by=sa.case((customer, 1), else_=0), order_by=value)
    return sa.case((customer, sa.cast(sa.func.least(5, 1 + sa.func.floor(5 * rank)), sa.BigInteger())))


def _rfm(names: Mapping[str, Name]) -> sa.ColumnElement[Any]:
    texts = [sa.cast(names[name].element, sa.Text()) for name in SCORES]
    return texts[0] + texts[1] + texts[2]
