"""`hub explain PERSON --scenario NAME`: one way through one scenario, step by step."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.on_the_wall import on_the_wall
from hub.cli.project import open_project
from hub.cli.query import printable
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.people.story import Story


def story(folder: Path | None, person: str, scenario: str) -> Answer:
    """Tell what the last run published of a person's way through a scenario."""
    from hub.people.story import story as work

    project = open_project(folder)
    found = work(project, partial(ask, project), person, scenario)
    there = on_the_wall(found, project.hub.timezone)
    return Answer(asdict(found), lambda console: _show(console, there))


def _show(console: Console, found: Story) -> None:
    from rich.table import Table
    from rich.text import Text

    if not found.chapters:
        console.print(f"Person {found.person_id} never entered {found.scenario}.", markup=False)
        return
    console.print(f"Person {found.person_id} in {found.scenario}", style="bold", markup=False)
    table = Table.grid(padding=(0, 2))
    for chapter in found.chapters:
        at = f"{chapter.at:%Y-%m-%d %H:%M}" if chapter.at is not None else ""
        table.add_row(*(Text(printable(cell)) for cell in (at, chapter.step, chapter.what, chapter.why)))
    console.print(table)
