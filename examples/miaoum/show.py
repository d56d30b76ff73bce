"""What the demo shows: tables that a person enjoys reading, each from a question that anybody can ask the hub."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from examples.miaoum.world import World
from hub.pipeline import RunReport
from hub.project.load import load_project
from hub.warehouse import open_warehouse

OPENING = (
    "A pet shop in the Netherlands and Flanders. Its customers are known in six systems, "
    "each a bit differently. This morning the hub finds out who is who, and welcomes "
    "the newcomers: by e-mail, else by text message, else by letter. And each just once."
)

RECORDS = "select connection, count(*) as records from source_record group by connection order by records desc"
PEOPLE = """
    select case when coalesce(email, phone, surname, given_name) is null then 'strangers' else 'people' end as kind,
        count(*) as people, sum(records) as records, max(records) as most
    from person group by 1
"""
LINKS = """
    select linked_by, count(*) as records from source_record
    where linked_by is not null group by linked_by order by records desc
"""
REVIEW = "select count(*) as pairs from match_candidate"
QUARANTINE = """
    select connection, target, reason, count(*) as rows from quarantine
    group by connection, target, reason order by rows desc, connection, target, reason limit 8
"""
SEGMENTS = "select segment, count(*) as people from membership group by segment order by people desc, segment"
WELCOME = """
    select outcome, channel, reason, count(*) as people from decision where scenario = 'welcome'
    group by outcome, channel, reason
    union all
    select 'stopped', null, reason, count(*) from enrolment where scenario = 'welcome' and status = 'stopped'
    group by reason
    order by outcome, people desc
"""
REACTIONS = """
    select type, count(*) as events from message_event where connection = 'mail' group by type order by events desc
"""
WITHDRAWN = "select count(distinct person_id) as people from consent where connection = 'mail' and not given"
MEMBERS = "select count(*) as people from audience_state where sync = 'gold_customers'"
SOMEBODY = """
    select p.email from decision d
    join source_record r on r.record_id = d.record_id join person p on p.person_id = r.person_id
    where d.scenario = 'welcome' and d.outcome = 'queued' and d.channel = 'email'
    order by p.records desc, p.email limit 1
"""

Ask = Callable[[str], list[dict[str, Any]]]


@contextmanager
def asking(folder: Path) -> Iterator[Ask]:
    """Give a function that answers SQL from the project's warehouse, as `hub query` does."""
    project = load_project(folder)
    warehouse = open_warehouse(project.hub.engine, project.schema, project.state)
    try:
        yield lambda statement: warehouse.query(statement).to_pylist()
    finally:
        warehouse.close()


def run(console: Console, folder: Path, result: RunReport) -> None:
    """What the first run did, from landing to sending."""
    console.print(landed(result))
    with asking(folder) as ask:
        console.print(people(ask))
        console.print(f"{ask(REVIEW)[0]['pairs']} pairs may be one person, and wait for somebody to look at them.\n")
        console.print(set_aside(ask))
        console.print(segments(ask))
        console.print(welcome(ask))


def grid(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold magenta", box=box.SIMPLE_HEAD, pad_edge=False)
    table.show_header = any(name for name, _ in columns)
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left")
    return table


def landed(result: RunReport) -> Table:
    table = grid("What the systems said", ("system", ""), ("new rows", "right"), ("set aside", "right"), ("tables", ""))
    for report in result.reports:
        if report.stage == "land" and (report.rows_in or report.failures):
            counts = ", ".join(f"{name} {count:,}" for name, count in sorted(report.counts.items()))
            table.add_row(report.subject, f"{report.rows_out:,}", f"{report.set_aside:,}", counts or report.failures[0])
    return table


def people(ask: Ask) -> Table:
    kinds = {row["kind"]: row for row in ask(PEOPLE)}
    known, strangers = kinds["people"], kinds.get("strangers", {"people": 0})
    title = (
        f"{int(known['records']):,} records are {known['people']:,} people (one of them has {known['most']}); "
        f"{strangers['people']:,} visitors never said who they are"
    )
    table = grid(title, ("records by system", ""), ("", "right"), ("tied together by", ""), ("records", "right"))
    systems, links = ask(RECORDS), ask(LINKS)
    for place in range(max(len(systems), len(links))):
        left = (systems[place]["connection"], f"{systems[place]['records']:,}") if place < len(systems) else ("", "")
        right = (links[place]["linked_by"], f"{links[place]['records']:,}") if place < len(links) else ("", "")
        table.add_row(*left, *right)
    return table


def set_aside(ask: Ask) -> RenderableType:
    rows = ask(QUARANTINE)
    table = grid("Set aside until it is mended", ("system", ""), ("for", ""), ("because", ""), ("rows", "right"))
    for row in rows:
        table.add_row(row["connection"], row["target"], row["reason"], f"{row['rows']:,}")
    return table if rows else "Nothing had to be set aside."


def segments(ask: Ask) -> Table:
    rows = ask(SEGMENTS)
    table = grid("Segments", ("segment", ""), ("people", "right"), ("", ""))
    largest = max((row["people"] for row in rows), default=1)
    for row in rows:
        table.add_row(
            row["segment"], f"{row['people']:,}", "[cyan]" + "━" * max(1, round(30 * row["people"] / largest))
        )
    return table


def welcome(ask: Ask) -> Table:
    table = grid("The welcome", ("outcome", ""), ("by", ""), ("people", "right"), ("why", ""))
    for row in ask(WELCOME):
        sent = row["outcome"] == "queued"
        style = "green" if sent else "yellow"
        table.add_row(f"[{style}]{row['outcome']}", row["channel"] or "", f"{row['people']:,}", row["reason"] or "")
    return table


def reactions(console: Console, path: Path | None) -> None:
    """What the recipients did between the two runs."""
    if path is None:
        console.print("[dim]No new mails, so no new reactions.[/]\n")
        return
    counts = Counter(json.loads(line)["type"] for line in path.read_text(encoding="utf-8").splitlines())
    told = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts.most_common())
    console.print(Panel(f"Meanwhile, in the mailboxes: {told}.", border_style="blue"))


