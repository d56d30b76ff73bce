"""Numbers and truth values."""

from __future__ import annotations

import sqlalchemy as sa

from hub.expressions.conversion import number_from_text, unread
from hub.expressions.functions.function import NUMBER, TEXT, Call, Parameter, Subject
from hub.expressions.scope import ExpressionError
from hub.expressions.values import INTEGER as SQL_INTEGER
from hub.expressions.values import NUMBER as SQL_NUMBER
from hub.expressions.values import Value
from hub.warehouse.constructs import replace_all, text_constant

subject = Subject("numbers")
_SYMBOLS = {"EUR": "€|EUR", "USD": "[$]|USD", "GBP": "£|GBP"}
_READABLE = Parameter(("text", "integer", "number"))


@subject.function("abs(number)", "The number without its sign.", NUMBER)
def _absolute(call: Call) -> Value:
    return call.give(sa.func.abs(call[0], type_=call[0].type), call.arguments[0].type)


@subject.function(
    "round(number[, digits])",
    "The number rounded, halves away from zero.",
    NUMBER,
    Parameter(("integer",), optional=True),
)
def _rounded(call: Call) -> Value:
    digits = call.constant(1, "the number of digits") if len(call) == 2 else 0
    if not 0 <= digits <= 4:
        raise ExpressionError("round to 0 to 4 digits", call.arguments[1].column)
    given = sa.cast(call[0], SQL_NUMBER)
    return call.give(sa.cast(sa.func.round(given, sa.literal_column(str(digits), sa.Integer())), SQL_NUMBER), "number")


@subject.function("floor(number)", "The whole number below.", NUMBER)
def _floor(call: Call) -> Value:
    return call.give(sa.cast(sa.func.floor(call[0]), SQL_INTEGER), "integer")


@subject.function("ceil(number)", "The whole number above.", NUMBER)
def _ceil(call: Call) -> Value:
    return call.give(sa.cast(sa.func.ceil(call[0]), SQL_INTEGER), "integer")


@subject.function("number(value)", "The number that a text holds, in the connection's notation: 1.234,56.", _READABLE)
def _number(call: Call) -> Value:
    return call.give(call.convert(0, "number").element, "number")


@subject.function("integer(value)", "The whole number that a text holds, in the connection's notation.", _READABLE)
def _integer(call: Call) -> Value:
    return call.give(call.convert(0, "integer").element, "integer")


@subject.function(
    "money(value, currency)",
    "The amount that a text holds, with or without the currency: `€ 1.234,56`, `12,-`.",
    _READABLE,
    TEXT,
)
def _money(call: Call) -> Value:
    currency = str(call.constant(1, "the currency"))
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise ExpressionError("a currency is three capitals: 'EUR'", call.arguments[1].column)
    if call.arguments[0].type != "text":
        return call.give(call.convert(0, "number").element, "number")
    bare = replace_all(
        call[0], text_constant(f"{_SYMBOLS.get(currency, currency)}|[ \u00a0\t]|[.,]-+$"), text_constant("")
    )
    amount = number_from_text(bare, call.scope.notation, SQL_NUMBER)
    call.found.failures.append(unread(call[0], amount, "not a number"))
    return call.give(amount, "number")


@subject.function(
    "boolean(value)",
    "True for 1, ja, j, yes, y, true; false for 0, nee, n, no, false.",
    Parameter(("text", "integer", "boolean")),
)
def _boolean(call: Call) -> Value:
    return call.give(call.convert(0, "boolean").element, "boolean")
