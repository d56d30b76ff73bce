"""`hub quality`: what the newest loads were like, which checks are not met; and a person's word that they are right."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import moment, open_project
from hub.errors import ConfigurationError, suggest
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from hub.people.conflicts import Conflict
    from hub.quality import FieldQuality, QualityReport


def quality(folder: Path | None, connection: str | None) -> Answer:
    """Show the quality report that the last run published, and on what the records of one person disagree."""
    from hub.people.conflicts import conflicts
    from hub.people.reading import Reading
    from hub.quality import read_quality

    project = open_project(folder)
    if connection is not None and connection not in project.connections:
        raise ConfigurationError(
            f"hub.yaml has no connection '{connection}'.{suggest(connection, project.connections)}"
        )
    report = read_quality(partial(ask, project), connection)
    disagreeing = conflicts(project.schema, Reading(project, partial(ask, project)).rows) if connection is None else []
    data = {
        "fields": [asdict(it) for it in report.fields],
        "checks": list(report.checks),
        "conflicts": [asdict(it) for it in disagreeing],
    }

    def show(console: Console) -> None:
        _show(console, report)
        _show_conflicts(console, disagreeing)

    return Answer(data, show)


def accept(folder: Path | None, connection: str, why: str, by: str | None) -> Answer:
    """Take what a connection landed until now, whatever checks say of it; the next run maps it."""
    from hub.lake import Lake
    from hub.ledger import open_ledger

    project = open_project(folder)
    if connection not in project.connections:
        near = suggest(connection, project.connections)
        raise ConfigurationError(f"hub.yaml has no connection '{connection}'.{near}")
    lake = Lake(project.lake, project.lake_copies)
    loads = lake.loads(connection)
    if not loads:
        raise ConfigurationError(f"{connection} has landed nothing yet: there is nothing to accept")
    newest, at = loads[-1], moment(None, project)
    rows = {table: lake.count(files) for table, files in newest.files.items()}
    what = ", ".join(f"{count:,} {table}" for table, count in rows.items())
    ledger = open_ledger(project.hub.ledger, project.state)
    try:
        ledger.hand_work.add("accept", connection, newest.load_id, what, by or getpass.getuser(), at, why)
    finally:
        ledger.close()
    data = {"connection": connection, "load_id": newest.load_id, "rows": rows}
    told = f"Accepted what {connection} landed up to load {newest.load_id} ({what}). The next `hub run` maps it."
    return Answer(data, lambda console: console.print(told, markup=False))


def _show(console: Console, report: QualityReport) -> None:
    from rich.table import Table
    from rich.text import Text

    if not report.fields and not report.checks:
        console.print("Nothing is measured yet: a run with news measures what it maps.")
    if report.checks:
        table = Table(title=f"Checks: {len(report.unmet)} of {len(report.checks)} not met", title_justify="left")
        for heading in ("", "connection", "table", "demanded", "found", "otherwise"):
            table.add_column(heading, overflow="fold")
        for it in report.checks:
            mark = "[green]ok[/]" if it["met"] else "[red]no[/]"
            cells = (it["connection"], it["target"], it["demand"], it["found"], it["otherwise"])
            table.add_row(mark, *(Text(str(cell)) for cell in cells))
        console.print(table)
    for (connection, target, raw_table), fields in report.tables():
        title = f"{connection}: {raw_table} to {target}, {fields[0].rows:,} rows in the newest load"
        table = Table(title=title, title_justify="left")
        for heading in ("field", "filled", "valid", "different", "changed", "filled before"):
            table.add_column(
                heading, justify="right" if heading in ("different", "changed", "filled before") else "left"
            )
        for one in fields:
            table.add_row(*_line(one))
        console.print(table)


def _show_conflicts(console: Console, disagreeing: Sequence[Conflict]) -> None:
    """Show the fields on which records of one person say different things; which value won stands in `hub explain`."""
    from rich.table import Table

    from hub.quality import bar, percent, share

    there = [it for it in disagreeing if it.disagreeing]
    if not there:
        return
    table = Table(title="People whose records disagree", title_justify="left")
    for heading in ("field", "people", "of whom disagreeing"):
        table.add_column(heading, justify="right" if heading == "people" else "left")
    for it in there:
        part = share(it.disagreeing, it.people)
        table.add_row(it.field, f"{it.people:,}", f"{bar(part)} {percent(part):>4}  {it.disagreeing:,}")
    console.print(table)


def _line(one: FieldQuality) -> list[Text]:
    from rich.text import Text

    from hub.quality import bar, percent

    filled = Text(f"{bar(one.filled)} {percent(one.filled):>4}", "red" if one.fell else "")
    colour = "green" if one.valid == 1 else "yellow" if one.valid >= 0.95 else "red"
    valid = Text(f"{bar(one.valid)} {percent(one.valid):>4}" if one.filled else "", colour)
    before = percent(one.filled_before) if one.filled_before is not None else ""
    return [
        Text(one.field),
        filled,
        valid,
        Text(f"{one.different:,}"),
        Text(f"{one.changed:,}" if one.known else ""),
        Text(before),
    ]
