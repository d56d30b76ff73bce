"""Traits: what is known of every person, planned from YAML and from what is built in.

A trait is an aggregate over the person's rows of a table, a score among all customers, or an expression over the
person and other traits. Planning compiles each once, checks it, and puts them in an order in which each comes after
those it uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
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
from hub.people.facts import Facts, facts
from hub.project import Project
from hub.project.models import Trait
from hub.schema.shape import SQL_TYPES, STORE

_COUNTING = "status is null or status not in ('cancelled', 'refunded', 'test')"

BUILT_IN: Mapping[str, Trait] = {
    name: Trait.model_validate(trait)
    for name, trait in {
        "age": {"is": "age(birth_date)", "summary": "Whole years on the as-of day."},
        "order_count": {
            "of": "sales_order",
            "count": True,
            "where": _COUNTING,
            "summary": "Orders, without cancelled, refunded and test ones; so are all traits on orders here.",
        },
        "spent_lifetime": {"of": "sales_order", "sum": "total", "where": _COUNTING, "summary": "Total of all orders."},
        "first_order_at": {"of": "sales_order", "minimum": "ordered_at", "where": _COUNTING, "summary": "First order."},
        "last_order_at": {"of": "sales_order", "maximum": "ordered_at", "where": _COUNTING, "summary": "Last order."},
        "orders_365d": {
            "of": "sales_order",
            "count": True,
            "where": _COUNTING,
            "within": "365 days",
            "summary": "Orders at most 365 days ago.",
        },
        "own_order_interval": {
            "of": "sales_order",
            "median_interval": True,
            "where": _COUNTING,
            "summary": "The customer's own habit: median days between the days of orders.",
        },
        "days_since_last_order": {"is": "days_since(last_order_at)", "summary": "Calendar days since the last order."},
        "life_cycle": {
            "is": "case when order_count = 0 then 'prospect'"
            " when days_since_last_order > 365 or days_since_last_order > 2 * own_order_interval then 'inactive'"
            " when order_count = 1 and days_since_last_order <= 90 then 'new'"
            " when orders_365d >= 3 then 'loyal' else 'active' end",
            "summary": "prospect, new, active, loyal or inactive (R31).",
        },
    }.items()
}
"""The traits that every project has. One that a project defines under the same name goes before it."""

SCORES: Mapping[str, str] = {
    "recency_score": "last_order_at",
    "frequency_score": "order_count",
    "monetary_score": "spent_lifetime",
}
"""Quintiles among people with orders, 1 to 5, by the trait that each ranks; equal people get equal scores."""

RFM = "rfm"
"""The three scores as one text: 545."""

WITHIN = re.compile(r"([0-9]{1,5}) (day|week)s?(?: of ([a-z_][a-z0-9_.]*))?")
_TYPES: Mapping[str, ExpressionType] = {
    "count": "integer",
    "exists": "boolean",
    "average": "number",
    "median_interval": "number",
}
_TIMED = ("first", "last", "median_interval")


@dataclass(frozen=True)
class FactTrait:
    """A trait computed from a person's rows of one table; `condition` has both `where` and `within`."""

    name: str
    type: ExpressionType
    way: str
    facts: Facts
    value: Compiled | None = None
    weight: Compiled | None = None
    condition: sa.ColumnElement[bool] | None = None
    since: sa.ColumnElement[bool] | None = None
    used: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DerivedTrait:
    """A trait computed from columns of the person and other traits, all of which `element` names bare."""

    name: str
    type: ExpressionType
    element: sa.ColumnElement[Any] = field(compare=False)
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TraitPlan:
    """All traits of a project, ready to compute: `derived` in an order that works."""

    of_facts: tuple[FactTrait, ...]
    derived: tuple[DerivedTrait, ...]

    @property
    def types(self) -> Mapping[str, ExpressionType]:
        """Give the type of each trait, by name, in the order of the trait table's columns."""
        found = {trait.name: trait.type for trait in self.of_facts}
        return {**found, **{trait.name: trait.type for trait in self.derived}}

    def table(self) -> sa.TableClause:
        """Give the stored table of traits: person_id and one column per trait."""
        columns = [sa.column(name, SQL_TYPES[type_]) for name, type_ in self.types.items()]  # type: ignore[index]
        return sa.table("trait", sa.column("person_id", sa.BigInteger()), *columns, schema=STORE)


