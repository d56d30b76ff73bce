"""`hub scenario show NAME`: a scenario as a flow chart, with the numbers of each step."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import ConfigurationError, suggest
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.project import Project
    from hub.project.diagram import Numbers

DID = {
    "decision": "messages",
    "audience_member": "people added",
    "person_field": "values set",
    "task": "tasks",
    "banner": "banners",
    "posted_row": "rows",
}
"""What the rows of a table that steps fill are called."""


def show(folder: Path | None, name: str, picture: Path | None = None) -> Answer:
    """Draw a scenario, in Mermaid's notation or as a picture; the numbers are those of the last run."""
    from hub.project.diagram import mermaid
    from hub.project.drawing import svg

    project = open_project(folder)
    scenario = project.scenarios.get(name)
    if scenario is None:
        raise ConfigurationError(f"there is no scenario '{name}'.{suggest(name, project.scenarios)}")
    states, numbers = _numbers(project, name)
    drawn = mermaid(scenario, numbers)
    steps = {step: {"here": it.here, "did": list(it.did)} for step, it in numbers.items()}
    here = {step: it.here for step, it in numbers.items() if it.here}
    data: dict[str, Any] = {"scenario": name, "mermaid": drawn, "here": here, "steps": steps, "states": states}
    if picture is None:
        return Answer(data, lambda console: console.print(drawn, markup=False, highlight=False, soft_wrap=True, end=""))
    try:
        picture.write_text(svg(scenario, numbers), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{picture} can't be written: {error.strerror}") from None
    return Answer({**data, "picture": str(picture)}, partial(_tell, picture))


def _tell(picture: Path, console: Console) -> None:
    console.print(f"Drawn into {picture}", markup=False, highlight=False, soft_wrap=True)


def _numbers(project: Project, name: str) -> tuple[dict[str, int], dict[str, Numbers]]:
    """Count everybody by state, and what is known of each step; nothing before the first run."""
    from hub.people.reading import Reading
    from hub.project.diagram import Numbers

    reading = Reading(project, partial(ask, project))
    try:
        published = reading.published
    except ConfigurationError:
        return {}, {}
    way = project.schema.table("enrolment")
    counted = sa.select(way.c.status, way.c.step, sa.func.count().label("people"))
    states: dict[str, int] = {}
    here: dict[str, int] = {}
    for row in reading.rows(counted.where(way.c.scenario == name).group_by(way.c.status, way.c.step)):
        states[row["status"]] = states.get(row["status"], 0) + row["people"]
        if row["status"] == "active":
            here[row["step"]] = row["people"]
    did: dict[str, list[str]] = {}
    for table, what in DID.items():
        if table in published:
            stored = project.schema.table(table)
            kept = stored.c.outcome == "queued" if table == "decision" else sa.true()
            done = sa.select(stored.c.step, sa.func.count().label("number")).where(stored.c.scenario == name, kept)
            for row in reading.rows(done.group_by(stored.c.step)):
                did.setdefault(row["step"], []).append(f"{row['number']:,} {what}")
    steps = sorted({*here, *did})
    return dict(sorted(states.items())), {step: Numbers(here.get(step, 0), tuple(did.get(step, ()))) for step in steps}
