"""`hub test`: run the examples beside mappings and segments and in scenarios, and tell what differs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import open_project

if TYPE_CHECKING:
    from rich.console import Console

    from hub.cases import CaseResult


def test(folder: Path | None) -> Answer:
    """Run all cases; exit code 1 where one differs."""
    from hub.cases import run_cases

    results = run_cases(open_project(folder))
    failed = sum(not result.ok for result in results)
    data = {"ok": not failed, "cases": [{**asdict(result), "ok": result.ok} for result in results]}
    return Answer(data, lambda console: _show(console, results, failed), 1 if failed else 0)


def _show(console: Console, results: list[CaseResult], failed: int) -> None:
    for result in results:
        mark = "[green]ok    [/]" if result.ok else "[red]failed[/]"
        console.print(mark, end=" ")
        console.print(f"{result.file}:{result.line}: {result.name}", markup=False)
        for difference in result.differences:
            console.print(f"         {difference}", markup=False)
    if not results:
        console.print(
            "There are no cases yet: write NAME.cases.yaml beside mappings/NAME.yaml, or `cases:` in a scenario."
        )
    else:
        console.print(f"{len(results) - failed} of {len(results)} cases hold.")
