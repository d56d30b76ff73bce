"""The review queue: pairs of records that may be one person, side by side, for somebody to decide."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.errors import ConfigurationError, suggest
from hub.ledger import Verdicts
from hub.people.reading import Ask, Reading
from hub.project import Project
from hub.schema.tables import NAMES, POSTAL

Pair = tuple[str, str]
"""Two records, the smaller id first."""

LIKE_IT = 200
"""Among so many records of the same system or key a misspelt one is looked for."""


@dataclass(frozen=True)
class Candidate:
    """Two records that may be one person: what proposes it, what each says, and in what they agree and differ.

    `low` and `high` tell by field what the records say; a field that only one of them has is in neither list.
    """

    low_record: str
    high_record: str
    found_by: str
    score: float | None
    reason: str | None
    as_of: datetime | None
    low: Mapping[str, str]
    high: Mapping[str, str]

    @property
    def agrees(self) -> tuple[str, ...]:
        """Name the fields that both have, with the same value."""
        return tuple(name for name, value in self.low.items() if self.high.get(name) == value)

    @property
    def differs(self) -> tuple[str, ...]:
        """Name the fields that both have, with different values."""
        return tuple(name for name, value in self.low.items() if self.high.get(name, value) != value)


def pair_of(one: str, other: str) -> Pair:
    """Put two records in order."""
    return min(one, other), max(one, other)


def queue(
    project: Project, ask: Ask, verdicts: Verdicts, limit: int, only: Collection[Pair] | None = None
) -> tuple[list[Candidate], int]:
    """Give the first pairs that wait for a verdict (the likeliest first, or `only` some), and how many wait."""
    reading = Reading(project, ask)
    if not reading.there("match_candidate"):
        return [], 0
    decided = {(row["low"], row["high"]) for row in verdicts.current().to_pylist()}
    table = reading.table("match_candidate")
    order = (table.c.score.desc().nulls_last(), table.c.low_record, table.c.high_record)
    found = reading.rows(sa.select(table).order_by(*order))
    waiting = [row for row in found if (row["low_record"], row["high_record"]) not in decided]
    if only is not None:
        waiting = [row for row in waiting if (row["low_record"], row["high_record"]) in only]
    shown = waiting[:limit]
    says = _sides(reading, sorted({row[name] for row in shown for name in ("low_record", "high_record")}))
    return [_candidate(row, says) for row in shown], len(waiting)


def _candidate(row: Mapping[str, Any], says: Mapping[str, Mapping[str, str]]) -> Candidate:
    return Candidate(
        low_record=row["low_record"],
        high_record=row["high_record"],
        found_by=row["found_by"],
        score=None if row["score"] is None else float(row["score"]),
        reason=row["reason"],
        as_of=row["as_of"],
        low=says.get(row["low_record"], {}),
        high=says.get(row["high_record"], {}),
    )


def _sides(reading: Reading, records: Sequence[str]) -> dict[str, dict[str, str]]:
    """Tell what records say about people: names, identifiers, addresses."""
    if not records:
        return {}
    says: dict[str, dict[str, list[str]]] = {record: {} for record in records}

    def tell(record: str, name: str, value: object) -> None:
        if value is not None and str(value).strip():
            says[record].setdefault(name, []).append(str(value).strip())

    for row in reading.among("source_record", "record_id", records, "record_id"):
        for column in NAMES:
            tell(row["record_id"], column.name, row[column.name])
    for row in reading.among("identifier", "record_id", records, "type"):
        tell(row["record_id"], row["type"], row["value"])
    for row in reading.among("address", "record_id", records, "kind"):
        parts = (row[column.name] for column in POSTAL)
        tell(row["record_id"], "address", " ".join(str(part) for part in parts if part))
    return {
        record: {name: ", ".join(dict.fromkeys(sorted(values))) for name, values in fields.items()}
        for record, fields in says.items()
    }


def people_of(project: Project, ask: Ask, records: Iterable[str]) -> dict[str, int | None]:
    """Give the person of each record as published. ConfigurationError names a record that is not there."""
    reading = Reading(project, ask)
    wanted = list(records)
    found = {
        row["record_id"]: row["person_id"] for row in reading.among("source_record", "record_id", wanted, "record_id")
    }
    missing = [record for record in wanted if record not in found]
    if missing:
        raise ConfigurationError("\n".join(_unknown(reading, record) for record in missing))
    return found


def _unknown(reading: Reading, record: str) -> str:
    """Say that there is no such record, and which one may be meant."""
    connection, _, key = record.partition(":")
    if not key:
        return (
            f"'{record}' is no record: write `connection:key`, as in crm:12. `hub explain` lists the records of a "
            "person by number, e-mail address or phone."
        )
    table = reading.table("source_record")
    near = sa.or_(
        table.c.source_key == key,
        sa.and_(
            table.c.connection == connection, table.c.source_key.startswith(key[: (len(key) + 1) // 2], autoescape=True)
        ),
    )
    alike = reading.rows(sa.select(table.c.record_id).where(near).order_by(table.c.record_id).limit(LIKE_IT))
    meant = suggest(record, [row["record_id"] for row in alike])
    return f"there is no record '{record}' in what the last run published.{meant}"