def plan_traits(project: Project, as_of: datetime) -> TraitPlan:
    """Plan all traits of a project. Raises ConfigurationError with every mistake."""
    planning = _Planning(project, as_of)
    plan = planning.plan()
    if planning.problems:
        raise ConfigurationError(planning.problems)
    return plan


def trait_problems(project: Project, as_of: datetime) -> list[Problem]:
    """Find the mistakes in a project's traits: unknown tables and columns, wrong types, circles."""
    planning = _Planning(project, as_of)
    planning.plan()
    return planning.problems


def definitions(project: Project) -> dict[str, Trait]:
    """Give the project's own traits and the built-in ones, but for those that a column of person stands for."""
    person = project.schema["person"]
    return {**{name: it for name, it in BUILT_IN.items() if person.column(name) is None}, **project.traits}


class _Mistake(Exception):
    """A trait is wrong at one of its keys, `offset` columns into its value."""

    def __init__(self, key: str, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.key, self.message, self.offset = key, message, offset


class _Planning:
    """Collects what works and what does not."""

    def __init__(self, project: Project, as_of: datetime) -> None:
        self.project = project
        self.as_of = as_of
        self.today = as_of.astimezone(ZoneInfo(project.hub.timezone)).date()
        self.problems: list[Problem] = []
        self.facts: dict[str, Facts] = {}

    def plan(self) -> TraitPlan:
        traits = definitions(self.project)
        of_facts = []
        for name, trait in traits.items():
            if trait.of is not None:
                try:
                    of_facts.append(self._of_facts(name, trait))
                except _Mistake as mistake:
                    self._tell(name, mistake)
        known: dict[str, ExpressionType] = {trait.name: trait.type for trait in of_facts}
        failed = {name for name, trait in traits.items() if trait.of is not None} - set(known)
        return TraitPlan(tuple(of_facts), tuple(self._derived(traits, known, failed)))

    # aggregates

    def _of_facts(self, name: str, trait: Trait) -> FactTrait:
        rows, way = self._rows(trait), trait.way
        scope = Scope(rows.names, timezone=self.project.hub.timezone, as_of=self.as_of)
        if way in _TIMED and rows.time is None:
            raise _Mistake("of", f"'{way}' needs a table that says when: {trait.of} has no time")
        value = self._compiled(way, getattr(trait, way), scope) if isinstance(getattr(trait, way), str) else None
        self._check(way, value)
        if trait.by is not None and way != "favourite":
            raise _Mistake("by", "`by` goes with `favourite` only")
        weight = self._compiled("by", trait.by, scope) if trait.by is not None else None
        if weight is not None and weight.type not in ("integer", "number"):
            raise _Mistake("by", f"`by` weighs with a number, but this is {weight.type}")
        where = self._where(trait.where, scope) if trait.where is not None else None
        since = self._since(trait.within, rows) if trait.within is not None else None
        conditions = [it for it in (where.element if where else None, since) if it is not None]
        used = frozenset().union(*(it.names for it in (value, weight, where) if it is not None))
        column = _column_of(trait.within)
        return FactTrait(
            name,
            _TYPES.get(way) or self._type(value),
            way,
            rows,
            value,
            weight,
            sa.and_(*conditions) if conditions else None,
            since,
            used | ({column} if column else frozenset()),
        )

    def _rows(self, trait: Trait) -> Facts:
        of = trait.of or ""
        table = self.project.schema.get(of)
        personal = [it.name for it in self.project.schema if it.personal and it.mapped]
        if table is None:
            raise _Mistake("of", f"there is no table '{of}'.{suggest(of, personal)}")
        if of not in personal:
            raise _Mistake("of", f"rows of '{of}' belong to no person; tables that do: {', '.join(personal)}")
        if of not in self.facts:
            self.facts[of] = facts(self.project.schema, of)
        return self.facts[of]

    def _compiled(self, key: str, text: str, scope: Scope) -> Compiled:
        try:
            return compile_expression(text, scope)
        except ExpressionError as error:
            raise _Mistake(key, error.message, error.column - 1) from None

    def _where(self, text: str, scope: Scope) -> Compiled:
        try:
            return compile_condition(text, scope)
        except ExpressionError as error:
            raise _Mistake("where", error.message, error.column - 1) from None

    def _check(self, way: str, value: Compiled | None) -> None:
        if value is None:
            return
        if value.type == "interval":
            raise _Mistake(way, "a length of time can't be kept: use days_between()")
        if way in ("sum", "average") and value.type not in ("integer", "number", "null"):
            raise _Mistake(way, f"'{way}' needs a number, but this is {value.type}")
        if way in ("minimum", "maximum") and value.type == "boolean":
            raise _Mistake(way, f"'{way}' of true and false means nothing: use `exists` with `where`")

    def _type(self, value: Compiled | None) -> ExpressionType:
        return "text" if value is None or value.type == "null" else value.type

    def _since(self, within: str, rows: Facts) -> sa.ColumnElement[bool]:
        """Give the condition of a window: at most so many calendar days before the as-of day."""
        found = WITHIN.fullmatch(within.strip())
        if found is None:
            raise _Mistake("within", "write `90 days`, `2 weeks` or `90 days of COLUMN`")
        days = int(found[1]) * (7 if found[2] == "week" else 1)
        if found[3] is None and rows.time is None:
            raise _Mistake("within", f"{rows.table.name} has no time: write `{found[1]} {found[2]}s of COLUMN`")
        column = rows.names.get(found[3]) if found[3] else rows.time
        if column is None:
            raise _Mistake("within", f"there is no '{found[3]}'.{suggest(found[3], rows.names)}")
        if column.type not in ("date", "timestamp"):
            raise _Mistake("within", f"'{found[3]}' is {column.type}, not a date")
        return column.element >= moment_or_day(
            self.today - timedelta(days=days), column.type, self.project.hub.timezone
        )

    # expressions over the person and other traits

    def _derived(
        self, traits: Mapping[str, Trait], known: dict[str, ExpressionType], failed: set[str]
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
                try:
                    trait = self._one(name, traits.get(name), needs, {**person, **known})
                except _Mistake as mistake:
                    self._tell(name, mistake)
                    failed.add(name)
                    continue
                known[name] = trait.type
                yield trait

    def _needs(self, traits: Mapping[str, Trait], failed: set[str]) -> Iterator[tuple[str, frozenset[str]]]:
        for name, trait in traits.items():
            if trait.is_ is None:
                continue
            try:
                yield name, names_in(trait.is_)
            except ExpressionError as error:
                self._tell(name, _Mistake("is", error.message, error.column - 1))
                failed.add(name)
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
        scope = Scope(names, timezone=self.project.hub.timezone, as_of=self.as_of)
        value = self._compiled("is", trait.is_ or "", scope)
        self._check("is", value)
        return DerivedTrait(name, self._type(value), value.element, needs)

    def _circle(self, waiting: Mapping[str, frozenset[str]]) -> None:
        path = circle(waiting)
        told = " -> ".join([*path, path[0]])
        owner = next((name for name in path if name in self.project.traits), path[0])
        self._tell(owner, _Mistake("is", f"traits use each other in a circle: {told}"))

    def _tell(self, name: str, mistake: _Mistake) -> None:
        origin = self.project.origins.get(("trait", name))
        self.problems.append(
            origin.at_value(mistake.key, message=mistake.message, offset=mistake.offset)
            if origin is not None
            else Problem(f"trait {name}", 0, 0, mistake.message)
        )


def circle(waiting: Mapping[str, frozenset[str]]) -> list[str]:
    """Find names that need each other in a circle, among names none of which can come first."""
    path = [min(waiting)]
    while True:
        following = min(name for name in waiting[path[-1]] if name in waiting)
        if following in path:
            return path[path.index(following) :]
        path.append(following)


def moment_or_day(day: date, type_: ExpressionType, timezone: str) -> sa.ColumnElement[Any]:
    """Give the first moment of a local day, or the day itself, to compare a column of that type with."""
    if type_ == "date":
        return sa.cast(sa.literal(day, sa.Date()), sa.Date())
    return sa.literal(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)), sa.DateTime(timezone=True))


def _column_of(within: str | None) -> str | None:
    found = WITHIN.fullmatch(within.strip()) if within is not None else None
    return found[3] if found else None


def _score(value: sa.ColumnElement[Any], order_count: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Give the quintile: least(5, 1 + floor(5 * percent_rank())) among people with orders."""
    customer = sa.and_(order_count > 0, value.is_not(None))
    rank = sa.func.percent_rank().over(partition_by=sa.case((customer, 1), else_=0), order_by=value)
    return sa.case((customer, sa.cast(sa.func.least(5, 1 + sa.func.floor(5 * rank)), sa.BigInteger())))


def _rfm(names: Mapping[str, Name]) -> sa.ColumnElement[Any]:
    texts = [sa.cast(names[name].element, sa.Text()) for name in SCORES]
    return texts[0] + texts[1] + texts[2]
