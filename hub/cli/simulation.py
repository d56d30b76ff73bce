"""`hub scenario simulate NAME`: what a scenario would have done on days that have been."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from hub.simulation import Day, Simulation

MOST_DAYS = 62
"""Beyond so many days a line is a week."""
BAR = 40


def simulate(folder: Path | None, name: str, first: str, last: str, people: int | None, show: bool) -> Answer:
    """Replay history; while a terminal looks on, tell which day it is."""
    from hub.simulation import simulate as work

    project = open_project(folder)
    days = _day("--from", first), _day("--to", last)
    with _progress((days[1] - days[0]).days + 1, show) as on_day:
        found = work(project, name, *days, people, on_day)
    return Answer(asdict(found), lambda console: _show(console, found))


def _day(option: str, given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ConfigurationError(f"{option} '{given}' is no day: write 2026-03-01") from None


@contextmanager
def _progress(days: int, show: bool) -> Iterator[Callable[[date], None]]:
    if not (show and sys.stderr.isatty()):
        yield lambda day: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("simulating", total=days)
        yield lambda day: progress.update(task, advance=1, description=f"simulating {day}")


def _show(console: Console, found: Simulation) -> None:
    sample = f" of {found.of_people:,}" if found.people != found.of_people else ""
    console.print(f"{found.scenario}, {found.first} to {found.last}, {found.people:,}{sample} people; nothing was sent")
    _days(console, found)
    cap = {} if found.over_cap is None else {"people over the limit, other systems included": found.over_cap}
    entries = {
        "entries": found.entries,
        "people who entered": found.entered_people,
        "in the control group": found.control,
        "still under way": found.under_way,
        **cap,
    }
    _counts(console, "Entries", ("", "number"), entries.items())
    _counts(console, "Ends", ("why", "ways"), found.exits.items())
    sent = [
        (step, channel, f"{number:,}") for step, channels in found.steps.items() for channel, number in channels.items()
    ]
    _table(console, "Messages", ("step", "channel", "messages"), sent)
    done = [(step, what, f"{number:,}") for step, whats in found.done.items() for what, number in whats.items()]
    _table(console, "Done", ("step", "what", "number"), done)
    _counts(console, "Refused", ("why", "ways"), found.refusals.items())
    _counts(console, "Dropped", ("why", "messages"), found.dropped.items())
    _counts(console, "Consent lost on the way", ("channel", "people"), found.consent_losses.items())
    waits = [(wait.reason, f"{wait.people:,}", f"{wait.days:,}") for wait in found.waits]
    _table(console, "Waited", ("why", "people", "days in all"), waits)
    met = [(it.scenario, f"{it.went_first:,}", f"{it.had_to_wait:,}") for it in found.collisions]
    _table(console, "On the same day", ("scenario", "people for whom it went first", "people for whom it waited"), met)
    if found.cost is not None:
        total = sum(found.cost.values())
        _table(console, "Cost", ("channel", "cost"), [*_costs(found.cost), ("all", f"{total:,.2f}")])


def _costs(cost: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(channel, f"{amount:,.2f}") for channel, amount in cost.items()]


def _counts(console: Console, title: str, headings: Sequence[str], rows: Any) -> None:
    _table(console, title, headings, [(name, f"{number:,}") for name, number in rows])


def _table(console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Draw a table whose columns after the words are numbers; nothing where there is nothing to tell."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    words = 2 if {"channel", "what"} & set(headings[1:]) else 1
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < words else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _days(console: Console, found: Simulation) -> None:
    """Draw the messages of every day as a bar, or of every week where there are many days."""
    from rich.table import Table

    by_week = len(found.days) > MOST_DAYS
    spans: dict[date, list[Day]] = {}
    for day in found.days:
        spans.setdefault(day.day - timedelta(days=day.day.weekday()) if by_week else day.day, []).append(day)
    channels = list(found.messages)
    sent = {start: sum(sum(day.messages.values()) for day in span) for start, span in spans.items()}
    most = max(sent.values(), default=0)
    table = Table(title="Messages by week" if by_week else "Messages by day", title_justify="left")
    table.add_column("week of" if by_week else "day")
    for heading in ("entries", *channels):
        table.add_column(heading, justify="right")
    table.add_column("")
    for start, span in spans.items():
        numbers = [sum(day.entries for day in span)]
        numbers += [sum(day.messages.get(channel, 0) for day in span) for channel in channels]
        bar = "█" * max(round(sent[start] / most * BAR), 1) if sent[start] else ""
        table.add_row(start.isoformat(), *(f"{number:,}" if number else "" for number in numbers), bar)
    console.print(table)
