"""Choice between values."""

from __future__ import annotations

import sqlalchemy as sa

from hub.expressions.functions.function import ANY, VALUE, Call, Parameter, Subject
from hub.expressions.functions.unified import unified
from hub.expressions.values import Value, sql_type

subject = Subject("choice")


@subject.function("coalesce(value, ...)", "The first value that is not empty.", Parameter(ANY, many=True))
def _coalesce(call: Call) -> Value:
    values, type_ = unified(call)
    return call.give(sa.func.coalesce(*(value.element for value in values), type_=sql_type(type_)), type_)


@subject.function("nullif(value, other)", "The value, or empty where it equals the other.", VALUE, VALUE)
def _nullif(call: Call) -> Value:
    values, type_ = unified(call)
    return call.give(sa.func.nullif(values[0].element, values[1].element, type_=sql_type(type_)), type_)


@subject.function("least(value, ...)", "The smallest value; empty ones are left out.", Parameter(ANY, many=True))
def _least(call: Call) -> Value:
    values, type_ = unified(call)
    return call.give(sa.func.least(*(value.element for value in values), type_=sql_type(type_)), type_)


@subject.function("greatest(value, ...)", "The greatest value; empty ones are left out.", Parameter(ANY, many=True))
def _greatest(call: Call) -> Value:
    values, type_ = unified(call)
    return call.give(sa.func.greatest(*(value.element for value in values), type_=sql_type(type_)), type_)
