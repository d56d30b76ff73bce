"""The commands and their options; what they do is in the files beside this one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.answer import answer

EXIT_CODES = """
Exit codes: 0 all went well; 1 finished, but something failed; 2 the configuration, the installation or the command
line needs mending; 3 try again later (a server is down, or another run is busy); 70 a bug of the hub: please report
it; 130 stopped with Ctrl-C.
"""

app = typer.Typer(
    name="hub",
    help="Brings customer data together, finds out who belongs where, and sends the right message. "
    "Each command works on the project in the current folder, or the nearest folder above it that has a hub.yaml.",
    epilog=EXIT_CODES.strip().replace("\n", " "),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Project = Annotated[
    Path | None, typer.Option("--project", "-p", metavar="DIR", help="The project's folder.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for machines.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="MOMENT",
        help="The moment to compute for: 2026-03-01, or 2026-03-01T09:00; in the project's time zone. Default: now.",
        show_default=False,
    ),
]


class Format(StrEnum):
    """How a query's answer is written."""

    table = "table"
    csv = "csv"
    json = "json"


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="NAME", help="The folder to make; its last part names the project.")
    ],
    json: Json = False,
) -> None:
    """Make a small project that works: a CSV source, a mapping, a segment, and a welcome letter."""
    from hub.cli.init import init as work

    answer(json, lambda: work(folder))


@app.command()
def check(project: Project = None, json: Json = False) -> None:
    """Check everything that is written in the project, and tell all mistakes at once."""
    from hub.cli.check import check as work

    answer(json, lambda: work(project))


@app.command("test")
def run_cases(project: Project = None, json: Json = False) -> None:
    """Run the examples beside the mappings (*.cases.yaml) as tests."""
    from hub.cli.cases import test as work

    answer(json, lambda: work(project))


@app.command()
def run(
    stages: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STAGE]...",
            help="land, map, resolve, feedback, enrich, segment, decide, activate; or ingest, build, engage, listen. "
            "All stages by default.",
            show_default=False,
        ),
    ] = None,
    as_of: AsOf = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Run the stages: bring data in, compute, decide, send."""
    from hub.cli.run import run as work

    answer(json, lambda: work(project, stages or [], as_of, show=not json))


@app.command()
def preview(
    what: Annotated[str, typer.Argument(metavar="mapping|segment|message", help="What to preview.")],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The table that is mapped (sales_order, or shop.sales_order), the segment, or the message's scenario.",
        ),
    ],
    step: Annotated[
        str | None,
        typer.Argument(metavar="[STEP]", help="For a message: the step that sends it.", show_default=False),
    ] = None,
    rows: Annotated[
        int,
        typer.Option(
            "--rows", metavar="N", min=1, max=1000, help="How many sample rows per table, or people in and out."
        ),
    ] = 3,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="PERSON",
            help="A number, e-mail, phone or record. For a segment: why this person is in it, or not; "
            "for a message: whom it is for.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="For a message: write its parts here, a letter as PDF.", show_default=False
        ),
    ] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Show sample rows before and after a mapping; who would be in a segment, and why; or a message to one person."""
    from hub.cli.preview import preview as work

    answer(json, lambda: work(project, what, name, rows, person, step, out))


@app.command()
def segments(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SEGMENT]...", help="Only these; all by default.", show_default=False),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=3650, help="Over how many days to look at change.")
    ] = 30,
    overlap: Annotated[
        bool, typer.Option("--overlap", help="Show too how many members are in each other segment.")
    ] = False,
    project: Project = None,
    json: Json = False,
) -> None:
    """Show how large the segments are, who entered and left, and how they overlap."""
    from hub.cli.segments import segments as work

    answer(json, lambda: work(project, names or [], days, overlap))


@app.command()
def explain(
    person: Annotated[
        str, typer.Argument(metavar="PERSON", help="A person's number, e-mail address, phone or record.")
    ],
    project: Project = None,
    json: Json = False,
) -> None:
    """Tell everything known of a person: from where, why it is one person, and why messages were sent or not."""
    from hub.cli.explain import explain as work

    answer(json, lambda: work(project, person))


