"""Conflicts: of how many people the records say different things, field by field (R42).

Counted when asked for and not stored: one scan over the records costs less than keeping it up to date at every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hub.people.provenance import Rows
from hub.people.survivorship import own_fields, unless_empty
from hub.schema import Schema
from hub.warehouse.constructs import folded


@dataclass(frozen=True)
class Conflict:
    """How many people have a field, and of how many the records disagree about it."""

    field: str
    people: int
    disagreeing: int


def conflicts(schema: Schema, rows: Rows) -> list[Conflict]:
    """Count for each field of a record, most conflicts first; capitals, accents and empty values make no conflict."""
    names = [name for name in own_fields(schema) if schema["source_record"].column(name) is not None]
    (found,) = rows(_counts(schema, names))
    told = (Conflict(name, int(found[f"{name}__people"]), int(found[f"{name}__disagreeing"])) for name in names)
    return sorted((it for it in told if it.people), key=lambda it: (-it.disagreeing, it.field))


def _counts(schema: Schema, names: list[str]) -> sa.Select[Any]:
    record = schema.table("source_record")
    said: list[sa.ColumnElement[Any]] = []
    for name in names:
        value = _compared(record.c[name])
        said += [sa.func.min(value).label(f"{name}__least"), sa.func.max(value).label(f"{name}__most")]
    person = sa.select(record.c.person_id, *said).group_by(record.c.person_id).subquery("said")
    counts: list[sa.ColumnElement[Any]] = []
    for name in names:
        least, most = person.c[f"{name}__least"], person.c[f"{name}__most"]
        counts += [
            sa.func.count(least).label(f"{name}__people"),
            sa.func.count().filter(least != most).label(f"{name}__disagreeing"),
        ]
    return sa.select(*counts)


def _compared(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, sa.Boolean):
        return sa.cast(column, sa.Integer())
    return folded(unless_empty(column).element) if isinstance(column.type, sa.Text) else column
