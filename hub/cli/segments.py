"""`hub segments`: how large the segments are, how they change, and how they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.cli.project import open_project
from hub.published import ask

if TYPE_CHECKING:
    from rich.console import Console

    from hub.people.overview import Overview

BARS = "▁▂▃▄▅▆▇█"


def segments(folder: Path | None, names: Sequence[str], days: int, overlap: bool) -> Answer:
    """Look at the segments as the last run left them."""
    from hub.people.overview import overview

    project = open_project(folder)
    found = overview(project, partial(ask, project), names, days, overlap)
    return Answer(asdict(found), lambda console: _show(console, found))


def _show(console: Console, found: Overview) -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(f"{found.people:,} people, as of {found.as_of:%Y-%m-%d %H:%M %Z}; last {found.days} days")
    table = Table()
    for heading in ("segment", "members", "share", "entered", "left", "trend", "who is in it"):
        right = heading in ("members", "share", "entered", "left")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for size in found.sizes:
        counts = (f"{size.members:,}", f"{size.share:.1%}", f"+{size.entered:,}", f"-{size.left:,}")
        table.add_row(size.segment, *counts, spark(size.trend), Text(size.summary))
    console.print(table)
    if found.overlap:
        both = Table(title="In both, as a share of the segment on the left", title_justify="left")
        both.add_column("segment")
        for name in found.overlap:
            both.add_column(name, justify="right")
        for name, others in found.overlap.items():
            whole = others[name]
            both.add_row(name, *(f"{count / whole:.0%}" if whole else "" for count in others.values()))
        console.print(both)


def spark(sizes: Sequence[int]) -> str:
    """Draw sizes as a row of bars, the largest a full one."""
    most = max(sizes, default=0)
    return "".join(BARS[round(size / most * (len(BARS) - 1))] if most else BARS[0] for size in sizes)