people = typer.Typer(
    help="Say who is who by hand: two records are one person, or never are. A verdict counts from the next resolve "
    "on, before all rules, and can be withdrawn.",
    no_args_is_help=True,
)
app.add_typer(people, name="people")

Record = Annotated[str, typer.Argument(metavar="RECORD", help="A record: `connection:key`, as in crm:12.")]
Other = Annotated[str, typer.Argument(metavar="RECORD", help="The other record.")]
Grounds = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for who asks later; no names in it.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so. Default: the user of this system.")]


@people.command("link")
def link(one: Record, other: Other, why: Grounds, by: By = None, project: Project = None, json: Json = False) -> None:
    """Say that two records are always one person."""
    from hub.cli.people import verdict as work

    answer(json, lambda: work(project, one, other, True, why, by))


@people.command("unlink")
def unlink(one: Record, other: Other, why: Grounds, by: By = None, project: Project = None, json: Json = False) -> None:
    """Say that two records are never one person: what ties them together is cut."""
    from hub.cli.people import verdict as work

    answer(json, lambda: work(project, one, other, False, why, by))


@people.command("withdraw")
def withdraw(
    one: Record, other: Other, why: Grounds, by: By = None, project: Project = None, json: Json = False
) -> None:
    """Take the verdict on two records back: the rules decide again."""
    from hub.cli.people import withdraw as work

    answer(json, lambda: work(project, one, other, why, by))


@people.command("review")
def review(
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="RECORD,RECORD", help="A pair that is one person; may be given again."),
    ] = None,
    refuse: Annotated[
        list[str] | None,
        typer.Option("--refuse", metavar="RECORD,RECORD", help="A pair that is two people; may be given again."),
    ] = None,
    why: Annotated[
        str | None, typer.Option("--why", metavar="TEXT", help="The reason. Default: what proposed the pair.")
    ] = None,
    by: By = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many pairs to show.")] = 20,
    project: Project = None,
    json: Json = False,
) -> None:
    """Show the pairs that may be one person side by side, the likeliest first; at a terminal, ask about each."""
    from hub.cli.people import review as work

    answer(json, lambda: work(project, accept or [], refuse or [], why, by, limit, show=not json))


@people.command("verdicts")
def verdicts(
    record: Annotated[
        str | None,
        typer.Argument(metavar="[RECORD]", help="Only the verdicts on this record.", show_default=False),
    ] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """List who decided what, when and why."""
    from hub.cli.people import verdicts as work

    answer(json, lambda: work(project, record))


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="A SELECT over the tables that the last run published.")],
    format: Annotated[
        Format, typer.Option("--format", "-f", metavar="table|csv|json", help="How to write the answer.")
    ] = Format.table,
    raw: Annotated[
        bool, typer.Option("--raw", help="CSV for machines: values that a spreadsheet would run stay as they are.")
    ] = False,
    project: Project = None,
    json: Json = False,
) -> None:
    """Ask the warehouse; read-only, and never in the way of a run."""
    from hub.cli.query import query as work

    answer(json or format is Format.json, lambda: work(project, sql, as_csv=format is Format.csv, raw=raw))


@app.command()
def status(project: Project = None, json: Json = False) -> None:
    """Show the last runs, what the warehouse holds, what was set aside, and the messages by state."""
    from hub.cli.status import status as work

    answer(json, lambda: work(project))


@app.command()
def plugins(project: Project = None, json: Json = False) -> None:
    """List the installed plugins, what they can do, and which connections use them."""
    from hub.cli.plugins import plugins as work

    answer(json, lambda: work(project))


@app.command()
def schema(project: Project = None, json: Json = False) -> None:
    """Write the JSON Schemas from which editors complete the YAML files, into .hub/schema."""
    from hub.cli.schema import schema as work

    answer(json, lambda: work(project))


