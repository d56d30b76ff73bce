"""`hub scenario ...`: the commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.answer import answer
from hub.cli.options import Json, Project

scenario = typer.Typer(help="Look at scenarios.", no_args_is_help=True)


@scenario.command("show")
def show_scenario(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The scenario.")],
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw a picture into this file instead.")
    ] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Draw a scenario as a Mermaid flow chart or a picture, with the numbers that the last run left at each step."""
    from hub.cli.scenario import show as work

    answer(json, lambda: work(project, name, svg))


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
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="CUT",
            help="Tell its messages by channel, step, variant, weekday, hour, group, group_weekday or group_hour.",
            show_default=False,
        ),
    ] = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Tell whom a scenario reached, what they did, and how much more than the control group reached the goal."""
    from hub.cli.results import results as work
    from hub.cli.results_by import results_by

    answer(json, lambda: work(project, name) if by is None else results_by(project, name, by))
