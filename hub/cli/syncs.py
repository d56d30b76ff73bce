"""`hub plan`, `hub apply`, `hub sync resync`: what other systems would get, and giving it to them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import moment, open_project
from hub.cli.query import printable
from hub.errors import ConfigurationError
from hub.published import ask

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from hub.project import Project
    from hub.stages.activate.plan import Applied, Plan, Planned
    from hub.stages.activate.sync import Stores

WORDS: Mapping[str, str] = {
    "new": "added",
    "changed": "updated",
    "again": "sent again",
    "left": "taken out: left",
    "gone": "taken out: nobody's any more",
    "refused": "taken out: consent withdrawn, or suppressed",
    "stray": "taken out: should not be there",
}
"""What becomes of rows, by kind of change."""


def plan(
    folder: Path | None, names: Sequence[str], out: Path | None, try_out: bool, rows: int, as_of: str | None
) -> Answer:
    """Compare, show it, and write it down where a file is named."""
    from hub.stages.activate.plan import make_plan, named, write_plan

    project = open_project(folder)
    syncs = named(project, names)
    with _stores(project, moment(as_of, project)) as stores:
        made = make_plan(stores, syncs, rows, try_out)
    if out is not None:
        write_plan(made, out)
    data = {**asdict(made), "file": str(out) if out is not None else None}
    return Answer(data, lambda console: _show_plan(console, made, out), 1 if any(it.guard for it in made.syncs) else 0)


def apply(
    folder: Path | None,
    file: Path,
    limit: int | None,
    person: str | None,
    override: str,
    by: str | None,
    as_of: str | None,
) -> Answer:
    """Send what was planned."""
    from hub.people.file import find_person
    from hub.stages.activate.plan import apply_plan, read_plan

    project = open_project(folder)
    planned = read_plan(file)
    person_id = find_person(project, partial(ask, project), person) if person is not None else None
    with _stores(project, moment(as_of, project)) as stores:
        done = apply_plan(stores, planned, override, by or getpass.getuser(), limit, person_id)
        stores.warehouse.publish()
    return _done(done)


def resync(folder: Path | None, name: str, override: str, by: str | None, as_of: str | None) -> Answer:
    """Send everything again."""
    from hub.stages.activate.plan import named, run_again

    project = open_project(folder)
    (sync,) = named(project, [name])
    with _stores(project, moment(as_of, project)) as stores:
        done = run_again(stores, sync, override, by or getpass.getuser())
        stores.warehouse.publish()
    return _done([done])


@contextmanager
def _stores(project: Project, as_of: datetime) -> Iterator[Stores]:
    """Open what syncs work on, as a run does. A project with mistakes sends nothing."""
    from hub import pipeline
    from hub.check import check_project
    from hub.recipients import Marks
    from hub.stages.activate.sync import Stores
    from hub.statements import take_in

    problems = check_project(project, as_of)
    if problems:
        raise ConfigurationError(problems)
    with pipeline.workspace(project) as open_:
        take_in(open_.warehouse, open_.ledger, project, as_of)
        yield Stores(open_.warehouse, open_.ledger, project, as_of, Marks(project.key))


def _done(done: Sequence[Applied]) -> Answer:
    failed = any(it.failures or it.refused for it in done)
    return Answer([asdict(it) for it in done], lambda console: _show_done(console, done), 1 if failed else 0)


def _show_done(console: Console, done: Sequence[Applied]) -> None:
    for it in done:
        counts = ", ".join(f"{what.replace('_', ' ')} {number:,}" for what, number in it.counts.items())
        console.print(f"{it.sync}: {counts or 'nothing to do' if not it.refused else 'refused'}", markup=False)
        for reason in filter(None, (it.refused, *it.failures)):
            console.print(f"  {reason}", style="red", markup=False)


def _show_plan(console: Console, made: Plan, out: Path | None) -> None:
    if not made.syncs:
        console.print("There are no syncs: write one in syncs/.")
    for planned in made.syncs:
        _show_sync(console, planned)
    if out is not None:
        console.print(f"Written to {out}. `hub apply {out}` does it.", markup=False)


def _show_sync(console: Console, planned: Planned) -> None:
    from rich.table import Table

    console.print(f"{planned.sync}: to {planned.object} at {planned.connection}", style="bold", markup=False)
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    lines = [
        (planned.source, "in the source"),
        (planned.refused, "of them refused: no consent, or suppressed"),
        (planned.no_key, "of them invalid: the key is empty"),
        (planned.shared_key, "of them invalid: they share a key and differ"),
        (planned.unchanged, "there already, unchanged"),
        *((number, WORDS[kind]) for kind, number in planned.changes.items()),
    ]
    for place, (number, words) in enumerate(lines):
        if number or place == 0:
            table.add_row(f"{number:,}", words)
    if planned.guard:
        table.add_row(f"{sum(planned.changes.values()) - planned.changes.get('refused', 0):,}", "kept back by a guard")
    console.print(table)
    if planned.samples:
        _show_samples(console, planned)
    for said, number in planned.tried.items():
        console.print(f"  tried: {number:,} {said}", markup=False)
    if planned.guard:
        console.print(f"  held by `{planned.guard}`: {planned.why}", style="red", markup=False)


def _show_samples(console: Console, planned: Planned) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(padding=(0, 1))
    for heading in ("what", "key", "field", "before", "after"):
        table.add_column(heading, overflow="fold")
    for sample in planned.samples:
        lines: list[tuple[str, tuple[Any, Any]]] = list(sample.fields.items()) or [("", (None, None))]
        for number, (name, (before, after)) in enumerate(lines):
            first = (WORDS[sample.kind].partition(":")[0], sample.key) if number == 0 else ("", "")
            cells = (*first, name, *("" if value is None else str(value) for value in (before, after)))
            table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
