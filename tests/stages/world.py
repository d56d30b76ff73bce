"""A small world for the tests of stages: records of people and rows of facts, as mappings would leave them."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.ledger import Ledger, open_ledger
from hub.project import Project
from hub.project.identity import IdentityFile
from hub.project.models import HubFile
from hub.project.scores import Score
from hub.project.segments import Segment
from hub.project.traits import Trait
from hub.report import Report
from hub.schema import BUILT_IN, Schema
from hub.stages import resolve as stage
from hub.warehouse import Warehouse

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

_ROOM = tempfile.TemporaryDirectory(prefix="ledger-")
"""Where the ledger of tests that decide nothing by hand stands; it goes with the process."""
_LOADS = (str(number) for number in itertools.count(1))
"""Every row comes in a load package of its own."""


def project(
    traits: Mapping[str, Mapping[str, Any]] | None = None,
    segments: Mapping[str, str | Mapping[str, Any]] | None = None,
    schema: Schema = BUILT_IN,
    timezone: str = "Europe/Amsterdam",
    identity: Mapping[str, Any] | None = None,
    scores: Mapping[str, Mapping[str, Any]] | None = None,
) -> Project:
    """Make a project with traits, scores and segments (a condition, or all as in YAML), and what identity.yaml says."""
    return Project(
        folder=Path(),
        hub=HubFile(name="Test", timezone=timezone),
        schema=schema,
        connections={},
        mappings=(),
        traits={name: Trait.model_validate(trait) for name, trait in (traits or {}).items()},
        segments={
            name: Segment.model_validate({"where": given} if isinstance(given, str) else given)
            for name, given in (segments or {}).items()
        },
        scenarios={},
        syncs={},
        identity=IdentityFile.model_validate(identity or {}),
        scores={name: Score.model_validate({"score": name, **score}) for name, score in (scores or {}).items()},
    )


@cache
def _silent_ledger() -> Ledger:
    return open_ledger("sqlite", Path(_ROOM.name))


def resolve(warehouse: Warehouse, its: Project, as_of: datetime) -> Report:
    """Resolve where nobody decided anything by hand."""
    return stage.resolve(warehouse, _silent_ledger(), its, as_of)


def add(warehouse: Warehouse, table: str, *rows: Mapping[str, Any]) -> None:
    """Insert rows into a stored table."""
    with warehouse.begin() as transaction:
        for row in rows:
            transaction.execute(sa.insert(transaction.table(table)).values(**row))


def record(warehouse: Warehouse, record_id: str, at: datetime | None = None, **given: Any) -> None:
    """Add a record of a person: columns of source_record, and identifiers by their type (a value or a list)."""
    connection, key = record_id.split(":", 1)
    row = {
        "connection": connection,
        "source_key": key,
        "source_time": at,
        "load_id": next(_LOADS),
        "record_id": record_id,
    }
    kinds = ("email", "phone", "customer_number", "loyalty_card", "device", "email_hash", "member", "visitor")
    identifiers = {kind: given.pop(kind) for kind in kinds if kind in given}
    add(warehouse, "source_record", {**row, **given})
    for kind, values in identifiers.items():
        for value in values if isinstance(values, list) else [values]:
            add(warehouse, "identifier", {**row, "type": kind, "value": value})


def fact(warehouse: Warehouse, table: str, record_id: str, key: str, **given: Any) -> None:
    """Add a row that belongs to a record."""
    row = {"connection": record_id.split(":", 1)[0], "source_key": key, "load_id": next(_LOADS), "record_id": record_id}
    add(warehouse, table, {**row, **given})


def rows(warehouse: Warehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Read a stored table, sorted."""
    with warehouse.begin() as transaction:
        stored = sa.table(table, *(sa.column(column) for column in columns), schema="store")
        found = [tuple(row) for row in transaction.rows(sa.select(*(stored.c[column] for column in columns)))]
    return sorted(found, key=repr)


def one(warehouse: Warehouse, table: str, key: Mapping[str, Any], *columns: str) -> tuple[Any, ...]:
    """Read the one row of a stored table that has these values."""
    with warehouse.begin() as transaction:
        stored = sa.table(table, *(sa.column(column) for column in {*columns, *key}), schema="store")
        query = sa.select(*(stored.c[column] for column in columns))
        (row,) = transaction.rows(query.where(*(stored.c[name] == value for name, value in key.items())))
    return tuple(row)
