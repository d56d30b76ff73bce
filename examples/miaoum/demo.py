"""The main job, from six systems' data to personal messages and back, as a person can watch it: `make demo`.

    python -m examples.miaoum.demo

The first run welcomes the newcomers of the last days. Then the recipients react, and a second run a day later takes
their reactions in; it sends nothing twice. Everything stays in the project's folder to be looked at.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from examples.miaoum import show
from examples.miaoum.world import PEOPLE, make_data, world
from hub import log, pipeline
from hub.errors import HubError
from hub.project.load import load_project
from hub.report import Report

FOLDER = Path(__file__).parent
#: The Monday after the data ends, ten o'clock in Amsterdam.
AS_OF = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NEXT_DAY = AS_OF + timedelta(days=1)
SEED = 18

SAYS: dict[str, str] = {
    "land": "landing what the systems say",
    "map": "mapping it into one shared schema",
    "resolve": "finding out who is who",
    "feedback": "settling reactions",
    "enrich": "computing traits",
    "segment": "drawing segments",
    "decide": "deciding who gets what",
    "activate": "sending",
    "measure": "measuring",
}


def main(folder: Path = FOLDER, people: int = PEOPLE) -> int:
    """Play the demo in a project's folder; 0 when all went well, 1 when something failed or came twice."""
    started = time.perf_counter()
    console = Console()
    log.configure(level="error")
    console.print(Panel.fit(show.OPENING, border_style="magenta", title="[bold]Mia(ou)m[/]"))
    with console.status("Making the pet shop's data …"):
        fresh = make_data(folder, people)
    console.print(
        f"The pet shop's data is {'new' if fresh else 'there already'}: [dim]{show.near(folder / 'data')}[/]\n"
    )
    with world(folder) as outside:
        first = run(console, folder, "A Monday morning: the first run", AS_OF)
        show.run(console, folder, first)
        path = outside.mailbox.react(outside.reactions, SEED, AS_OF)
        show.reactions(console, path)
        second = run(console, folder, "A day later: the same run again", NEXT_DAY)
        show.feedback(console, folder)
        doubles = show.proof(console, outside, second)
    show.next_steps(console, folder, time.perf_counter() - started)
    failures = [*first.failures, *second.failures]
    for failure in failures:
        console.print(f"[red]{escape(failure)}")
    return 1 if failures or doubles else 0


def run(console: Console, folder: Path, title: str, as_of: datetime) -> pipeline.RunReport:
    """Walk the pipeline under a progress bar."""
    project = load_project(folder)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<44}"),
        BarColumn(30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console.rule(f"[bold]{title}", align="left")
    with Progress(*columns, console=console) as progress:
        ahead = [stage for stage in pipeline.STAGES if stage != "land" and (stage != "look_up" or project.lookups)]
        task = progress.add_task("", total=len(project.connections) + len(ahead))

        def tell(stage: str, subject: str, report: Report | None) -> None:
            if report is None:
                progress.update(task, description=f"{SAYS[stage]}{f': {subject}' if subject else ''}")
            else:
                progress.advance(task)

        result = pipeline.run(project, as_of, on_progress=tell)
        progress.update(task, description="done")
    return result


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HubError as error:
        Console(stderr=True).print(f"[red]{escape(str(error))}")
        sys.exit(error.exit_code)
