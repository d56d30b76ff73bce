"""Coming back: which rows that a sync writes return with the next load of the very system that it wrote to.

A system says of a row that it changed, and not who changed it. What the hub has written there is therefore kept as
marks, one per field, beside what the system acknowledged; a row that comes back with these values says nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.expressions import Name
from hub.lake import raw_name
from hub.people.synced import Tables
from hub.project import Project
from hub.project.sync import Owner, Sync
from hub.warehouse.constructs import matches, text_constant, try_cast

MARK = 12
"""So many hexadecimal digits name a value: enough to tell the values of one field of one row apart."""

_NUMBER = r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,6})?"
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|\+[0-9]{2}:?[0-9]{2})"
_EXACT = sa.Numeric(28, 6)


@dataclass(frozen=True)
class Return:
    """How the rows of a sync come back: as `table`, each field under its raw name; `key` is the raw column of the key.

    Without `key`, rows are known by the id that the system gave them, or else by the key that the hub gave.
    """

    sync: str
    table: str
    key: str | None
    columns: Mapping[str, int]
    """The raw columns, each with the place of its field among the fields of the sync."""
    owner: Owner


def return_of(project: Project, sync: Sync) -> Return | None:
    """Say how a sync's rows come back; None where no mapping reads what it writes."""
    told = sync.comes_back
    read = {mapped.mapping.from_ for mapped in project.mappings if mapped.connection == sync.to.connection}
    table = told.in_ if told is not None else raw_name(sync.to.object)
    if table not in read:
        return None
    named = told.fields if told is not None else {}
    columns = {
        named.get(name, raw_name(name)): place for place, name in enumerate(sync.fields) if name not in sync.versions
    }
    return Return(sync.sync, table, told.key if told is not None else None, columns, sync.owner)


def returns_to(project: Project, connection: str, table: str) -> Iterator[Return]:
    """Give the syncs whose rows come back as a raw table of a connection."""
    for sync in project.syncs.values():
        if sync.to.connection == connection:
            found = return_of(project, sync)
            if found is not None and found.table == table:
                yield found


def last_seen(tables: Tables, target: str, rows: sa.FromClause) -> sa.ColumnElement[datetime]:
    """Give the time of the last version of rows that the hub has read, echoes included: later ones it has not seen."""
    echo = tables.table("echo")
    later = (
        sa.select(sa.func.max(echo.c.source_time))
        .where(
            echo.c.connection == rows.c.connection,
            echo.c.target == target,
            echo.c.source_key == rows.c.source_key,
        )
        .scalar_subquery()
    )
    return sa.func.greatest(rows.c.source_time, later, type_=sa.DateTime(timezone=True))


def mark_of(value: Name) -> sa.ColumnElement[str]:
    """Name a value, whatever form a system keeps it in: 12.5 and "12.50", true and 1, empty and null are one."""
    return sa.func.substr(sa.func.md5(_plain(value), type_=sa.Text()), 1, MARK, type_=sa.Text())


def _plain(value: Name) -> sa.ColumnElement[str]:
    element: sa.ColumnElement[Any] = value.element
    if value.type == "boolean":
        return _text(sa.case((element, _number(text_constant("1"))), (sa.not_(element), _number(text_constant("0")))))
    if value.type in ("integer", "number"):
        return _text(_number(element))
    if value.type == "timestamp":
        return _text(_second(element))
    if value.type == "date":
        return _text(element)
    written = sa.func.trim(sa.cast(element, sa.Text()), type_=sa.Text())
    zoned = sa.DateTime(timezone=True)
    return sa.case(
        (matches(written, text_constant(_NUMBER)), _text(try_cast(written, _EXACT))),
        (sa.func.lower(written) == text_constant("true"), _text(_number(text_constant("1")))),
        (sa.func.lower(written) == text_constant("false"), _text(_number(text_constant("0")))),
        (matches(written, text_constant(_MOMENT)), _text(_second(try_cast(written, zoned)))),
        else_=sa.func.coalesce(written, text_constant(""), type_=sa.Text()),
    )


def _number(element: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(element, _EXACT)


def _second(element: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(sa.func.floor(sa.extract("epoch", element)), sa.BigInteger())


def _text(element: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.func.coalesce(sa.cast(element, sa.Text()), text_constant(""), type_=sa.Text())
