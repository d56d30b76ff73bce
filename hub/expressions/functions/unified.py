"""Bring the arguments of one call to one type."""

from __future__ import annotations

from hub.expressions.conversion import constant_moment, convert
from hub.expressions.functions.function import Call
from hub.expressions.scope import ExpressionType, Scope
from hub.expressions.values import Value, common_type


def unified(call: Call) -> tuple[list[Value], ExpressionType]:
    """Give the arguments widened to their common type."""
    return unify(list(call.arguments), call.scope, f"{call.name}()")


def unify(values: list[Value], scope: Scope, what: str) -> tuple[list[Value], ExpressionType]:
    """Widen values to their common type; constant texts beside dates are read as dates."""
    moment: ExpressionType | None = next((value.type for value in values if value.type in {"timestamp", "date"}), None)
    if any(value.type == "timestamp" for value in values):
        moment = "timestamp"
    if moment is not None:
        values = [
            constant_moment(value, moment, scope) if value.type == "text" and value.is_constant else value
            for value in values
        ]
    type_ = common_type(values, what)
    return [convert(value, type_, scope)[0] for value in values], type_
