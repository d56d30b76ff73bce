"""The quality report: what the newest load of each connection was like, field by field, and which checks are not met.

It reads what the last run published: the tables quality_field and quality_check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Ask = Callable[[str], "pa.Table"]
"""Runs one SQL statement on what was published."""

WIDTH = 10
FIELDS = "SELECT * FROM quality_field"
CHECKS = (
    "SELECT connection, target, demand, otherwise, met, rows, failed, found, measured_at FROM quality_check "
    "ORDER BY met, connection, target, demand"
)


@dataclass(frozen=True)
class FieldQuality:
    """What the newest load gave for one field; shares lie between 0 and 1."""

    connection: str
    target: str
    raw_table: str
    field: str
    load_id: str
    rows: int
    filled: float
    valid: float
    """The share of the values given."""
    different: int
    known: int
    changed: int
    """Of the `known` rows, those whose value is another one than before."""
    filled_before: float | None
    """The share that was filled in the load before."""

    @property
    def fell(self) -> bool:
        """Say whether clearly fewer rows have a value than in the load before."""
        return self.filled_before is not None and self.filled < 0.9 * self.filled_before


@dataclass(frozen=True)
class QualityReport:
    """The fields in the order of connection, table and raw table; the checks, those that are not met first."""

    fields: Sequence[FieldQuality]
    checks: Sequence[Mapping[str, Any]]

    @property
    def unmet(self) -> Sequence[Mapping[str, Any]]:
        """Give the checks that are not met."""
        return [check for check in self.checks if not check["met"]]

    def tables(self) -> Iterator[tuple[tuple[str, str, str], list[FieldQuality]]]:
        """Give the fields by (connection, target, raw table)."""
        for key, fields in groupby(self.fields, key=lambda it: (it.connection, it.target, it.raw_table)):
            yield key, list(fields)


def read_quality(ask: Ask, connection: str | None = None) -> QualityReport:
    """Read the report, of one connection or of all. Raises ConfigurationError where nothing is published yet."""
    measured = ask(FIELDS).to_pylist()
    checks = ask(CHECKS).to_pylist()
    return QualityReport(
        list(_newest(row for row in measured if connection in (None, row["connection"]))),
        [check for check in checks if connection in (None, check["connection"])],
    )


def _newest(measured: Iterable[Mapping[str, Any]]) -> Iterator[FieldQuality]:
    names = ("connection", "target", "raw_table", "mapping", "field")

    def key(row: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(row[name] for name in names)

    for _, rows in groupby(sorted(measured, key=lambda row: (key(row), float(row["load_id"]))), key=key):
        *_, before, newest = None, *rows
        yield FieldQuality(
            newest["connection"],
            newest["target"],
            newest["raw_table"],
            newest["field"],
            newest["load_id"],
            newest["rows"],
            share(newest["filled"], newest["rows"]),
            share(newest["valid"], newest["filled"]),
            newest["different"],
            newest["known"],
            newest["changed"],
            share(before["filled"], before["rows"]) if before is not None else None,
        )


def share(part: int, whole: int) -> float:
    """Give a share; of nothing it is none."""
    return part / whole if whole else 0.0


def bar(part: float) -> str:
    """Draw a share as a bar; full only where it is whole, empty only where it is nothing."""
    blocks = round(part * WIDTH)
    if 0 < part < 1:
        blocks = min(max(blocks, 1), WIDTH - 1)
    return "█" * blocks + "░" * (WIDTH - blocks)


def percent(part: float) -> str:
    """Write a share so that 100% is whole, and 0% nothing."""
    if 0.995 <= part < 1:
        return "99%"
    return "1%" if 0 < part < 0.01 else f"{part * 100:.0f}%"


def quality_page(report: QualityReport) -> str:
    """Write the report as a page in Markdown; it holds counts, and no value of the data."""
    return "\n".join(_page(report))


def _page(report: QualityReport) -> Iterator[str]:
    yield "# Data quality"
    yield ""
    yield f"{len(report.checks)} checks, {len(report.unmet)} of them not met."
    if report.unmet:
        yield ""
        yield "| connection | table | demanded | found | otherwise |"
        yield "|---|---|---|---|---|"
        for it in report.unmet:
            cells = (it["connection"], it["target"], it["demand"], it["found"], it["otherwise"])
            yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    for (connection, target, raw_table), fields in report.tables():
        yield ""
        yield f"## {connection}: {raw_table} to {target}"
        yield ""
        yield f"{fields[0].rows:,} rows in the newest load."
        yield ""
        yield "| field | filled | | valid | | different | changed |"
        yield "|---|---|---:|---|---:|---:|---:|"
        for one in fields:
            drawn = f"{bar(one.filled)} | {percent(one.filled)} | {bar(one.valid)} | {percent(one.valid)}"
            yield f"| {one.field} | {drawn} | {one.different:,} | {one.changed:,} |"
