"""Cells: the messages of a scenario added up in several cuts, and those hidden that would tell of few people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.people.groups import UNKNOWN
from hub.people.hiding import hide
from hub.project import Project
from hub.project.scenario import Scenario
from hub.stages.measure.parts import Cell, sums_of
from hub.warehouse import Transaction

CUTS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "channel": ("channel",),
    "step": ("channel", "step"),
    "variant": ("channel", "variant"),
    "weekday": ("channel", "weekday"),
    "hour": ("channel", "hour"),
    "group": ("channel", "group_value"),
    "group_weekday": ("channel", "group_value", "weekday"),
    "group_hour": ("channel", "group_value", "hour"),
}
"""By what each cut tells messages apart; those with a group are made once per grouping."""

NO_VARIANT = "none"
COUNTED = ("sent", "delivered", "opened", "clicked", "unsubscribed", "bounced", "complained", "conversions")
MEASURES = ("people", *COUNTED, "revenue", "cost", "roi")


@dataclass(frozen=True)
class Sums:
    """One row of `scenario_result` before anything is hidden: its columns, and the cell that it is."""

    row: Mapping[str, Any]
    cell: Cell


def add_up(transaction: Transaction, project: Project, scenario: Scenario) -> Sequence[Mapping[str, Any]]:
    """Add the messages of a scenario up in every cut; give the rows of `scenario_result`, with few people hidden."""
    found: list[Sums] = []
    for cut, by in CUTS.items():
        groupings = project.hub.results.groups if "group_value" in by else [None]
        for grouping in groupings:
            found += _cut(transaction, project, scenario, cut, by, grouping)
    people = {sums.cell: int(sums.row["people"]) for sums in found}
    hidden = hide(people, list(sums_of(people)), project.hub.results.hide_below)
    return [
        {**sums.row, **(dict.fromkeys(MEASURES) if sums.cell in hidden else {}), "hidden": sums.cell in hidden}
        for sums in found
    ]


def write(transaction: Transaction, scenario: Scenario, rows: Sequence[Mapping[str, Any]], as_of: datetime) -> None:
    """Put rows in the place of those that a scenario had."""
    import pyarrow as pa

    from hub.warehouse.arrow import arrow_type

    result = transaction.table("scenario_result")
    transaction.execute(sa.delete(result).where(result.c.scenario == scenario.scenario))
    if not rows:
        return
    own = {"scenario": scenario.scenario, "as_of": as_of}
    types = pa.schema([(column.name, arrow_type(column.type)) for column in result.c])
    loaded = transaction.load("results", pa.Table.from_pylist([{**row, **own} for row in rows], types))
    names = list(types.names)
    transaction.execute(sa.insert(result).from_select(names, sa.select(*(loaded.c[name] for name in names))))


def _cut(
    transaction: Transaction,
    project: Project,
    scenario: Scenario,
    cut: str,
    by: Sequence[str],
    grouping: str | None,
) -> list[Sums]:
    relation, names = _messages(transaction, scenario, grouping)
    keys = [names[name].label(name) for name in by]
    outcome = relation.c
    costs = project.hub.costs
    each = (
        sa.case(
            *(
                (outcome.channel == channel, sa.cast(sa.literal(cost), sa.Numeric(18, 4)))
                for channel, cost in costs.items()
            ),
            else_=sa.cast(sa.null(), sa.Numeric(18, 4)),
        )
        if costs
        else sa.cast(sa.null(), sa.Numeric(18, 4))
    )
    counts = [
        sa.func.count()
        .filter(sa.and_(outcome.sent, outcome["converted" if name == "conversions" else name]))
        .label(name)
        for name in COUNTED
    ]
    query = (
        sa.select(
            *keys,
            sa.func.count(outcome.person_id.distinct()).label("people"),
            *counts,
            sa.func.sum(outcome.revenue).filter(outcome.sent).label("revenue"),
            sa.func.sum(each).label("cost"),
            sa.func.count(each).label("with_cost"),
        )
        .select_from(relation)
        .where(outcome.sent)
        .group_by(*[names[name] for name in by])
        .having(sa.func.count() > 0)
        .order_by(*[names[name] for name in by])
    )
    rows = [dict(row._mapping) for row in transaction.rows(query)]
    if cut == "variant" and {row["variant"] for row in rows} <= {NO_VARIANT}:
        return []
    return [_sums(row, cut, by, grouping, scenario) for row in rows]


def _messages(
    transaction: Transaction, scenario: Scenario, grouping: str | None
) -> tuple[sa.Subquery, Mapping[str, sa.ColumnElement[Any]]]:
    """Give the messages of a scenario with their outcome and their person; and what cuts tell apart."""
    outcome, decision = transaction.table("message_outcome"), transaction.table("decision")
    record, group = transaction.table("source_record"), transaction.table("message_group")
    relation = outcome.join(decision, decision.c.decision_id == outcome.c.decision_id).join(
        record, record.c.record_id == decision.c.record_id
    )
    columns: list[sa.ColumnElement[Any]] = [
        record.c.person_id,
        *(outcome.c[name] for name in ("channel", "step", "weekday", "hour", "sent", "converted", "revenue")),
        *(outcome.c[name] for name in COUNTED if name not in ("sent", "conversions")),
        sa.func.coalesce(outcome.c.variant, NO_VARIANT, type_=sa.Text()).label("variant"),
    ]
    if grouping is not None:
        mine = sa.and_(group.c.decision_id == outcome.c.decision_id, group.c.grouped_by == grouping)
        relation = relation.outerjoin(group, mine)
        columns.append(sa.func.coalesce(group.c.group_value, UNKNOWN, type_=sa.Text()).label("group_value"))
    found = (
        sa.select(*columns).select_from(relation).where(outcome.c.scenario == scenario.scenario).subquery("messages")
    )
    return found, dict(found.c.items())


def _sums(row: Mapping[str, Any], cut: str, by: Sequence[str], grouping: str | None, scenario: Scenario) -> Sums:
    goal = scenario.goal
    revenue = (row["revenue"] or 0) if goal is not None and goal.value is not None else None
    cost = row["cost"] if row["with_cost"] == row["sent"] else None
    told = {name: row[name] for name in (*by, "people", *COUNTED)}
    told |= {
        "cut": cut,
        "grouped_by": grouping,
        "conversions": row["conversions"] if goal is not None else None,
        "revenue": revenue,
        "cost": cost,
        "roi": round((revenue - cost) / cost, 4) if cost and revenue is not None else None,
    }
    key = tuple((name, row[name]) for name in by)
    return Sums(told, Cell(cut, grouping or "", key))
