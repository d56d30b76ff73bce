"""Values while an expression is compiled: an element, its type, and the constant it is, if it is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from hub.expressions.scope import Element, ExpressionError, ExpressionType
from hub.schema.shape import SQL_TYPES
from hub.warehouse.constructs import text_constant

NOT_CONSTANT: Final = object()
NUMBER = SQL_TYPES["number"]
INTEGER = SQL_TYPES["integer"]
TEXT = SQL_TYPES["text"]
INTERVAL = postgresql.INTERVAL()
"""A length of time as every engine spells it; SQLAlchemy's own type becomes a timestamp on unknown dialects."""


@dataclass(frozen=True)
class Value:
    """A typed element; `constant` is its Python value where the text gives it; `column` is where it stands.

    `never_blank` says of a text that it is null or has something to read: it need not be looked at for that.
    """

    element: Element
    type: ExpressionType
    column: int = 1
    constant: Any = NOT_CONSTANT
    never_blank: bool = False

    @property
    def is_constant(self) -> bool:
        """Say whether the text gives the value itself."""
        return self.constant is not NOT_CONSTANT

    def at(self, column: int) -> Value:
        """Give the same value at another place."""
        return replace(self, column=column)


def sql_type(type_: ExpressionType) -> sa.types.TypeEngine[Any]:
    """Give the SQL type of an expression type."""
    if type_ == "interval":
        return INTERVAL
    return SQL_TYPES["text" if type_ == "null" else type_]


def null(type_: ExpressionType = "null", column: int = 1) -> Value:
    """Give a null of a type."""
    return Value(sa.cast(sa.null(), sql_type(type_)), type_, column, None)


def text(value: str, column: int = 1) -> Value:
    """Give a constant text."""
    return Value(text_constant(value), "text", column, value)


def number(value: int | Decimal, column: int = 1) -> Value:
    """Give a constant number."""
    if isinstance(value, int):
        return Value(sa.literal_column(str(value), INTEGER), "integer", column, value)
    return Value(sa.cast(sa.literal_column(format(value, "f"), NUMBER), NUMBER), "number", column, value)


def boolean(value: bool, column: int = 1) -> Value:
    """Give a constant truth value."""
    return Value(sa.literal_column("true" if value else "false", sa.Boolean()), "boolean", column, value)


def common_type(values: Sequence[Value], what: str) -> ExpressionType:
    """Find the one type that all values have or widen to; an error names the first that does not fit."""
    found: ExpressionType = "null"
    for value in values:
        wider = _wider(found, value.type)
        if wider is None:
            remedy = "make them one type"
            if {found, value.type} <= {"integer", "number", "interval"}:
                remedy = "beside a number, write the days as a number too: days_since(x) > 30"
            raise ExpressionError(f"{what} mixes {found} and {value.type}: {remedy}", value.column)
        found = wider
    return found


def _wider(left: ExpressionType, right: ExpressionType) -> ExpressionType | None:
    if left == right or right == "null":
        return left
    if left == "null":
        return right
    pair = {left, right}
    if pair == {"integer", "number"}:
        return "number"
    if pair == {"date", "timestamp"}:
        return "timestamp"
    return None


def is_blank(element: Element) -> sa.ColumnElement[bool]:
    """Say whether a text is null or has nothing but spaces; trimming its end too costs an engine five times more."""
    return sa.func.coalesce(sa.func.ltrim(element), text_constant("")) == text_constant("")
