"""`hub scores`: whether the models behind scores are used, and how good they were where they could be tried."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.people.models import Model


def scores(folder: Path | None) -> Answer:
    """Tell of the models as the last run left them."""
    from hub.people.models import models

    project = open_project(folder)
    found = models(project, partial(ask, project))
    return Answer([asdict(model) for model in found], lambda console: _show(console, found))


def _show(console: Console, found: list[Model]) -> None:
    from rich.table import Table

    if not found:
        console.print(
            "No scorer has given a score yet: name one in `by:` of a score, and run `hub run`.",
            markup=False,
            soft_wrap=True,
        )
    for model in found:
        verdict = "used" if model.used else f"not used: {model.reason}"
        told = f"{model.score}, by {model.scorer}, as of {model.as_of:%Y-%m-%d}: {verdict}"
        console.print(told, markup=False, soft_wrap=True)
        for measure, by in model.measures.items():
            console.print(f"  {measure}: " + ", ".join(f"{of} {value:g}" for of, value in by.items()), markup=False)
        if model.calibration:
            console.print("  the people in tenths, from the least: what was foretold of them, and what came")
            table = Table("tenth", "foretold", "came")
            for number, (foretold, came) in enumerate(model.calibration, start=1):
                table.add_row(str(number), f"{foretold:g}", f"{came:g}")
            console.print(table)
