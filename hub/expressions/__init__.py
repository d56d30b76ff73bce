"""Expressions of admins: parsed, checked, typed, and compiled to SQLAlchemy elements for the engine in use.

Nothing of the text reaches the engine as it is written: each element is built from a syntax tree whose nodes,
functions and names are allow-listed.
"""

from __future__ import annotations

from hub.expressions.compile import assign, compile_condition, compile_expression, compile_text, names_in
from hub.expressions.functions import FUNCTIONS
from hub.expressions.functions.function import FunctionDoc
from hub.expressions.logic import Logic, logic
from hub.expressions.scope import (
    Compiled,
    ExpressionError,
    ExpressionType,
    Failure,
    Lookup,
    Name,
    RowsAsked,
    RowsFunction,
    Scope,
    ScopeFunction,
    Step,
)

__all__ = [
    "FUNCTIONS",
    "Compiled",
    "ExpressionError",
    "ExpressionType",
    "Failure",
    "FunctionDoc",
    "Logic",
    "Lookup",
    "Name",
    "RowsAsked",
    "RowsFunction",
    "Scope",
    "ScopeFunction",
    "Step",
    "assign",
    "compile_condition",
    "compile_expression",
    "compile_text",
    "logic",
    "names_in",
]
