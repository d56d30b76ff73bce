"""`hub run`: walk the stages, show the progress, and end with what each of them did."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub import log, settings
from hub.cli.answer import Answer
from hub.cli.project import checked_project
from hub.cli.scheduler import flows
from hub.loading import loading

if TYPE_CHECKING:
    from rich.console import Console

    from hub.pipeline import RunReport
    from hub.project import Project
    from hub.report import Report


def run(folder: Path | None, stages: Sequence[str], as_of: str | None, show: bool) -> Answer:
    """Run stages or flows (all stages by default); with an API URL of Prefect set, as a flow run there.

    A project with mistakes does not start: half a run of a wrong configuration helps nobody.
    """
    with loading():
        from hub import pipeline

    project, at = checked_project(folder, as_of)
    if os.environ.get("PREFECT_API_URL"):
        report = flows().run_as_flow(project.folder, stages, at)
    else:
        with _Progress(_quietly(project, show)) as progress:
            report = pipeline.run(project, at, stages, on_progress=progress)
    return Answer(_data(report), lambda console: _table(console, report), 0 if report.ok else 1)


def _quietly(project: Project, show: bool) -> bool:
    """Set up the logs; say whether progress is shown instead of lines of log."""
    found = settings.load(project.folder)
    progress = show and found.log_format == "console" and found.log_level == "info"
    log.configure(found.log_format, "critical" if progress else found.log_level)
    return progress


class _Progress:
    """Tells on standard error which stage is at work, and what each did."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown

    def __enter__(self) -> _Progress:
        if self.shown:
            from rich.console import Console

            self.console = Console(stderr=True, highlight=False)
            self.status = self.console.status("starting")
            self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.shown:
            self.status.stop()

    def __call__(self, stage: str, subject: str, report: Report | None) -> None:
        if not self.shown:
            return
        name = f"{stage} {subject}".strip()
        if report is None:
            self.status.update(f"{name} ...")
        elif sys.stderr.isatty():
            mark = "[red]failed[/]" if report.failures else "[dim]no news[/]" if report.skipped else "[green]done[/]"
            self.console.print(f"  {name:<24}{mark}")


def _data(report: RunReport) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "run": report.run_id,
        "as_of": report.as_of,
        "ok": report.ok,
        "failures": list(report.failures),
        "warnings": list(report.warnings),
        "seconds": report.seconds,
        "reports": [asdict(stage) for stage in report.reports],
    }


def _table(console: Console, report: RunReport) -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    title = f"Run {report.run_id} as of {report.as_of:%Y-%m-%d %H:%M} UTC"
    table = Table(title=title, title_justify="left", box=SIMPLE)
    table.add_column("stage")
    for heading in ("rows in", "out", "set aside"):
        table.add_column(heading, justify="right")
    table.add_column("what it did")
    for stage in report.reports:
        counts = [f"{what.replace('_', ' ')} {count:,}" for what, count in stage.counts.items() if count]
        did = "no news" if stage.skipped else ", ".join(counts)
        numbers = ("",) * 3 if stage.skipped else (f"{stage.rows_in:,}", f"{stage.rows_out:,}", f"{stage.set_aside:,}")
        name = f"{stage.stage} {stage.subject}".strip()
        table.add_row(name, *numbers, Text("failed" if stage.failures else did))
    console.print(table)
    console.print(f"{sum(report.seconds.values()):.1f} seconds.")
    if any(stage.counts.get(count) for stage in report.reports for count in ("quarantined", "unreadable values")):
        console.print("New in quarantine: `hub quarantine list` says what, why, and what to do.", markup=False)
    for warning in report.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    for failure in report.failures:
        console.print(f"failed: {failure}", style="red", markup=False)
