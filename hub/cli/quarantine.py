"""`hub quarantine`: what was set aside and why; show, export, mend, and try again."""

from __future__ import annotations

import csv
import getpass
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import moment, open_project
from hub.cli.query import harmless, printable
from hub.errors import ConfigurationError, RejectedError
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.lake import Lake, Place
    from hub.quarantine import Ask, Reason, SetAside
    from hub.stages.map import Choice


def choice(connection: str | None, target: str | None, reason: str | None, key: str | None = None) -> Choice:
    """Choose rows of quarantine."""
    from hub.stages.map import Choice

    return Choice(connection, target, reason, key)


def list_reasons(folder: Path | None, chosen: Choice) -> Answer:
    """List the reasons with their counts, and what would mend them."""
    from hub.quarantine import reasons

    project = open_project(folder)
    found = reasons(project, partial(ask, project), chosen)
    return Answer([asdict(reason) for reason in found], lambda console: _reasons(console, found))


def show(folder: Path | None, chosen: Choice, rows: int, values: bool) -> Answer:
    """Show rows; the raw ones only on demand."""
    from hub.quarantine import rows_of

    found = rows_of(partial(ask, open_project(folder)), chosen, rows, values)
    return Answer([asdict(row) for row in found], lambda console: _rows(console, found, values))


def export(folder: Path | None, chosen: Choice, file: Path, values: bool) -> Answer:
    """Write the rows to a CSV file for people: what a spreadsheet would run as a formula is made harmless."""
    from hub.quarantine import rows_of

    found = rows_of(partial(ask, open_project(folder)), chosen, None, values)
    names = ["connection", "raw_table", "target", "source_key", "reason", "effect", "load_id"]
    names += ["row"] if values else []
    try:
        with file.open("x", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([harmless(getattr(row, name) or "") for name in names] for row in found)
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}") from None
    told = f"{len(found):,} rows written to {file}."
    return Answer({"rows": len(found), "file": str(file)}, lambda console: console.print(told, markup=False))


def replay(folder: Path | None, chosen: Choice, as_of: str | None, why: str, by: str | None) -> Answer:
    """Have rows tried again now, as the next run of the same mapping would not."""
    from hub import pipeline
    from hub.stages.map import replay as work

    project = open_project(folder)
    at = moment(as_of, project)
    with pipeline.workspace(project) as open_:
        accepted = open_.ledger.hand_work.accepted()
        what = " ".join(filter(None, (chosen.target, chosen.reason))) or "everything"
        open_.ledger.hand_work.add("replay", chosen.connection or "", "", what, by or getpass.getuser(), at, why)
        done = work(open_.warehouse, project, open_.lake, chosen, at, accepted, open_.ledger)
        open_.warehouse.publish()
    data = {"before": done.before, "after": done.after}
    before, after = sum(done.before.values()), sum(done.after.values())
    told = f"{before:,} tried again: {before - after:,} returned, {after:,} stay in quarantine."
    return Answer(data, lambda console: console.print(told, markup=False))


def mend(
    folder: Path | None,
    connection: str,
    key: str,
    values: Sequence[str],
    table: str | None,
    load: str | None,
    why: str,
    by: str | None,
) -> Answer:
    """Land a row of quarantine once more, with corrected values; the next run maps it."""
    from hub.lake import Lake
    from hub.ledger import open_ledger
    from hub.stages.land.mend import free_load_id, land_mended, mended_row

    project = open_project(folder)
    wrong = _wrong_row(partial(ask, project), connection, key, table, load)
    corrected = _corrected(values)
    lake = Lake(project.lake, project.lake_copies)
    place = _place(lake, wrong)
    row = mended_row(lake, connection, wrong.raw_table, wrong.row or "{}", corrected)
    at = datetime.now(UTC)  # to the microsecond: two rows may be mended within one second
    load_id = free_load_id(lake, connection, at)
    ledger = open_ledger(project.hub.ledger, project.state)
    try:
        what = f"{wrong.raw_table}: {', '.join(corrected)}"
        ledger.hand_work.add("mend", connection, load_id, what, by or getpass.getuser(), at, why)
    finally:
        ledger.close()
    land_mended(lake, connection, wrong.raw_table, row, load_id, at, place)
    told = f"Landed the mended row of {wrong.raw_table} as load {load_id}. The next `hub run` maps it."
    data = {"connection": connection, "raw_table": wrong.raw_table, "load_id": load_id, "columns": list(corrected)}
    return Answer(data, lambda console: console.print(told, markup=False))


