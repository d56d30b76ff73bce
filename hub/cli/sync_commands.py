"""`hub plan`, `hub apply` and `hub sync ...`: the commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.answer import answer
from hub.cli.options import AsOf, By, Json, Project

sync = typer.Typer(help="Syncs: what other systems hold of ours.", no_args_is_help=True)

Override = Annotated[
    str,
    typer.Option(
        "--override",
        metavar="REASON",
        help="Let it go although a guard holds it; the reason is kept with your name.",
        show_default=False,
    ),
]


def plan(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SYNC]...", help="Only these; all by default.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the plan here, for `hub apply`.", show_default=False),
    ] = None,
    try_out: Annotated[
        bool, typer.Option("--try", help="Ask the destinations what they would say, where they can be asked.")
    ] = False,
    rows: Annotated[
        int, typer.Option("--rows", metavar="N", min=0, max=1000, help="How many sample rows of each kind to show.")
    ] = 3,
    as_of: AsOf = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Show what syncs would change at their destinations, and change nothing."""
    from hub.cli.syncs import plan as work

    answer(json, lambda: work(project, names or [], out, try_out, rows, as_of))


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The plan that `hub plan --out` wrote.")],
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, help="Only the first rows of each sync.", show_default=False),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="PERSON",
            help="Only the rows of this person: a number, e-mail, phone or record.",
            show_default=False,
        ),
    ] = None,
    override: Override = "",
    by: By = None,
    as_of: AsOf = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Do what a plan says. Refuses where the rows, the configuration or the plan are not what they were."""
    from hub.cli.syncs import apply as work

    answer(json, lambda: work(project, file, limit, person, override, by, as_of))


@sync.command("resync")
def resync(
    name: Annotated[str, typer.Argument(metavar="SYNC", help="The sync.")],
    override: Override = "",
    by: By = None,
    as_of: AsOf = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Send every row of a sync again, and take out what should not be there."""
    from hub.cli.syncs import resync as work

    answer(json, lambda: work(project, name, override, by, as_of))