@app.command()
def schedule(project: Project = None, json: Json = False) -> None:
    """Serve the project's schedules until stopped; needs a Prefect server (PREFECT_API_URL)."""
    from hub.cli.schedule import schedule as work

    answer(json, lambda: work(project))


@app.command()
def doctor(project: Project = None, json: Json = False) -> None:
    """Try every connection, the engine, the ledger and the lake; say what to mend."""
    from hub.cli.doctor import doctor as work

    answer(json, lambda: work(project))


scenario = typer.Typer(help="Look at scenarios.", no_args_is_help=True)
app.add_typer(scenario, name="scenario")


@scenario.command("show")
def show_scenario(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The scenario.")],
    project: Project = None,
    json: Json = False,
) -> None:
    """Draw a scenario as a Mermaid flow chart, with how many people the last run left at each step."""
    from hub.cli.scenario import show as work

    answer(json, lambda: work(project, name))


@scenario.command("simulate")
def simulate_scenario(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The scenario.")],
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day: 2026-01-01.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day.")],
    people: Annotated[
        int | None,
        typer.Option(
            "--people", metavar="N", min=1, help="Only a sample of so many people, always the same.", show_default=False
        ),
    ] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Replay days that have been, and tell what a scenario would have done; nothing is kept, and nothing is sent."""
    from hub.cli.simulation import simulate as work

    answer(json, lambda: work(project, name, first, last, people, show=not json))


@scenario.command("results")
def scenario_results(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The scenario.")],
    project: Project = None,
    json: Json = False,
) -> None:
    """Tell whom a scenario reached, what they did, and how much more than the control group reached the goal."""
    from hub.cli.results import results as work

    answer(json, lambda: work(project, name))


deliveries = typer.Typer(
    help="Look at single messages on their way out, and decide about those that wait for a person.",
    no_args_is_help=True,
)
app.add_typer(deliveries, name="deliveries")

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Messages by their ids, or the beginnings of them.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is kept with the message.")]


@deliveries.command("list")
def list_deliveries(
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="Only these: unknown, queued, rejected, ...")
    ] = None,
    connection: Annotated[str, typer.Option("--connection", metavar="NAME", help="Only by this connection.")] = "",
    scenario: Annotated[str, typer.Option("--scenario", metavar="NAME", help="Only of this scenario.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = 50,
    project: Project = None,
    json: Json = False,
) -> None:
    """List messages with their states and reasons, those that changed last first."""
    from hub.cli.deliveries import list_ as work

    answer(json, lambda: work(project, state, connection, scenario, limit))


@deliveries.command("show")
def show_delivery(
    message: Annotated[str, typer.Argument(metavar="ID", help="The message by its id, or the beginning of it.")],
    project: Project = None,
    json: Json = False,
) -> None:
    """Show one message and every attempt to send it."""
    from hub.cli.deliveries import show as work

    answer(json, lambda: work(project, message))


@deliveries.command("settle")
def settle_deliveries(
    messages: Ids,
    why: Why,
    sent: Annotated[bool, typer.Option("--sent/--not-sent", help="What you found out at the provider.")],
    project: Project = None,
    json: Json = False,
) -> None:
    """Say what became of unknown messages: they were sent, or they were not."""
    from hub.cli.deliveries import settle as work

    answer(json, lambda: work(project, messages, sent, why))


@deliveries.command("retry")
def retry_deliveries(messages: Ids, why: Why, project: Project = None, json: Json = False) -> None:
    """Send messages again that are unknown, or wait for a later attempt; the next run does it."""
    from hub.cli.deliveries import retry as work

    answer(json, lambda: work(project, messages, why))


@deliveries.command("cancel")
def cancel_deliveries(messages: Ids, why: Why, project: Project = None, json: Json = False) -> None:
    """Take queued messages back: they are not sent."""
    from hub.cli.deliveries import cancel as work

    answer(json, lambda: work(project, messages, why))


quality_app = typer.Typer(invoke_without_command=True, help="Show what the newest loads were like, field by field.")
quarantine_app = typer.Typer(no_args_is_help=True, help="What was set aside and why: list, show, mend, try again.")
app.add_typer(quality_app, name="quality")
app.add_typer(quarantine_app, name="quarantine")

Of = Annotated[
    str | None, typer.Option("--connection", "-c", metavar="NAME", help="Only this connection.", show_default=False)
]
Target = Annotated[
    str | None,
    typer.Option("--table", "-t", metavar="TABLE", help="Only rows meant for this table.", show_default=False),
]
Because = Annotated[
    str | None,
    typer.Option("--reason", "-r", metavar="TEXT", help="Only reasons that have this in them.", show_default=False),
]
ForWhat = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for who reads it next year.")]
Values = Annotated[bool, typer.Option("--values", help="With the raw rows, which are personal data.")]


@quality_app.callback()
def quality(
    context: typer.Context,
    connection: Of = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Show what the newest loads were like, field by field, and which checks are not met."""
    if context.invoked_subcommand is None:
        from hub.cli.quality import quality as work

        answer(json, lambda: work(project, connection))


@quality_app.command("accept")
def accept(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection that was stopped.")],
    why: ForWhat,
    by: By = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Say that what a connection has landed is right, though a check stopped it; the next run maps it."""
    from hub.cli.quality import accept as work

    answer(json, lambda: work(project, connection, why, by))


@quarantine_app.command("list")
def quarantine_list(
    connection: Of = None, table: Target = None, reason: Because = None, project: Project = None, json: Json = False
) -> None:
    """List the reasons, with counts, example keys, and what to change."""
    from hub.cli.quarantine import choice, list_reasons

    answer(json, lambda: list_reasons(project, choice(connection, table, reason)))


@quarantine_app.command("show")
def quarantine_show(
    connection: Of = None,
    table: Target = None,
    reason: Because = None,
    key: Annotated[
        str | None, typer.Option("--key", "-k", metavar="KEY", help="Only the row of this key.", show_default=False)
    ] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=1, max=1000, help="How many rows.")] = 20,
    values: Values = False,
    project: Project = None,
    json: Json = False,
) -> None:
    """Show rows in quarantine: where they came from and why they are there."""
    from hub.cli.quarantine import choice, show

    answer(json, lambda: show(project, choice(connection, table, reason, key), rows, values))


@quarantine_app.command("export")
def quarantine_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file to write; it must not be there yet.")],
    connection: Of = None,
    table: Target = None,
    reason: Because = None,
    values: Values = False,
    project: Project = None,
    json: Json = False,
) -> None:
    """Write rows in quarantine to a CSV file, for whoever mends them in the source."""
    from hub.cli.quarantine import choice, export

    answer(json, lambda: export(project, choice(connection, table, reason), file, values))


@quarantine_app.command("replay")
def quarantine_replay(
    why: ForWhat,
    connection: Of = None,
    table: Target = None,
    reason: Because = None,
    by: By = None,
    as_of: AsOf = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Try rows again now; a changed mapping and a mended row in the source need no replay."""
    from hub.cli.quarantine import choice, replay

    answer(json, lambda: replay(project, choice(connection, table, reason), as_of, why, by))


@quarantine_app.command("mend")
def quarantine_mend(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection that the row came from.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The row's key.")],
    values: Annotated[
        list[str], typer.Option("--set", metavar="COLUMN=VALUE", help="A raw column and its right value; repeat it.")
    ],
    why: ForWhat,
    table: Annotated[
        str | None,
        typer.Option("--table", "-t", metavar="TABLE", help="The raw table, where several know the key."),
    ] = None,
    by: By = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Correct a row by hand: it lands once more with your values, and the next run maps it."""
    from hub.cli.quarantine import mend

    answer(json, lambda: mend(project, connection, key, values, table, why, by))
