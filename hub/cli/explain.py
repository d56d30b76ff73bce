"""`hub explain PERSON`: the person's file, for a person to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.on_the_wall import on_the_wall
from hub.cli.project import open_project
from hub.cli.query import printable
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.ledger import Verdict
    from hub.people.file import Enrolment, Message, PersonFile, SourceRecord
    from hub.people.provenance import Field

BY_HAND = "hand"
"""The `linked_by` of a link that somebody made."""


def explain(folder: Path | None, person: str) -> Answer:
    """Tell everything that the last run published about a person, and what became of each message."""
    from hub.ledger import reading_ledger
    from hub.people.file import explain as file_of

    project = open_project(folder)
    with reading_ledger(project.hub.ledger, project.state) as ledger:
        found = file_of(project, partial(ask, project), person, ledger)
    there = on_the_wall(found, project.hub.timezone)
    return Answer(asdict(found), lambda console: _show(console, there, person))


def _show(console: Console, file: PersonFile, asked: str) -> None:
    name = " ".join(
        str(field.value) for field in file.fields if field.name in ("given_name", "prefix", "surname") and field.value
    )
    console.print(f"Person {file.person_id}: {printable(name) or 'no name'}", style="bold", markup=False)
    for former in file.former_ids:
        if asked.strip() == str(former.person_id):
            console.print(f"{asked.strip()} was merged into {file.person_id} on {_text(former.since)}.", markup=False)
    tell = partial(_section, console)
    tell(
        "Known",
        ((it.name, it.value, it.record_id, it.at, it.rule, _others(it)) for it in file.fields if it.value is not None),
    )
    tell(
        "Records, and why they are this person's",
        (
            (
                record.record_id,
                _link(record),
                record.at,
            )
            for record in file.records
        ),
    )
    tell("By hand", (_verdict(verdict) for verdict in file.verdicts))
    tell("Was also", ((former.person_id, "until", former.since) for former in file.former_ids))
    tell("Points at the person", ((it.type, it.value, it.record_id) for it in file.identifiers))
    tell(
        "Consent",
        (
            (
                it.channel,
                it.purpose,
                "given" if it.given else "refused",
                it.at,
                it.text,
                it.record_id,
                "" if it.newest else "older",
            )
            for it in file.consents
        ),
    )
    tell("Traits", ((name, value) for name, value in file.traits.items() if value is not None))
    tell("In segments", ((it.segment, it.since) for it in file.segments))
    tell("Entered and left", ((it.segment, it.kind, it.at) for it in file.transitions))
    tell("In scenarios", (_way(it) for it in file.enrolments))
    tell("Decided", ((it.scenario, it.step, it.outcome, it.channel, it.reason, it.at) for it in file.decisions))
    tell("Recommended", ((it.rank, it.product, it.reason) for it in file.recommendations))
    tell("Messages", (_message(message) for message in file.messages))
    tell("Other reactions", ((it.type, it.at, it.url) for it in file.other_events))
    tell("And", ((facts.table, f"{facts.count:,}") for facts in file.facts if facts.count))


def _link(record: SourceRecord) -> str:
    if record.linked_by is None:
        return "alone"
    agreed = f" ({record.agreed})" if record.agreed else ""
    if record.linked_by == BY_HAND:
        return f"by hand one person with {record.linked_to}{agreed}"
    if record.likely is not None:
        return f"likely one person with {record.linked_to}, {record.likely:.2f}{agreed}"
    return f"{record.linked_by} shared with {record.linked_to}{agreed}"


def _others(field: Field) -> str:
    """Tell what other records say."""
    told = (f"{_text(it.value)} ({it.record_id}{', passed over' if it.passed_over else ''})" for it in field.others)
    others = ", ".join(told)
    return f"not {others}" if others else ""


def _verdict(verdict: Verdict) -> Sequence[Any]:
    said = {"same": "one person", "different": "two people"}.get(verdict.ruling, verdict.ruling)
    return (f"{verdict.low} and {verdict.high}", said, verdict.by, verdict.at, verdict.why)


def _way(enrolment: Enrolment) -> Sequence[Any]:
    is_active = enrolment.status == "active"
    until = f"until {_text(enrolment.due_at)}" if is_active and enrolment.due_at else None
    where = " ".join(filter(None, (f"at {enrolment.step}", until))) if is_active and enrolment.step else ""
    return (enrolment.scenario, enrolment.status, enrolment.entered_at, where, enrolment.reason)


def _message(message: Message) -> Sequence[Any]:
    became = message.became
    state = ": ".join(filter(None, (became.in_words, became.reason))) if became else ""
    events = ", ".join(f"{event.type} {_text(event.at)}" for event in message.events)
    return (message.channel, message.campaign or message.step, message.connection, message.sent_at, state, events)


def _section(console: Console, title: str, rows: Iterable[Sequence[Any]]) -> None:
    """Print a heading and its rows, where there are any."""
    from rich.table import Table
    from rich.text import Text

    cells = [[Text(printable(_text(value))) for value in row] for row in rows]
    if not cells:
        return
    table = Table.grid(padding=(0, 2))
    for _ in range(1 + max(len(row) for row in cells)):
        table.add_column(overflow="fold")
    for row in cells:
        table.add_row("", *row)
    console.print(f"\n{title}", style="bold", markup=False)
    console.print(table)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
