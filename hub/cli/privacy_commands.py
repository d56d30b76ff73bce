"""`hub people export | erase | erasures | readmit`: the commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.answer import answer
from hub.cli.options import By, Json, Project

Whom = Annotated[
    str, typer.Argument(metavar="PERSON", help="A person's number, e-mail, phone, customer number or record.")
]
All = Annotated[
    list[str],
    typer.Argument(metavar="PERSON...", help="People, each by number, e-mail, phone, customer number or record."),
]


def export(
    person: Whom,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new file, for its owner only.")] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Give everything that is known of a person, and from where, as JSON: for who asks what you have."""
    from hub.cli.privacy import export as work

    answer(json, lambda: work(project, person, out))


def erase(
    people: All,
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="The reason, for who asks later; no names in it.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: By = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Erase people everywhere: first shows what would go, and asks. They can't be brought back."""
    from hub.cli.privacy import erase as work

    answer(json, lambda: work(project, people, why, by, yes, show=not json))


def erasures(
    id: Annotated[
        str | None, typer.Argument(metavar="[REQUEST]", help="One request, with its receipt.", show_default=False)
    ] = None,
    done: Annotated[
        str | None,
        typer.Option(
            "--done", metavar="CONNECTION", help="Somebody erased there by hand what was left.", show_default=False
        ),
    ] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Go on with what is still to be erased, and list what was asked, what is done, and what is left to do by hand."""
    from hub.cli.privacy import erasures as work

    answer(json, lambda: work(project, id, done))


def readmit(
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="What the person is known by again: e-mail, phone or record.")
    ],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for who asks later; no names in it.")],
    by: By = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Let somebody come in again who was erased and came back by themselves; else they are kept out for good."""
    from hub.cli.privacy import readmit as work

    answer(json, lambda: work(project, value, why, by))
