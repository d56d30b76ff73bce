"""Judge: hold what a connection gave against what its mappings and quality.yaml demand.

Checks of rows are counted on the new rows while they are in hand. Checks of a table look at its stored rows, of one
connection, when that connection had news for it; those that the calendar decides (`newest`, `rows: per day`) at every
run, for silence is news to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.project import Project
from hub.project.models import RowCheck
from hub.project.quality import QualityCheck
from hub.project.quality_checks import table_of
from hub.schema import Table
from hub.schema.shape import RECORD
from hub.stages.map.quality.arrivals import LOADS_ASKED
from hub.stages.map.quality.aside import FEWEST, MOSTLY, Came, came, worst
from hub.stages.map.quality.fields import KEPT, forget_fields, measure, share_of
from hub.stages.map.quality.finding import Finding
from hub.stages.map.quality.spread import drift, keep_spread, spreads
from hub.stages.map.raw import RawData
from hub.stages.map.rows import Rows
from hub.warehouse import Transaction
from hub.warehouse.constructs import local_date, text_constant

FEWEST_KNOWN = 20
"""Of so many known rows it is told which share changed."""
WEEKS = 8
WEEKS_NEEDED = 4


@dataclass
class _Counted:
    """A check of rows, with the new rows that it looked at and those that failed."""

    check: RowCheck
    rows: int = 0
    failed: int = 0


class Judge:
    """Measures what one connection gives, in the transaction that maps it, and judges it at the end."""

    def __init__(
        self, transaction: Transaction, project: Project, data: RawData, connection: str, as_of: datetime
    ) -> None:
        self.transaction = transaction
        self.data = data
        self.project = project
        self.connection = connection
        self.as_of = as_of
        self.zone = ZoneInfo(project.hub.timezone)
        self.loads: dict[str, set[str]] = defaultdict(set)
        """The load packages that were measured now, by target."""
        self.counted: dict[tuple[str, str], _Counted] = {}
        """The checks of rows, by target and what they demand in words."""
        self.anew: set[str] = set()
        """The targets of which a mapping changed."""
        self.changed: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        """Of each target and column with such a check, how many new rows were known, and say something else now."""
        self.came: dict[str, list[Came]] = defaultdict(list)
        """What came for each target, by each mapping to it."""
        self.set_aside: dict[str, Finding] = {}
        """By target, what is told of rows that were set aside though no check asks for it."""

    def measure(self, rows: Rows, fingerprint: str, stored: bool) -> None:
        """Count the new rows of one mapping; call it before they are stored."""
        mended = {load.load_id for load in self.data.loads(self.connection) if load.mended}
        newest = sorted({count.load_id for count in rows.counts} - mended, key=float)[-KEPT:]
        measured = measure(self.transaction, rows, newest, self.connection, fingerprint, self.as_of, stored)
        mapped = rows.translation.mapped
        loads = list(measured.values())
        for number, rule in enumerate(rows.translation.checks):
            total, failed = share_of(loads, number)
            counted = self.counted.setdefault((mapped.target, rule.text), _Counted(rule.check))
            counted.rows += total
            counted.failed += failed
        for check in self._table_checks(mapped.target):
            if (
                check.changes is not None
                and check.column in rows.translation.columns
                and mapped.target not in self.anew
            ):
                changed = self.changed[mapped.target, check.column]
                changed[0] += sum(load.known for load in loads)
                changed[1] += sum(load.fields[check.column].changed for load in loads)
            if newest and check.drift is not None and check.column in rows.translation.columns:
                column = rows.translation.table.column(check.column)
                if column is not None:
                    keep_spread(self.transaction, rows, self.connection, column.name, column.type, newest)
        self.loads[mapped.target] |= set(newest)

    def count_aside(self, rows: Rows) -> None:
        """Count what of the new rows of one mapping goes to quarantine; call it once `rows` knows what is older."""
        one = came(self.transaction, rows)
        if one is not None:
            self.came[rows.translation.mapped.target].append(one)

    def forget(self, target: str) -> None:
        """Take out what earlier forms of the mappings to a table measured; that they said otherwise is no news."""
        self.anew.add(target)
        forget_fields(self.transaction, self.connection, target)

    def findings(self) -> list[Finding]:
        """Judge, after everything of the connection is stored."""
        found = [self._of_rows(target, it.check, it.rows, it.failed) for (target, _), it in self.counted.items()]
        ways: Mapping[str, Callable[[str, Table, QualityCheck], Finding | None]] = {
            "unique": self._unique,
            "refers": self._refers,
            "newest": self._newest,
            "drift": self._drift,
            "changes": self._changes,
            "rows": self._per_load,
        }
        for target in self._targets():
            table = table_of(self.project.schema, target)
            if table is None:
                continue
            for check in self._table_checks(target):
                if check.rows == "per day":
                    found.append(self._per_day(target, table, check))
                elif check.rows == "mapped":
                    found.append(self._mapped(target, check, self.came[target]))
                elif check.newest is not None or self._had_news(target, table, check):
                    found.append(ways[check.demand](target, table, check))
        return [finding for finding in (*found, *self._mostly_aside()) if finding is not None]

    def _mostly_aside(self) -> Iterator[Finding]:
        """Tell where most rows were set aside, unless a check of the project says what is right."""
        for target, of in self.came.items():
            asked = any(check.rows == "mapped" for check in self._table_checks(target))
            finding = None if asked else self._mapped(target, MOSTLY, [one for one in of if one.rows >= FEWEST])
            if finding is not None and not finding.met:
                self.set_aside[target] = finding
                yield finding

    def declared(self) -> set[tuple[str, str]]:
        """Name every check that holds for this connection: (target, what is demanded)."""
        own = [mapped for mapped in self.project.mappings if mapped.connection == self.connection]
        of_rows = {
            (mapped.target, check.words)
            for mapped in own
            for check in (*(check for _, check in mapped.mapping.row_checks), *mapped.shared_checks)
        }
        told = {(mapped.target, MOSTLY.words) for mapped in own if self._still_told(mapped.target)}
        of_tables = {(target, check.words) for target in self._targets() for check in self._table_checks(target)}
        return of_rows | told | of_tables

    def _still_told(self, target: str) -> bool:
        """Say whether what was told of rows set aside holds: until more rows come, of which most are mapped."""
        return target in self.set_aside or not any(one.rows >= FEWEST for one in self.came[target])

    def _targets(self) -> list[str]:
        own = (mapped.target for mapped in self.project.mappings if mapped.connection == self.connection)
        return [target for target in dict.fromkeys(own) if target in self.project.quality.checks]

    def _table_checks(self, target: str) -> Sequence[QualityCheck]:
        return [
            check
            for check in self.project.quality.checks.get(target, ())
            if not check.of_rows and check.connection in (None, self.connection)
        ]

    def _had_news(self, target: str, table: Table, check: QualityCheck) -> bool:
        column = table.column(check.column or "")
        referred = column.references if check.refers and column is not None else None
        return bool(self.loads[target]) or (referred is not None and bool(self.loads[_target_of(referred)]))

    def _finding(self, target: str, check: RowCheck, met: bool, rows: int, failed: int | None, found: str) -> Finding:
        return Finding(self.connection, target, check.words, check.otherwise, met, rows, failed, found)

    # each demand

    def _of_rows(self, target: str, check: RowCheck, rows: int, failed: int) -> Finding | None:
        return self._by_share(target, check, rows, failed, check.at_least or 1.0, "do not meet it")

    def _by_share(self, target: str, check: RowCheck, rows: int, failed: int, share: float, how: str) -> Finding | None:
        if not rows:
            return None
        found = f"{failed:,} of {rows:,} rows {how}" if failed else f"all {rows:,} rows meet it"
        return self._finding(target, check, rows - failed >= share * rows, rows, failed, found)

    def _unique(self, target: str, table: Table, check: QualityCheck) -> Finding | None:
        stored, here = self._stored(table)
        column = stored.c[str(check.column)]
        query = sa.select(sa.func.count(column), sa.func.count(column.distinct())).where(here)
        ((rows, different),) = self.transaction.rows(query)
        return self._by_share(target, check, rows, rows - different, check.share, "repeat a value")

    def _refers(self, target: str, table: Table, check: QualityCheck) -> Finding | None:
        stored, here = self._stored(table)
        column = table.column(str(check.column))
        referred = self.project.schema.get(column.references or "") if column is not None else None
        if column is None or referred is None:
            return None
        other = self.transaction.table(referred.name).alias("referred")
        given = stored.c[column.name]
        if column.name == RECORD.name:
            same = other.c[RECORD.name] == given
        else:
            same = sa.and_(other.c.connection == stored.c.connection, other.c.source_key == given)
        lost = sa.not_(sa.exists(sa.select(sa.literal_column("1")).select_from(other).where(same)))
        rows = self.transaction.count(stored, here, given.is_not(None))
        failed = self.transaction.count(stored, here, given.is_not(None), lost)
        return self._by_share(target, check, rows, failed, check.share, f"refer to no row of {referred.name}")

    def _newest(self, target: str, table: Table, check: QualityCheck) -> Finding | None:
        stored, here = self._stored(table)
        column = stored.c[str(check.column)]
        rows = self.transaction.count(stored, here)
        if not rows or check.newest is None:
            return None
        newest = self.transaction.scalar(sa.select(sa.func.max(column)).where(here, column <= self._edge(column)))
        if newest is None:
            return self._finding(target, check, False, rows, None, "no row has a moment up to now")
        at = newest.astimezone(UTC) if isinstance(newest, datetime) else self._midnight(newest)
        shown = f"{newest.astimezone(self.zone):%Y-%m-%d %H:%M}" if isinstance(newest, datetime) else f"{newest}"
        return self._finding(target, check, self.as_of - at <= check.newest, rows, None, f"the newest is of {shown}")

    def _drift(self, target: str, table: Table, check: QualityCheck) -> Finding | None:
        found = spreads(self.transaction, self.connection, target, str(check.column))
        now = [load_id for load_id in found if load_id in self.loads[target]]
        before = [load_id for load_id in found if now and float(load_id) < float(now[0])]
        index = drift([found[load_id] for load_id in now], [found[load_id] for load_id in before])
        if index is None or check.drift is None:
            return None
        rows = sum(sum(found[load_id].values()) for load_id in now)
        said = f"it drifted {index:.2f} from {len(before)} earlier loads"
        return self._finding(target, check, index <= check.drift, rows, None, said)

    def _changes(self, target: str, table: Table, check: QualityCheck) -> Finding | None:
        known, changed = self.changed[target, str(check.column)]
        if known < FEWEST_KNOWN or check.changes is None:
            return None
        said = f"{changed:,} of {known:,} known rows say something else than before"
        return self._finding(target, check, changed <= check.changes * known, known, changed, said)

    def _per_load(self, target: str, table: Table, check: QualityCheck) -> Finding | None:
        stored = self.transaction.table("quality_field")
        query = sa.select(stored.c.load_id, sa.func.max(stored.c.rows)).where(
            stored.c.connection == text_constant(self.connection), stored.c.target == text_constant(target)
        )
        counts: dict[str, int] = defaultdict(int)
        by = (stored.c.load_id, stored.c.raw_table, stored.c.mapping)
        for load_id, rows in self.transaction.rows(query.group_by(*by)):
            counts[load_id] += int(rows)
        ordered = sorted(counts, key=float)
        earlier = [counts[load_id] for load_id in ordered[1:] if load_id not in self.loads[target]]
        if len(earlier) < LOADS_ASKED or not ordered or ordered[-1] not in self.loads[target]:
            return None
        return self._as_usual(target, check, counts[ordered[-1]], median(earlier), "in the new load")

    def _per_day(self, target: str, table: Table, check: QualityCheck) -> Finding | None:
        """Compare yesterday with the same weekday of the weeks before, back to the first day with rows."""
        if table.time is None:
            return None
        stored, here = self._stored(table)
        column = stored.c[table.time]
        today = self.as_of.astimezone(self.zone).date()
        days = [today - timedelta(days=1 + 7 * week) for week in range(WEEKS + 1)]
        is_date = isinstance(column.type, sa.Date)
        day = column if is_date else local_date(column, text_constant(self.project.hub.timezone))
        start, end = (edge if is_date else self._midnight(edge) for edge in (days[-1], today))
        kind = column.type
        query = (
            sa.select(day.label("day"), sa.func.count())
            .where(
                here, column >= sa.cast(sa.literal(start, kind), kind), column < sa.cast(sa.literal(end, kind), kind)
            )
            .group_by(sa.text("1"))
        )
        counts = {found: int(rows) for found, rows in self.transaction.rows(query)}
        first = min(counts, default=today)
        before = [counts.get(one, 0) for one in days[1:] if one >= first]
        if len(before) < WEEKS_NEEDED or not median(before):
            return None
        return self._as_usual(target, check, counts.get(days[0], 0), median(before), f"on {days[0]:%A %d %B}")

    def _mapped(self, target: str, check: QualityCheck, of: Sequence[Came]) -> Finding | None:
        if not of:
            return None
        it = worst(of)
        why = f", mostly because of: {it.mostly}" if it.aside else ""
        said = f"{it.aside:,} of {it.rows:,} rows of {it.raw_table} were set aside{why}"
        return self._finding(target, check, it.share >= check.share, it.rows, it.aside, said)

    def _as_usual(self, target: str, check: QualityCheck, rows: int, usual: float, where: str) -> Finding:
        said = f"{rows:,} rows {where}, usual are {usual:,.0f}"
        return self._finding(target, check, rows >= check.share * usual, rows, None, said)

    # the rows

    def _stored(self, table: Table) -> tuple[sa.Table, sa.ColumnElement[bool]]:
        stored = self.transaction.table(table.name)
        return stored, stored.c.connection == text_constant(self.connection)

    def _edge(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """Give the as-of moment in the type of a column."""
        local = self.as_of.astimezone(self.zone).date()
        value = local if isinstance(column.type, sa.Date) else self.as_of
        return sa.cast(sa.literal(value, column.type), column.type)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def _target_of(table: str) -> str:
    return "person" if table == "source_record" else table