def feedback(console: Console, folder: Path) -> None:
    """What came back into the people's files."""
    with asking(folder) as ask:
        table = grid("Back in the people's files", ("reaction to a mail", ""), ("events", "right"))
        for row in ask(REACTIONS):
            table.add_row(row["type"], f"{row['events']:,}")
        console.print(table)
        console.print(f"{ask(WITHDRAWN)[0]['people']} people withdrew their consent: nothing more is sent to them.\n")


def proof(console: Console, outside: World, second: RunReport) -> int:
    """Show that the second run sent nothing twice; returns how many messages came twice."""
    mails, texts = outside.mailbox.mails, outside.sms
    doubles = sum(mail.copies - 1 for mail in mails) + texts.attempts - len(texts.sent)
    letters = len(list((outside.folder / "out" / "letters").rglob("*.pdf")))
    sent = sum(report.counts.get("accepted", 0) for report in second.reports if report.stage == "activate")
    with asking(outside.folder) as ask:
        (members,) = ask(MEMBERS)
    table = grid("Outside the hub", ("", ""), ("", "right"))
    table.add_row("mails that arrived during this demo", f"{len(mails):,}")
    table.add_row("text messages that arrived during this demo", f"{len(texts.sent):,}")
    table.add_row("letters as PDF in the print drop", f"{letters:,}")
    table.add_row("people in the audience 'Customers A', acknowledged", f"{members['people']:,}")
    table.add_row("[bold]messages sent by the second run", f"[bold]{sent:,}")
    table.add_row("[bold]messages that came twice", f"[bold]{doubles:,}")
    console.print(table)
    return doubles


def next_steps(console: Console, folder: Path, seconds: float) -> None:
    """Where to look next."""
    with asking(folder) as ask:
        somebody = next((row["email"] for row in ask(SOMEBODY)), "EMAIL")
    place = near(folder)
    hub = near(Path(sys.executable).with_name("hub"))
    console.rule(f"[bold green]Done in {seconds:.0f} seconds. Where to look next:", align="left", style="green")
    for what, command in (
        ("what ran, what waits, what was set aside", f"{hub} status -p {place}"),
        ("everything known of one person, from where, and why", f"{hub} explain -p {place} {somebody}"),
        ("the pairs that may be one person, side by side", f"{hub} people review -p {place}"),
        ("what the systems gave, field by field", f"{hub} quality -p {place}"),
        ("the welcome as a drawing, with how many people are where", f"{hub} scenario show welcome -p {place}"),
        ("ask anything", f'{hub} query -p {place} "select * from person limit 5"'),
        ("the examples beside the mappings, as tests", f"{hub} test -p {place}"),
        ("who was welcomed, how, and when not", f"{place}/scenarios/welcome.yaml"),
        ("what went out", f"{place}/out/mails and {place}/out/letters"),
        ("once more: nobody is welcomed twice", "make demo"),
        ("start over", f"rm -r {place}/{{data,lake,out,.hub}}"),
    ):
        console.print(f"  {what}", highlight=False)
        console.print(f"      [cyan]{escape(command)}", highlight=False, soft_wrap=True)


def near(path: Path) -> str:
    """A path as one types it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
