"""Aggregate facts per person: one pass over each table, and one more for what counts values or intervals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.errors import InternalError
from hub.people.facts import Facts
from hub.people.traits import FactTrait
from hub.project import Project
from hub.schema.shape import SQL_TYPES
from hub.warehouse import Transaction
from hub.warehouse.constructs import earliest, latest, local_date, median

APART = ("favourite", "median_interval")
"""The ways that need rows grouped otherwise first."""


def aggregates(
    transaction: Transaction, project: Project, traits: Sequence[FactTrait], as_of: datetime
) -> dict[str, sa.FromClause]:
    """Hold the aggregates: for each trait by its name a relation with person_id and a column of that name."""
    found: dict[str, sa.FromClause] = {}
    for table in dict.fromkeys(trait.facts.table.name for trait in traits):
        together = [trait for trait in traits if trait.facts.table.name == table and trait.way not in APART]
        if together:
            rows = _rows(transaction, project, together, as_of)
            query = rows.add_columns(*(_aggregate(trait).label(trait.name) for trait in together))
            held = transaction.hold(f"trait_of_{table}", query.group_by(_person(transaction)))
            found |= {trait.name: held for trait in together}
    for number, trait in enumerate(trait for trait in traits if trait.way in APART):
        rows = _rows(transaction, project, [trait], as_of)
        select = _favourite if trait.way == "favourite" else _median_interval
        found[trait.name] = transaction.hold(f"trait_apart_{number}", select(rows, trait, project.hub.timezone))
    return found


def _person(transaction: Transaction) -> sa.ColumnElement[int]:
    return transaction.table("source_record").c.person_id


def _rows(
    transaction: Transaction, project: Project, traits: Sequence[FactTrait], as_of: datetime
) -> sa.Select[tuple[int]]:
    """Select the rows that any of the traits of one table could count, with their person."""
    facts: Facts = traits[0].facts
    record = transaction.table("source_record")
    relation = facts.relation(name for trait in traits for name in trait.used)
    rows = sa.select(record.c.person_id).select_from(
        relation.join(record, record.c.record_id == facts.rows.c.record_id)
    )
    if facts.time is not None:
        time = facts.time.element
        end: Any = as_of if facts.time.type == "timestamp" else as_of.astimezone(ZoneInfo(project.hub.timezone)).date()
        rows = rows.where(sa.or_(time.is_(None), time <= end))
    if all(trait.since is not None for trait in traits):
        rows = rows.where(sa.or_(*(trait.since for trait in traits if trait.since is not None)))
    return rows


def _aggregate(trait: FactTrait) -> sa.ColumnElement[Any]:
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
    function = {"sum": "sum", "average": "avg", "minimum": "min", "maximum": "max"}[trait.way]
    return sa.cast(counted(sa.Function(function, value)), type_)


def _favourite(rows: sa.Select[tuple[int]], trait: FactTrait, _: str) -> sa.Select[Any]:
    """Select the value of each person that weighs most; ties go to the latest, then by name."""
    time = trait.facts.time
    value = trait.value.element if trait.value is not None else sa.null()
    if trait.condition is not None:
        rows = rows.where(trait.condition)
    given = rows.add_columns(
        value.label("value"),
        (trait.weight.element if trait.weight is not None else sa.literal_column("1")).label("weight"),
        (time.element if time is not None else sa.null()).label("time"),
    ).subquery()
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


def _median_interval(rows: sa.Select[tuple[int]], trait: FactTrait, timezone: str) -> sa.Select[Any]:
    """Select the median number of days between the days on which each person has rows."""
    time = trait.facts.time
    if time is None:
        raise InternalError("planning lets `median_interval` through only with a time")
    if trait.condition is not None:
        rows = rows.where(trait.condition)
    day = time.element if time.type == "date" else local_date(time.element, timezone)
    days = rows.add_columns(day.label("day")).where(time.element.is_not(None)).distinct().subquery()
    before = sa.func.lag(days.c.day).over(partition_by=days.c.person_id, order_by=days.c.day)
    gaps = sa.select(days.c.person_id, sa.cast(days.c.day - before, sa.BigInteger()).label("gap")).subquery()
    middle = sa.cast(median(gaps.c.gap), SQL_TYPES["number"])
    return (
        sa.select(gaps.c.person_id, middle.label(trait.name)).where(gaps.c.gap.is_not(None)).group_by(gaps.c.person_id)
    )
