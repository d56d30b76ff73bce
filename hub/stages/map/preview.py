"""Preview: what a mapping makes of some raw rows, without storing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hub.errors import ConfigurationError, suggest
from hub.lake import LOAD_ID, ROW, Lake
from hub.project import Project
from hub.project.project import MappedTable
from hub.stages.map.connection import ConnectionMapping, plugin_functions
from hub.stages.map.raw import LakeData
from hub.stages.map.rows import Rows, read
from hub.warehouse import Transaction, Warehouse


@dataclass(frozen=True)
class PreviewRow:
    """One raw row, and what it becomes: the mapped row, or the reason why it is set aside."""

    raw: Mapping[str, Any]
    mapped: Mapping[str, Any] | None
    reason: str | None


def preview_mapping(
    warehouse: Warehouse,
    project: Project,
    lake: Lake,
    name: str,
    rows: int = 10,
    as_of: datetime = datetime(2000, 1, 1, tzinfo=UTC),
) -> list[PreviewRow]:
    """Map the first rows of the newest load package. `name` is `connection.table`, or the table where that is enough.

    Rows that `where` leaves out are not shown. Raises ConfigurationError for an unknown name, a mapping with mistakes,
    or a raw table without rows.
    """
    mapped = _find(project, name)
    data = LakeData(lake)
    loads = [load for load in data.loads(mapped.connection) if mapped.mapping.from_ in load.files][-1:]
    if not loads:
        raise ConfigurationError(
            f"{mapped.connection} has landed no rows of '{mapped.mapping.from_}' yet: run `hub run land`"
        )
    with warehouse.begin() as transaction:
        work = ConnectionMapping(transaction, project, data, mapped.connection, as_of, plugin_functions(project))
        raw, translation, problems = work.translation(mapped, loads)
        if problems:
            raise ConfigurationError(problems)
        return _shown(transaction, read(transaction, translation, raw, mapped.connection), raw, rows)


def _shown(transaction: Transaction, mapped: Rows, raw: sa.FromClause, rows: int) -> list[PreviewRow]:
    table, translation = mapped.table, mapped.translation
    given = {column.name: column for column in raw.c if column.name not in {LOAD_ID, ROW}}
    made: dict[str, sa.ColumnElement[Any]] = {"source_key": table.c["_key"], "source_time": table.c["_time"]}
    if mapped.record is not None:
        made["record_id"] = mapped.record
    made |= {column: table.c[f"c_{column}"] for column in translation.columns}
    for position, rule in enumerate(translation.identifiers):
        name = f"identifier {rule.type}"
        made[name if name not in made else f"{name} ({position + 1})"] = table.c[f"i_{position}"]
    columns = [table.c["_reason"], *given.values(), *made.values()]
    same = sa.and_(raw.c[LOAD_ID] == table.c["_load"], raw.c[ROW] == table.c["_row"])
    query = (
        sa.select(*(column.label(f"p_{position}") for position, column in enumerate(columns)))
        .select_from(table.join(raw, same))
        .order_by(table.c["_row"])
        .limit(rows)
    )
    return [
        PreviewRow(
            dict(zip(given, values[: len(given)], strict=True)),
            None if reason else dict(zip(made, values[len(given) :], strict=True)),
            reason,
        )
        for reason, *values in transaction.rows(query)
    ]


def _find(project: Project, name: str) -> MappedTable:
    by_name: dict[str, list[MappedTable]] = {}
    for mapped in project.mappings:
        for known in (f"{mapped.connection}.{mapped.target}", mapped.target):
            by_name.setdefault(known, []).append(mapped)
    found = by_name.get(name, [])
    if not found:
        full = [known for known in by_name if "." in known]
        raise ConfigurationError(f"there is no mapping '{name}'.{suggest(name, by_name)} Mappings: {', '.join(full)}")
    if len({mapped.connection for mapped in found}) > 1:
        full = [f"{mapped.connection}.{mapped.target}" for mapped in found]
        raise ConfigurationError(f"several connections map '{name}': name one of {', '.join(full)}")
    return found[0]
