"""`hub scenario show NAME`: a scenario as a flow chart, with how many are at each step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.errors import ConfigurationError, suggest
from hub.published import ask

if TYPE_CHECKING:
    from hub.project import Project


def show(folder: Path | None, name: str) -> Answer:
    """Draw a scenario; the numbers are those of the last run."""
    from hub.project.diagram import mermaid

    project = open_project(folder)
    scenario = project.scenarios.get(name)
    if scenario is None:
        raise ConfigurationError(f"there is no scenario '{name}'.{suggest(name, project.scenarios)}")
    here, states = _numbers(project, name)
    drawn = mermaid(scenario, here)
    data = {"scenario": name, "mermaid": drawn, "here": here, "states": states}
    return Answer(data, lambda console: console.print(drawn, markup=False, highlight=False, soft_wrap=True, end=""))


def _numbers(project: Project, name: str) -> tuple[dict[str, int], dict[str, int]]:
    """Count who is at each step, and everybody by state; nothing before the first run."""
    written = name.replace("'", "''")
    asked = f"SELECT status, step, count(*) AS people FROM enrolment WHERE scenario = '{written}' GROUP BY 1, 2"  # noqa: S608 - the name is one of the project's
    try:
        rows = ask(project, f"{asked} ORDER BY 1, 2").to_pylist()
    except ConfigurationError:
        return {}, {}
    here = {row["step"]: row["people"] for row in rows if row["status"] == "active"}
    states: dict[str, int] = {}
    for row in rows:
        states[row["status"]] = states.get(row["status"], 0) + row["people"]
    return here, states
