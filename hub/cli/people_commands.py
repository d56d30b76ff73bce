"""`hub people ...`: the commands and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.answer import answer
from hub.cli.options import By, Json, Project
from hub.cli.privacy_commands import erase, erasures, export, readmit

people = typer.Typer(
    help="Say who is who by hand: two records are one person, or never are. A verdict counts from the next resolve "
    "on, before all rules, and can be withdrawn. And show or erase all that is known of a person.",
    no_args_is_help=True,
)

Record = Annotated[str, typer.Argument(metavar="RECORD", help="A record: `connection:key`, as in crm:12.")]
Other = Annotated[str, typer.Argument(metavar="RECORD", help="The other record.")]
Grounds = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for who asks later; no names in it.")]


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


people.command("export")(export)
people.command("erase")(erase)
people.command("erasures")(erasures)
people.command("readmit")(readmit)
