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
    what: Annotated[str, typer.Argument(metavar="mapping|segment", help="What to preview: a mapping or a segment.")],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="The table that is mapped (sales_order, or shop.sales_order), or the segment."
        ),
    ],
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
            help="For a segment: why this person (number, e-mail, phone or record) is in it, or not.",
            show_default=False,
        ),
    ] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Show sample rows before and after a mapping; or who would be in a segment, and why."""
    from hub.cli.preview import preview as work

    answer(json, lambda: work(project, what, name, rows, person))


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
