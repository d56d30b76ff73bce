"""`hub preview segment NAME`: how many people each part of its condition lets in; or why one person is in or out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.query import printable
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.people.reasons import Preview, Reason, Verdict
    from hub.project import Project

SAID = {True: "yes", False: "no", None: "unknown"}
JOINS = {"and": "all of these", "or": "at least one of these", "not": "not this"}


def preview_segment(project: Project, name: str, rows: int) -> Answer:
    """Count over everybody."""
    from hub.people.reasons import preview

    found = preview(project, partial(ask, project), name, rows)
    data = {**asdict(found), "reason": _counted(found.reason)}
    return Answer(data, lambda console: _show_counts(console, found))


def why(project: Project, name: str, person: str) -> Answer:
    """Tell about one person."""
    from hub.people.file import find_person
    from hub.people.reasons import verdict

    reader = partial(ask, project)
    found = verdict(project, reader, name, find_person(project, reader, person))
    return Answer({**asdict(found), "reason": _said(found.reason)}, lambda console: _show_verdict(console, found))


def _counted(reason: Reason) -> dict[str, Any]:
    counts = {name: getattr(reason, name) for name in ("yes", "no", "unknown", "alone")}
    return {"written": reason.written, "kind": reason.kind, **counts, "parts": [_counted(it) for it in reason.parts]}


def _said(reason: Reason) -> dict[str, Any]:
    values = dict(reason.values or {})
    parts = [_said(it) for it in reason.parts]
    return {"written": reason.written, "kind": reason.kind, "holds": reason.holds, "values": values, "parts": parts}


def _lines(reason: Reason, depth: int = 0) -> Iterator[tuple[str, Reason]]:
    yield "  " * depth + (printable(reason.written) if not reason.parts else JOINS[reason.kind]), reason
    for part in reason.parts:
        yield from _lines(part, depth + 1)


def _show_counts(console: Console, found: Preview) -> None:
    from rich.table import Table
    from rich.text import Text

    told = f"{found.segment}: {found.inside:,} of {found.people:,} people, as of {found.as_of:%Y-%m-%d %H:%M %Z}"
    console.print(told, style="bold", markup=False)
    console.print(f"Against the last run {found.enters:,} would enter and {found.leaves:,} would leave.\n")
    table = Table()
    for heading in ("condition", "yes", "no", "unknown", "out by this alone"):
        table.add_column(heading, justify="left" if heading == "condition" else "right", overflow="fold")
    for text, reason in _lines(found.reason):
        counts = (f"{count:,}" for count in (reason.yes, reason.no, reason.unknown))
        table.add_row(Text(text), *counts, f"{reason.alone:,}" if reason.alone else "")
    console.print(table)
    for example in found.examples:
        where = "in, because" if example.inside else "out, because not"
        text = f"person {example.person_id} is {where}: {'; '.join(example.parts)}"
        console.print(printable(text), markup=False)


def _show_verdict(console: Console, found: Verdict) -> None:
    from rich.table import Table
    from rich.text import Text

    where = "is in" if found.inside else "is not in"
    told = f"Person {found.person_id} {where} {found.segment}, as of {found.as_of:%Y-%m-%d %H:%M %Z}"
    console.print(told, style="bold", markup=False)
    table = Table()
    for heading in ("condition", "holds", "because"):
        table.add_column(heading, overflow="fold")
    for text, reason in _lines(found.reason):
        values = (reason.values or {}).items()
        because = ", ".join(f"{name} is {'empty' if value is None else value}" for name, value in values)
        table.add_row(Text(text), SAID[reason.holds], Text(printable(because)))
    console.print(table)
