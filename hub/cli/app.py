"""The commands and their options; what they do is in the files beside this one.

Commands that belong together are in `*_commands.py`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.answer import answer
from hub.cli.deliveries_commands import deliveries
from hub.cli.new_commands import new
from hub.cli.options import AsOf, Json, Project
from hub.cli.people_commands import people
from hub.cli.quality_commands import quality_app, quarantine_app
from hub.cli.scenario_commands import scenario
from hub.cli.sync_commands import apply, plan, sync
from hub.loading import loading

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
    """Run the examples beside mappings (*.cases.yaml) and segments, and in scenarios, as tests."""
    from hub.cli.cases import test as work

    answer(json, lambda: work(project))


@app.command()
def run(
    stages: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STAGE]...",
            help="land, map, resolve, feedback, enrich, segment, decide, activate, measure; or ingest, build, engage, "
            "listen; or sync:NAME for one sync. All stages by default.",
            show_default=False,
        ),
    ] = None,
    as_of: AsOf = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Run the stages: bring data in, compute, decide, send."""
    with loading():
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
def scores(project: Project = None, json: Json = False) -> None:
    """Show whether the models behind scores are used, and how good they were beside RFM alone."""
    from hub.cli.scores import scores as work

    answer(json, lambda: work(project))


@app.command()
def explain(
    person: Annotated[
        str, typer.Argument(metavar="PERSON", help="A person's number, e-mail address, phone or record.")
    ],
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", metavar="NAME", help="Only the way through this scenario, step by step."),
    ] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Tell everything known of a person: from where, why it is one person, and why messages were sent or not."""
    if scenario is not None:
        from hub.cli.story import story

        answer(json, lambda: story(project, person, scenario))
        return
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
def plugins(
    name: Annotated[str | None, typer.Argument(help="One of them: what it can do, its keys and its proof.")] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """List the installed plugins, what they do and were proven against, and which connections use them."""
    from hub.cli.plugins import plugins as work

    answer(json, lambda: work(project, name))


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
def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65_535, help="The port to listen at.")] = 8010,
    project: Project = None,
    json: Json = False,
) -> None:
    """Take what other systems push, and show the pages behind the links in messages, until stopped."""
    from hub.cli.serve import serve as work

    answer(json, lambda: work(project, host, port))


@app.command()
def doctor(project: Project = None, json: Json = False) -> None:
    """Try every connection, the engine, the ledger and the lake; say what to mend."""
    from hub.cli.doctor import doctor as work

    answer(json, lambda: work(project))


app.command()(plan)
app.command()(apply)
app.add_typer(new, name="new")
app.add_typer(sync, name="sync")
app.add_typer(people, name="people")
app.add_typer(scenario, name="scenario")
app.add_typer(deliveries, name="deliveries")
app.add_typer(quality_app, name="quality")
app.add_typer(quarantine_app, name="quarantine")
