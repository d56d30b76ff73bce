"""`hub people`: who is who by hand. Verdicts on two records, and the queue of pairs that wait for one.

Readers see what the last run published and verdicts go to the ledger, so that a run is never in the way; a verdict
counts from the next resolve on. Names of people are shown to who sits at the screen, and are never logged.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.cli.query import printable
from hub.errors import ConfigurationError
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.ledger import Ledger, Verdict
    from hub.people.review import Candidate, Pair
    from hub.project import Project

COUNTS = "It counts from the next resolve on: `hub run build`, or the next scheduled run."

IN_WORDS = {"same": "are one person", "different": "are two people", "withdrawn": "are as the rules say"}


def verdict(folder: Path | None, one: str, other: str, same: bool, why: str, by: str | None) -> Answer:
    """Say that two records are one person, or never."""
    with _ledger(folder) as (project, ledger):
        before = _people(project, one, other)
        given = _give(ledger, (one, other), same, why, by)
    already = before[0] is not None and (before[0] == before[1]) == same
    note = f"They are {'one person' if same else 'two people'} already; the verdict keeps it so. " if already else ""
    return Answer({**asdict(given), "already": already, "counts": COUNTS}, partial(_tell, [given], note + COUNTS))


def withdraw(folder: Path | None, one: str, other: str, why: str, by: str | None) -> Answer:
    """Take a verdict back: the rules decide about the two again."""
    with _ledger(folder) as (_, ledger):
        ledger.verdicts.withdraw(one, other, by or getpass.getuser(), _now(), why)
        given = ledger.verdicts.history((one, other))[-1]
    return Answer({**asdict(given), "counts": COUNTS}, partial(_tell, [given], COUNTS))


def verdicts(folder: Path | None, record: str | None) -> Answer:
    """List every verdict ever given, on all records or on one."""
    from hub.ledger import reading_ledger

    project = open_project(folder)
    with reading_ledger(project.hub.ledger, project.state) as ledger:
        found = ledger.verdicts.history(records=None if record is None else [record]) if ledger else []
    last = {(it.low, it.high): it.number for it in found}
    rows = [{**asdict(it), "stands": it.ruling != "withdrawn" and last[it.low, it.high] == it.number} for it in found]
    return Answer(rows, partial(_history, rows))


def review(
    folder: Path | None,
    accept: Sequence[str],
    refuse: Sequence[str],
    why: str | None,
    by: str | None,
    limit: int,
    show: bool,
) -> Answer:
    """Show the queue, decide pairs that are named, or ask about each at a terminal."""
    from hub.people.review import queue

    with _ledger(folder) as (project, ledger):
        wanted = [(_pair(text), same) for texts, same in ((accept, True), (refuse, False)) for text in texts]
        if wanted:
            return _decided(project, ledger, dict(wanted), why, by)
        found, waiting = queue(project, partial(ask, project), ledger.verdicts, limit)
        if found and show and sys.stdin.isatty() and sys.stdout.isatty():
            return _asked(ledger, found, waiting, why, by)
    data = {"waiting": waiting, "pairs": [_as_data(it) for it in found]}
    return Answer(data, lambda console: _show_queue(console, found, waiting))


@contextmanager
def _ledger(folder: Path | None) -> Iterator[tuple[Project, Ledger]]:
    from hub.ledger import open_ledger

    project = open_project(folder)
    ledger = open_ledger(project.hub.ledger, project.state)
    try:
        yield project, ledger
    finally:
        ledger.close()


def _people(project: Project, one: str, other: str) -> tuple[int | None, int | None]:
    from hub.people.review import people_of

    found = people_of(project, partial(ask, project), (one, other))
    return found[one], found[other]


def _give(ledger: Ledger, pair: Pair, same: bool, why: str, by: str | None) -> Verdict:
    ledger.verdicts.give(*pair, same, by or getpass.getuser(), _now(), why)
    return ledger.verdicts.history(pair)[-1]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _pair(text: str) -> Pair:
    """Read `RECORD,RECORD`."""
    from hub.people.review import pair_of

    one, comma, other = text.partition(",")
    if not comma or not one.strip() or not other.strip():
        raise ConfigurationError(f"'{text}' is no pair: write two records with a comma between, as in crm:12,shop:7")
    return pair_of(one.strip(), other.strip())


def _decided(project: Project, ledger: Ledger, wanted: dict[Pair, bool], why: str | None, by: str | None) -> Answer:
    """Decide the named pairs, all of them or, where one is not in the queue, none."""
    from hub.people.review import queue

    found, _ = queue(project, partial(ask, project), ledger.verdicts, len(wanted), set(wanted))
    there = {(it.low_record, it.high_record): it for it in found}
    missing = [f"{low} and {high} do not wait for a verdict" for low, high in wanted if (low, high) not in there]
    if missing:
        raise ConfigurationError(
            "\n".join([*missing, "`hub people review` lists who does; `hub people link` and `unlink` take any records"])
        )
    given = [_give(ledger, pair, same, why or _reason(there[pair]), by) for pair, same in wanted.items()]
    return Answer({"given": [asdict(it) for it in given], "counts": COUNTS}, partial(_tell, given, COUNTS))


def _reason(candidate: Candidate) -> str:
    return f"reviewed: {candidate.reason or candidate.found_by}"


def _asked(ledger: Ledger, found: Sequence[Candidate], waiting: int, why: str | None, by: str | None) -> Answer:
    """Ask about each pair; what was answered is kept even if the rest is left for later."""
    from rich.console import Console
    from rich.prompt import Prompt

    console = Console(highlight=False)
    given: list[Verdict] = []
    for place, candidate in enumerate(found, start=1):
        _show_pair(console, candidate, f"{place} of {waiting}")
        said = Prompt.ask(
            "One person? yes, no, later, or quit", console=console, choices=["y", "n", "l", "q"], default="l"
        )
        if said == "q":
            break
        if said in ("y", "n"):
            pair = (candidate.low_record, candidate.high_record)
            given.append(_give(ledger, pair, said == "y", why or _reason(candidate), by))
    return Answer(
        {"given": [asdict(it) for it in given]}, partial(_tell, given, COUNTS if given else "Nothing decided.")
    )


def _as_data(candidate: Candidate) -> dict[str, Any]:
    return {**asdict(candidate), "agrees": candidate.agrees, "differs": candidate.differs}


def _tell(given: Sequence[Verdict], note: str, console: Console) -> None:
    for it in given:
        console.print(printable(f"{it.low} and {it.high} {IN_WORDS[it.ruling]}, says {it.by}: {it.why}"), markup=False)
    console.print(note, markup=False)


def _show_queue(console: Console, found: Sequence[Candidate], waiting: int) -> None:
    if not waiting:
        console.print("Nobody waits for a verdict.")
        return
    for place, candidate in enumerate(found, start=1):
        _show_pair(console, candidate, f"{place} of {waiting}")
    console.print("Decide with --accept RECORD,RECORD or --refuse RECORD,RECORD, or at a terminal without either.")


def _show_pair(console: Console, candidate: Candidate, title: str) -> None:
    """Show two records side by side."""
    from rich.table import Table
    from rich.text import Text

    score = "" if candidate.score is None else f" ({candidate.score:.2f})"
    why = f": {candidate.reason}" if candidate.reason else ""
    console.print(printable(f"{title}  {candidate.found_by}{score}{why}"), style="bold", markup=False)
    table = Table()
    table.add_column("")
    for record in (candidate.low_record, candidate.high_record):
        table.add_column(Text(printable(record)), overflow="fold")
    table.add_column("")
    for name in dict.fromkeys([*candidate.low, *candidate.high]):
        told = "agrees" if name in candidate.agrees else "differs" if name in candidate.differs else ""
        values = (Text(printable(side.get(name, ""))) for side in (candidate.low, candidate.high))
        table.add_row(name, *values, Text(told, style="red" if told == "differs" else "green"))
    console.print(table)


def _history(rows: Sequence[dict[str, Any]], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        console.print("No verdict was given yet.")
        return
    table = Table()
    for name in ("when", "records", "verdict", "by", "why"):
        table.add_column(name, overflow="fold")
    for row in rows:
        said = {"same": "one person", "different": "two people"}.get(row["ruling"], row["ruling"])
        words = said if row["stands"] or row["ruling"] == "withdrawn" else f"{said} (superseded)"
        cells = (f"{row['at']:%Y-%m-%d %H:%M}", f"{row['low']} {row['high']}", words, row["by"], row["why"])
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
