"""`hub new ...`: the commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.answer import answer
from hub.cli.options import Json

new = typer.Typer(
    help="Make a plugin of your own: a package with a source or a destination, and tests that pass as it is made.",
    no_args_is_help=True,
)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The word after `plugin:` in hub.yaml: small letters, as in my_crm.")
]
To = Annotated[
    Path | None,
    typer.Option("--to", metavar="FOLDER", help="The folder to make; schakel-NAME by default.", show_default=False),
]


@new.command("source")
def source(name: Name, to: To = None, json: Json = False) -> None:
    """Make a package that brings data in, with a default mapping and its cases."""
    from hub.cli.new import new as work

    answer(json, lambda: work("source", name, to))


@new.command("destination")
def destination(name: Name, to: To = None, json: Json = False) -> None:
    """Make a package that keeps lists of people in another system."""
    from hub.cli.new import new as work

    answer(json, lambda: work("destination", name, to))
