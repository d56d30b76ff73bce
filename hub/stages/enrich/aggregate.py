"""Aggregate facts per person: one scan of each table, however many traits are computed from it.

What needs its rows grouped otherwise first (favourites, intervals) reads the rows that the one scan left behind,
narrowed to what is used of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.errors import InternalError
from hub.people.facts import PersonFacts
from hub.people.plan import DECAYED, FactTrait
from hub.people.window import moment_or_day
from hub.project import Project
from hub.schema.shape import SQL_TYPES
from hub.warehouse import Transaction
from hub.warehouse.constructs import earliest, latest, local_date, mean, median

APART = ("favourite", "median_interval")
"""The ways that need rows grouped otherwise first."""

DAY = 86_400.0


@dataclass(frozen=True)
class Aggregates:
    """What was aggregated: for each trait by its name a relation with person_id and a column of that name.

    Of the traits in `touched`, only the people there (person_id) were computed; others have what `before` has, the
    traits of the run before.
    """

    found: Mapping[str, sa.FromClause]
    touched: Mapping[str, sa.FromClause] = field(default_factory=dict)
    before: Sequence[sa.FromClause] = ()


def aggregates(
    transaction: Transaction, project: Project, traits: Sequence[FactTrait], as_of: datetime
) -> dict[str, sa.FromClause]:
    """Hold the aggregates: for each trait by its name a relation with person_id and a column of that name."""
    found: dict[str, sa.FromClause] = {}
    for table in dict.fromkeys(trait.facts.table.name for trait in traits):
        mine = [it for it in traits if it.facts.table.name == table]
        found |= aggregates_of(transaction, project, mine, as_of, _rows(transaction, project, mine, as_of), table)
    return found


def aggregates_of(
    transaction: Transaction,
    project: Project,
    traits: Sequence[FactTrait],
    as_of: datetime,
    rows: sa.Select[Any],
    name: str,
) -> dict[str, sa.FromClause]:
    """Hold the aggregates of some rows of one table, which have person_id and what the traits use."""
    facts = traits[0].facts
    together = [trait for trait in traits if trait.way not in APART]
    apart = [trait for trait in traits if trait.way in APART]
    person_id = facts.seen.c.person_id
    found: dict[str, sa.FromClause] = {}
    if apart:
        transaction.hold(facts.seen.name, rows)
    if together:
        query = (
            sa.select(person_id, *(_aggregate(trait, project, as_of).label(trait.name) for trait in together))
            .select_from(facts.seen)
            .group_by(person_id)
        )
        # a scan that nobody else needs streams into its aggregates and is kept nowhere
        query = query if apart else query.add_cte(rows.cte(facts.seen.name))
        held = transaction.hold(f"trait_of_{name}", query)
        found |= {trait.name: held for trait in together}
    for number, trait in enumerate(apart):
        select = _favourite if trait.way == "favourite" else _median_interval
        found[trait.name] = transaction.hold(f"trait_apart_{name}_{number}", select(trait, project.hub.timezone))
    return found


def _rows(transaction: Transaction, project: Project, traits: Sequence[FactTrait], as_of: datetime) -> sa.Select[Any]:
    """Select the rows that any of the traits of one table could count, with their person."""
    facts: PersonFacts = traits[0].facts
    windows = [trait.since for trait in traits if trait.since is not None]
    return facts.select(
        transaction.table("source_record"),
        (name for trait in traits for name in trait.used),
        facts.until(as_of, project.hub.timezone),
        windows if len(windows) == len(traits) else (),
    )


def _aggregate(trait: FactTrait, project: Project, as_of: datetime) -> sa.ColumnElement[Any]:
    condition = trait.condition
    value = trait.value.element if trait.value is not None else None
    type_ = SQL_TYPES[trait.type]  # type: ignore[index]

    def counted(function: sa.Function[Any]) -> sa.ColumnElement[Any]:
        return function.filter(condition) if condition is not None else function

    match trait.way:
        case "count":
            return counted(sa.func.count())
        case "exists":
            return counted(sa.func.count()) > 0
        case "first" | "last":
            time = trait.facts.time
            if time is None or value is None:
                raise InternalError("planning lets `first` and `last` through only with a time and a value")
            given = value if condition is None else sa.case((condition, value))
            pick = earliest if trait.way == "first" else latest
            # rows of one moment: the smaller value by its own order for first, the greater for last
            return pick(sa.type_coerce(given, type_), time.element, value)
        case "distinct":
            return counted(sa.Function("count", sa.distinct(sa.type_coerce(value, sa.Text()))))
        case "ratio":
            return sa.cast(_ratio(trait), type_)
        case "average":
            return mean(value if condition is None else sa.case((condition, value)))
        case _ if trait.way == DECAYED:
            return sa.cast(counted(sa.func.sum(_decayed(trait, project, as_of))), type_)
    function = {"sum": "sum", "minimum": "min", "maximum": "max"}[trait.way]
    return sa.cast(counted(sa.Function(function, value)), type_)


def _ratio(trait: FactTrait) -> sa.ColumnElement[Any]:
    """Give the share of rows, or of their weight, that meets the condition; null where there is nothing to share."""
    if trait.value is None:
        raise InternalError("planning lets `ratio` through only with a condition")
    weight: Any = trait.weight.element if trait.weight is not None else sa.literal_column("1")
    asked = [trait.condition] if trait.condition is not None else []
    total = sa.func.sum(weight)
    part = sa.func.coalesce(total.filter(*asked, trait.value.element), sa.literal_column("0"))
    whole: sa.ColumnElement[Any] = sa.cast(total.filter(*asked) if asked else total, sa.Double())
    share = sa.cast(part, sa.Double()).op("/", precedence=8)
    return share(sa.func.nullif(whole, sa.literal_column("0", sa.Double())))


def _decayed(trait: FactTrait, project: Project, as_of: datetime) -> sa.ColumnElement[Any]:
    """Give the weight of a row at the start of the as-of day: half after every half-life."""
    time = trait.facts.time
    if time is None or trait.value is None or trait.half_life is None:
        raise InternalError("planning lets a half-life through only with a time and a weight")
    today = as_of.astimezone(ZoneInfo(project.hub.timezone)).date()
    age: sa.ColumnElement[Any]
    if time.type == "date":
        age = sa.cast(moment_or_day(today, "date", project.hub.timezone) - time.element, sa.Double()) * DAY
    else:
        start = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo(project.hub.timezone)).timestamp()
        age = sa.literal(start, sa.Double()) - sa.cast(sa.extract("epoch", time.element), sa.Double())
    halvings = sa.func.greatest(age, sa.literal_column("0")) / sa.literal(trait.half_life.total_seconds(), sa.Double())
    left = sa.func.power(sa.literal(0.5, sa.Double()), halvings)
    return sa.case((time.element.is_not(None), sa.cast(trait.value.element, sa.Double()) * left))


def _favourite(trait: FactTrait, _: str) -> sa.Select[Any]:
    """Select the value of each person that weighs most; ties go to the latest, then by name."""
    time, seen = trait.facts.time, trait.facts.seen
    value = trait.value.element if trait.value is not None else sa.null()
    given = (
        sa.select(
            seen.c.person_id,
            value.label("value"),
            (trait.weight.element if trait.weight is not None else sa.literal_column("1")).label("weight"),
            (time.element if time is not None else sa.null()).label("time"),
        )
        .where(*([trait.condition] if trait.condition is not None else []))
        .subquery()
    )
    weighed = (
        sa.select(
            given.c.person_id,
            given.c.value,
            sa.func.sum(given.c.weight).label("weight"),
            sa.func.max(given.c.time).label("time"),
        )
        .where(given.c.value.is_not(None))
        .group_by(given.c.person_id, given.c.value)
        .subquery()
    )
    place = sa.func.row_number().over(
        partition_by=weighed.c.person_id,
        order_by=[weighed.c.weight.desc().nulls_last(), weighed.c.time.desc().nulls_last(), weighed.c.value],
    )
    placed = sa.select(weighed.c.person_id, weighed.c.value, place.label("place")).subquery()
    return sa.select(placed.c.person_id, placed.c.value.label(trait.name)).where(placed.c.place == 1)


def _median_interval(trait: FactTrait, timezone: str) -> sa.Select[Any]:
    """Select the median number of days between the days on which each person has rows."""
    time, seen = trait.facts.time, trait.facts.seen
    if time is None:
        raise InternalError("planning lets `median_interval` through only with a time")
    day = time.element if time.type == "date" else local_date(time.element, timezone)
    days = (
        sa.select(seen.c.person_id, day.label("day"))
        .where(time.element.is_not(None), *([trait.condition] if trait.condition is not None else []))
        .distinct()
        .subquery()
    )
    before = sa.func.lag(days.c.day).over(partition_by=days.c.person_id, order_by=days.c.day)
    gaps = sa.select(days.c.person_id, sa.cast(days.c.day - before, sa.BigInteger()).label("gap")).subquery()
    middle = sa.cast(median(gaps.c.gap), SQL_TYPES["number"])
    return (
        sa.select(gaps.c.person_id, middle.label(trait.name)).where(gaps.c.gap.is_not(None)).group_by(gaps.c.person_id)
    )
