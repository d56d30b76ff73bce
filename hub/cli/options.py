"""The options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so. Default: the user of this system.")]
