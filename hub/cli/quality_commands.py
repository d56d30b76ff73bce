"""`hub quality ...` and `hub quarantine ...`: the commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.answer import answer
from hub.cli.options import AsOf, By, Json, Project

quality_app = typer.Typer(invoke_without_command=True, help="Show what the newest loads were like, field by field.")
quarantine_app = typer.Typer(no_args_is_help=True, help="What was set aside and why: list, show, mend, try again.")

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
    key: Annotated[str, typer.Argument(metavar="KEY", help="The row's key; #12 of one that has none.")],
    values: Annotated[
        list[str], typer.Option("--set", metavar="COLUMN=VALUE", help="A raw column and its right value; repeat it.")
    ],
    why: ForWhat,
    table: Annotated[
        str | None,
        typer.Option("--table", "-t", metavar="TABLE", help="The raw table, where several know the key."),
    ] = None,
    load: Annotated[
        str | None,
        typer.Option("--load", "-l", metavar="LOAD", help="The load package, where rows without a key are alike."),
    ] = None,
    by: By = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Correct a row by hand: it lands once more with your values, and the next run maps it."""
    from hub.cli.quarantine import mend

    answer(json, lambda: mend(project, connection, key, values, table, load, why, by))
