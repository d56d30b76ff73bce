"""`hub scenario results NAME`: what a scenario did, and what it brought more than doing nothing would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import open_project

if TYPE_CHECKING:
    from rich.console import Console

    from hub.people.results import Group, Message, Results
    from hub.people.uplift import Interval

GROUPS = ("group", "ways", "people", "measured", "reached the goal", "share (95%)", "uplift (95%)", "value")
MESSAGES = (
    "step",
    "channel",
    "sent",
    "people",
    "failed",
    "delivered",
    "opened",
    "clicked",
    "reached the goal after it",
    "value",
    "share (95%)",
    "uplift (95%)",
    "cost",
)
WORDS = ("group", "step", "channel", "variant", "day", "grouped by")
"""The headings over words; under the others stand numbers."""


def results(folder: Path | None, name: str) -> Answer:
    """Measure a scenario, as of the last run."""
    from hub.people.results import results as work
    from hub.warehouse.reading import reading

    project = open_project(folder)
    with reading(project.hub.engine, project.schema, project.state) as published:
        found = work(published, project, name)
    fewest = project.hub.results.hide_below
    return Answer(asdict(found), lambda console: _show(console, found, fewest))


def _show(console: Console, found: Results, fewest: int) -> None:
    console.print(f"{found.scenario}, as of {found.as_of:%Y-%m-%d %H:%M %Z}", markup=False)
    console.print(f"Goal: {found.goal}" if found.goal else "No goal: give the scenario `goal:` to measure it by.")
    table(console, "Who entered", GROUPS, [_group(group) for group in found.groups])
    headings = MESSAGES if any(it.cost is not None for it in found.messages) else MESSAGES[:-1]
    table(console, "Messages", headings, [_message(message)[: len(headings)] for message in found.messages])
    hidden = [group.people for group in found.groups] + [message.people for message in found.messages]
    if None in hidden:
        console.print(f"Groups of fewer than {fewest} people are hidden, and those that would give them away.")


def _group(group: Group) -> list[str]:
    if group.people is None:
        return [_named(group), *["hidden"] * 2, *[""] * 5]
    rate, uplift = group.rate, group.uplift
    return [
        _named(group),
        *map(_number, (group.ways, group.people, group.over, group.conversions)),
        _share(rate),
        _share(uplift, "+"),
        _amount(group.revenue),
    ]


def _named(group: Group) -> str:
    return group.group if group.variant is None else f"  {group.variant}"


def _message(message: Message) -> list[str]:
    if message.people is None:
        return [message.step, message.channel, *["hidden"] * 2, *[""] * 9]
    counts = (message.messages, message.people, message.failed, message.delivered, message.opened, message.clicked)
    numbers = map(_number, (*counts, message.conversions))
    shares = _share(message.rate), _share(message.uplift, "+")
    return [message.step, message.channel, *numbers, _amount(message.revenue), *shares, _amount(message.cost)]


def _share(found: Interval | None, sign: str = "") -> str:
    return f"{found.value:{sign}.1%} ({found.low:{sign}.1%} to {found.high:{sign}.1%})" if found is not None else ""


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _amount(amount: Any) -> str:
    return "" if amount is None else f"{amount:,.2f}"


def table(console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show rows under a title, if there are any."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    shown = Table(title=title, title_justify="left")
    for heading in headings:
        shown.add_column(heading, justify="left" if heading in WORDS else "right")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown)