def _wrong_row(asked: Ask, connection: str, key: str, table: str | None, load: str | None) -> SetAside:
    """Find the newest version of the row that quarantine has; of rows without a key, the one of that load."""
    from hub.quarantine import rows_of
    from hub.stages.map import KEYLESS, LANDING, WHOLE_COLUMN, Choice

    if key == WHOLE_COLUMN:
        raise RejectedError("that is a whole column, and no row: `hub quarantine list` says what to change")
    found = [
        row
        for row in rows_of(asked, Choice(connection=connection, key=key), None, values=True)
        if row.target != LANDING and table in (None, row.raw_table) and load in (None, row.load_id)
    ]
    tables = sorted({row.raw_table for row in found})
    if len(tables) != 1:
        named = (
            f": say --table, one of {', '.join(tables)}" if tables else ": `hub quarantine list` shows what there is"
        )
        raise RejectedError(
            f"{connection} has {'several rows' if tables else 'no row'} of that key in quarantine{named}"
        )
    loads = sorted({row.load_id for row in found}, key=float)
    if key.startswith(KEYLESS) and len(loads) > 1:
        raise RejectedError(
            f"{connection} has several rows {key}, which have no key and count within their load: say --load, one of "
            f"{', '.join(loads)}; `hub quarantine show --key '{key}' --values` shows them"
        )
    return max(found, key=lambda row: float(row.load_id))


def _place(lake: Lake, wrong: SetAside) -> Place | None:
    """Tell where a row without a key lies; one that has a key is known by that."""
    from hub.lake import ROW, Place
    from hub.stages.map import KEYLESS

    if not wrong.source_key.startswith(KEYLESS):
        return None
    loads = [load for load in lake.loads(wrong.connection) if load.load_id == wrong.load_id]
    if not loads or ROW not in lake.columns(wrong.connection, wrong.raw_table, loads):
        raise RejectedError("nothing in the lake tells this row from others: mend it in the system that sends it")
    return Place(wrong.load_id, int(wrong.source_key.removeprefix(KEYLESS)))


def _corrected(values: Sequence[str]) -> Mapping[str, str]:
    found = {}
    for value in values:
        name, equals, written = value.partition("=")
        if not equals or not name.strip():
            raise ConfigurationError("write --set column=value; --set column= makes it empty")
        found[name.strip()] = written
    return found


def _reasons(console: Console, found: Sequence[Reason]) -> None:
    if not found:
        console.print("Nothing is in quarantine.")
        return
    rows = sum(reason.rows for reason in found)
    console.print(f"Quarantine: {rows:,} row{'s' * (rows != 1)}")
    for it in found:
        keys = ", ".join(it.keys) + (" ..." if it.rows > len(it.keys) else "")
        where = printable(f"{it.connection}: {it.raw_table} to {it.target}")
        console.print(f"\n{where}: {it.rows:,} x {printable(it.reason)}", markup=False)
        console.print(f"  keys: {printable(keys)}", markup=False)
        console.print(f"  what to do: {printable(it.remedy)}", markup=False)


def _rows(console: Console, found: Sequence[SetAside], values: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    headings = ["connection", "table", "key", "reason", "effect", "load", *(["raw row"] if values else [])]
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for it in found:
        cells = [it.connection, f"{it.raw_table} to {it.target}", it.source_key, it.reason, it.effect, it.load_id]
        table.add_row(*(Text(printable(cell)) for cell in [*cells, *([it.row or ""] if values else [])]))
    console.print(table)
    if not values:
        console.print("--values shows the raw rows: they are personal data.")
