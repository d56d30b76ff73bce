"""The raw rows that a mapping reads, and the names that its expressions may use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from hub.expressions import ExpressionType, Name
from hub.expressions.conversion import moment_value
from hub.expressions.values import sql_type
from hub.lake import LOAD_ID, ROW, Lake, Load, Place
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

if TYPE_CHECKING:
    import pyarrow as pa

LOADED_AT = "loaded_at"
"""The name of the moment at which a row's load package landed."""


class RawData(Protocol):
    """Where raw rows come from: the lake, or the rows of a case."""

    @property
    def strict(self) -> bool:
        """Say whether a column that no load has is a mistake; in a case it is only not given."""

    def loads(self, connection: str) -> Sequence[Load]:
        """Give the complete load packages, in order."""

    def columns(self, connection: str, table: str, loads: Sequence[Load]) -> Mapping[str, pa.DataType]:
        """Give the columns of a table with their types, over some load packages."""

    def count(self, load: Load, table: str) -> int:
        """Count the rows of a table in a load package."""

    def replaced(self, load: Load, table: str) -> Sequence[Place]:
        """List the rows without a key that a load package replaces."""

    def relation(self, transaction: Transaction, table: str, loads: Sequence[Load]) -> sa.FromClause:
        """Give the rows of a table in some load packages, with `_dlt_load_id` and `_row`."""


@dataclass(frozen=True)
class LakeData:
    """Raw rows from the lake."""

    lake: Lake
    strict: bool = True
    _listed: dict[str, Sequence[Load]] = field(default_factory=dict)

    def loads(self, connection: str) -> Sequence[Load]:
        """Give the load packages that were complete when they were first asked for, in order."""
        if connection not in self._listed:
            self._listed[connection] = self.lake.loads(connection)
        return self._listed[connection]

    def columns(self, connection: str, table: str, loads: Sequence[Load]) -> Mapping[str, pa.DataType]:
        """Read the columns from the files' footers."""
        return self.lake.columns(connection, table, loads)

    def count(self, load: Load, table: str) -> int:
        """Read the number of rows from the files' footers."""
        return self.lake.count(load.files.get(table, ()))

    def replaced(self, load: Load, table: str) -> Sequence[Place]:
        """Read it from the files' footers."""
        return self.lake.replaced(load, table)

    def relation(self, transaction: Transaction, table: str, loads: Sequence[Load]) -> sa.FromClause:
        """Give the files as a relation; rows that were landed without a number get one."""
        files = [path for load in loads for path in load.files[table]]
        columns = self.columns(loads[0].connection, table, loads)
        raw = transaction.raw("map_raw", self.lake.here(files), columns)
        if ROW in columns:
            return raw
        return transaction.hold("map_raw_numbered", sa.select(raw, sa.func.row_number().over().label(ROW)))


class Names(Mapping[str, Name]):
    """The raw columns of a relation by name; a column that this relation lacks is null, if it may be lacking."""

    def __init__(self, names: Mapping[str, Name], open_: bool) -> None:
        self._names = names
        self._open = open_

    def __getitem__(self, name: str) -> Name:
        if name not in self._names and self._open and name != "as_of":
            return Name(sa.cast(sa.null(), sa.Text()), "null")
        return self._names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def unknown_names() -> Names:
    """Give names for raw columns that nobody knows yet: every name is there, of any type."""
    return Names({LOADED_AT: Name(sa.cast(sa.null(), sa.DateTime(timezone=True)), "timestamp")}, open_=True)


def described_names(columns: Mapping[str, pa.DataType], timezone: str) -> Names:
    """Give names for known raw columns, to check expressions without any rows."""
    import pyarrow as pa

    from hub.warehouse.arrow import sql_columns

    described = sa.table("raw", *sql_columns(pa.schema(list(columns.items()))))
    loaded = {LOADED_AT: Name(sa.cast(sa.null(), sa.DateTime(timezone=True)), "timestamp")}
    return Names({**_names(described, columns, columns, timezone), **loaded}, open_=False)


def names_of(
    relation: sa.FromClause,
    present: Mapping[str, pa.DataType],
    known: Mapping[str, pa.DataType],
    loads: Sequence[Load],
    timezone: str,
    strict: bool,
) -> Names:
    """Give the names of a relation: `present` columns are in these rows, `known` ones in any load package."""
    names = _names(relation, present, known, timezone)
    if LOADED_AT not in names:
        names[LOADED_AT] = Name(_loaded_at(_bare(relation.c[LOAD_ID]), loads), "timestamp")
    return Names(names, open_=not strict)


def _loaded_at(load_id: Any, loads: Sequence[Load]) -> sa.ColumnElement[Any]:
    def moment(at: datetime) -> sa.ColumnElement[Any]:
        return moment_value(at).element

    if len(loads) == 1:
        return moment(loads[0].inserted_at)
    return sa.case(*((load_id == text_constant(load.load_id), moment(load.inserted_at)) for load in loads))


def _names(
    relation: sa.FromClause, present: Mapping[str, pa.DataType], known: Mapping[str, pa.DataType], timezone: str
) -> dict[str, Name]:
    names: dict[str, Name] = {}
    for name, arrow in known.items():
        if name.startswith("_dlt") or name == ROW:
            continue
        type_ = expression_type(arrow)
        if name not in present:
            names[name] = Name(sa.cast(sa.null(), sql_type(type_)), type_)
        else:
            names[name] = Name(_element(_bare(relation.c[name]), present[name], arrow, timezone), type_)
    return names


def _bare(column: Any) -> Any:
    """Name a column without its relation: steps are computed on top of it, and expressions read those instead."""
    return sa.column(column.name, column.type)


def _element(column: Any, here: pa.DataType, known: pa.DataType, timezone: str) -> sa.ColumnElement[Any]:
    import pyarrow as pa

    type_ = expression_type(known)
    if pa.types.is_floating(here):  # NaN is what some exports write for nothing
        column = sa.func.nullif(column, sa.cast(text_constant("NaN"), sa.Double()), type_=sa.Double())
    if type_ == "timestamp" and pa.types.is_timestamp(here) and here.tz is None:
        local: sa.ColumnElement[Any] = sa.func.timezone(
            text_constant(timezone), column, type_=sa.DateTime(timezone=True)
        )
        return local
    if expression_type(here) != type_ or pa.types.is_time(here) or type_ == "null":
        return sa.cast(column, sql_type(type_))
    element: sa.ColumnElement[Any] = column
    return element


def expression_type(arrow: pa.DataType) -> ExpressionType:
    """Give the type that expressions see for an Arrow type."""
    import pyarrow as pa

    if pa.types.is_null(arrow):
        return "null"
    if pa.types.is_boolean(arrow):
        return "boolean"
    if pa.types.is_integer(arrow):
        return "integer"
    if pa.types.is_floating(arrow) or pa.types.is_decimal(arrow):
        return "number"
    if pa.types.is_date(arrow):
        return "date"
    if pa.types.is_timestamp(arrow):
        return "timestamp"
    return "text"
