"""`hub scenario results NAME --by CUT`: what its messages came to by channel, way, time or group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.cli.results import table
from hub.errors import ConfigurationError, suggest

if TYPE_CHECKING:
    from rich.console import Console

CUTS: Mapping[str, Mapping[str, str]] = {
    "channel": {"channel": "channel"},
    "step": {"channel": "channel", "step": "step"},
    "variant": {"channel": "channel", "variant": "variant"},
    "weekday": {"channel": "channel", "weekday": "day"},
    "hour": {"channel": "channel", "hour": "hour"},
    "group": {"channel": "channel", "grouped_by": "grouped by", "group_value": "group"},
    "group_weekday": {"channel": "channel", "grouped_by": "grouped by", "group_value": "group", "weekday": "day"},
    "group_hour": {"channel": "channel", "grouped_by": "grouped by", "group_value": "group", "hour": "hour"},
}
"""The columns that tell the rows of a cut apart, with their headings."""

COUNTS = ("people", "sent", "delivered", "opened", "clicked", "unsubscribed", "bounced", "complained", "conversions")
AMOUNTS = ("revenue", "cost", "roi")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def results_by(folder: Path | None, name: str, cut: str) -> Answer:
    """Read one cut of a scenario's results, as of the last run. Raises ConfigurationError for a name that is none."""
    from hub.warehouse.reading import reading

    project = open_project(folder)
    if name not in project.scenarios:
        raise ConfigurationError(f"there is no scenario '{name}'.{suggest(name, project.scenarios)}")
    if cut not in CUTS:
        raise ConfigurationError(f"results are not cut by '{cut}'.{suggest(cut, CUTS)} Known: {', '.join(CUTS)}.")
    by = CUTS[cut]
    result = project.schema.table("scenario_result")
    columns = [result.c[column] for column in (*by, "hidden", *COUNTS, *AMOUNTS, "as_of")]
    asked = sa.select(*columns).where(result.c.scenario == name, result.c.cut == cut)
    with reading(project.hub.engine, project.schema, project.state) as published:
        rows = [dict(row._mapping) for row in published.rows(asked.order_by(*(result.c[column] for column in by)))]
    return Answer({"scenario": name, "by": cut, "rows": rows}, lambda console: _show(console, name, by, rows))


def _show(console: Console, name: str, by: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        console.print(f"{name} has no results by {', '.join(by.values())} yet.", markup=False)
        return
    console.print(f"{name}, as of {rows[0]['as_of']:%Y-%m-%d %H:%M %Z}", markup=False)
    told = [column for column in (*COUNTS, *AMOUNTS) if any(row[column] is not None for row in rows)]
    table(console, "Messages", [*by.values(), *told], [_row(row, by, told) for row in rows])
    if any(row["hidden"] for row in rows):
        console.print("Hidden are groups of few people, and those that would give them away.")


def _row(row: Mapping[str, Any], by: Mapping[str, str], told: Sequence[str]) -> list[str]:
    names = [DAYS[row[column] - 1] if column == "weekday" else str(row[column]) for column in by]
    if row["hidden"]:
        return [*names, *(["hidden"] if told else []), *[""] * (len(told) - 1)]
    return [*names, *(_number(column, row[column]) for column in told)]


def _number(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column == "roi":
        return f"{value:+.0%}"
    return f"{value:,.2f}" if column in AMOUNTS else f"{value:,}"
