"""Translation lists."""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa

from hub.errors import suggest
from hub.expressions.conversion import as_text
from hub.expressions.functions.function import TEXT, Call, Parameter, Subject
from hub.expressions.scope import ExpressionError
from hub.expressions.values import Value
from hub.warehouse.constructs import text_constant

subject = Subject("lists")
_SHORT = 50


@subject.function(
    "lookup(list, value)",
    "The translation of a value in a list of the mapping file; empty where the list lacks it.",
    TEXT,
    Parameter(("text", "integer", "number", "boolean")),
)
def _lookup(call: Call) -> Value:
    name = str(call.constant(0, "the name of the list"))
    if name not in call.scope.lists:
        raise ExpressionError(
            f"there is no list '{name}'.{suggest(name, call.scope.lists)} Lists stand under `lookups:`",
            call.arguments[0].column,
        )
    entries = {str(key): None if value is None else str(value) for key, value in call.scope.lists[name].items()}
    given = as_text(call.arguments[1], call.scope)
    if len(entries) <= _SHORT and entries:
        whens = [
            (given == text_constant(key), sa.cast(sa.null(), sa.Text()) if value is None else text_constant(value))
            for key, value in entries.items()
        ]
        return call.give(sa.case(*whens), "text")
    mark = sha256(repr(sorted(entries.items(), key=str)).encode()).hexdigest()[:16]
    return call.ask(f"lookup:{mark}", entries.get, given, None, message="")
