"""Arrivals: a source that is suddenly half of what it was is not believed until it is, or a person says it is right.

What is usual: the median number of rows among the load packages of a raw table that were mapped in 28 days, up to the
connection's last mapped one, without the table's very first package, which brings the past. Time does not wear it out:
a connection that nobody looks at for months is still compared with what was believed last. What a person accepts is
the new usual: packages before an accepted one count no more.

By default the guard holds where that is sound: at least 5 such packages over at least 7 days, so that every weekday
was seen, with a median of at least 100 rows, and not one of them below half of it. A table that brings whole copies
meets this; one that brings what changed, and so varies, mostly does not, and then quality.yaml says what it wants.
A table that is not in the package counts as empty where it was in every earlier one: sources leave out what is empty,
and also what is unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from statistics import median

import sqlalchemy as sa

from hub.lake import REJECTED, Load
from hub.project import Project
from hub.stages.map.quality.finding import Finding
from hub.stages.map.raw import RawData
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

WINDOW = timedelta(days=28)
SPAN = timedelta(days=7)
LOADS = 5
LOADS_ASKED = 3
"""Enough earlier packages where quality.yaml asks for a share."""
FEWEST = 100
HALF = 0.5


def judge_arrivals(
    transaction: Transaction, project: Project, data: RawData, connection: str, accepted: str | None
) -> list[Finding]:
    """Compare the newest load package, where it is not mapped yet, with what is usual; costs no row.

    `accepted` is the load package up to which a person accepted what came.
    """
    asked = project.quality.arrivals.get(connection, {})
    read = {mapped.mapping.from_ for mapped in project.mappings if mapped.connection == connection}
    if asked == "any" or not read:
        return []
    loads = [load for load in data.loads(connection) if load.files.keys() - {REJECTED} and not load.mended]
    mapped = _mapped(transaction, connection)
    known = {load_id for counts in mapped.values() for load_id in counts}
    if not loads or not known or loads[-1].load_id in known:
        return []
    newest = loads[-1]
    since = max((load.inserted_at for load in loads if load.load_id in known), default=newest.inserted_at) - WINDOW
    found = []
    for table in sorted(read):
        share = asked.get(table)
        if share == "any":
            continue
        history = _history(loads, mapped.get(table, {}), since, accepted)
        if share is None and table not in newest.files and not _always_came(loads, known, history):
            continue
        finding = _judge(newest, table, share, data, history)
        if finding is not None:
            found.append(finding)
    return found


def _mapped(transaction: Transaction, connection: str) -> dict[str, dict[str, int]]:
    """Give the rows of each load package that was mapped, by raw table."""
    stored = transaction.table("mapped_load")
    found: dict[str, dict[str, int]] = {}
    query = sa.select(stored.c.raw_table, stored.c.load_id, sa.func.max(stored.c.rows_in))
    here = stored.c.connection == text_constant(connection)
    for table, load_id, rows in transaction.rows(query.where(here).group_by(stored.c.raw_table, stored.c.load_id)):
        found.setdefault(table, {})[load_id] = int(rows)
    return found


def _history(
    loads: Sequence[Load], mapped: Mapping[str, int], since: datetime, accepted: str | None
) -> list[tuple[Load, int]]:
    """Give the packages to compare with, and their rows."""
    before = [(load, mapped[load.load_id]) for load in loads if load.load_id in mapped]
    first = float(accepted) if accepted is not None else 0.0
    return [(load, rows) for load, rows in before[1:] if load.inserted_at >= since and float(load.load_id) >= first]


def _always_came(loads: Sequence[Load], known: Set[str], history: Sequence[tuple[Load, int]]) -> bool:
    """Say whether a table was in every package that was mapped, so that one without it is strange."""
    if not history:
        return False
    since = float(history[0][0].load_id)
    mapped = [load for load in loads if load.load_id in known and float(load.load_id) >= since]
    return len(mapped) == len(history)


def _judge(
    newest: Load, table: str, asked: float | None, data: RawData, history: Sequence[tuple[Load, int]]
) -> Finding | None:
    counts = [rows for _, rows in history]
    if len(counts) < (LOADS if asked is None else LOADS_ASKED):
        return None
    usual = median(counts)
    steady = min(counts) >= HALF * usual and usual >= FEWEST
    if asked is None and not (steady and history[-1][0].inserted_at - history[0][0].inserted_at >= SPAN):
        return None
    share = HALF if asked is None else asked
    rows = data.count(newest, table) if table in newest.files else 0
    return Finding(
        newest.connection,
        table,
        "arrives as usual",
        "stop",
        rows >= share * usual,
        rows,
        None,
        f"{rows:,} rows came, usual are {usual:,.0f}, and at least {share * 100:g}% of that is asked",
    )
