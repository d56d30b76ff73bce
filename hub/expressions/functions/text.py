"""Text."""

from __future__ import annotations

import re

import sqlalchemy as sa

from hub.expressions.conversion import as_text
from hub.expressions.functions.function import ANY, INTEGER, TEXT, Call, Parameter, Subject
from hub.expressions.scope import ExpressionError
from hub.expressions.values import INTEGER as SQL_INTEGER
from hub.expressions.values import Value
from hub.warehouse.constructs import extract_first, matches, text_constant

subject = Subject("text")
_FORBIDDEN = re.compile(r"\(\?(?!:)|\\[1-9bBAzZGyYmM<>]|[*+?}]\+")
_LONGEST_PATTERN = 300
_SQL = sa.Text()


@subject.function("trim(text)", "The text without spaces around it.", TEXT)
def _trim(call: Call) -> Value:
    return call.give(sa.func.trim(call[0], type_=_SQL), "text")


@subject.function("lower(text)", "The text in small letters.", TEXT)
def _lower(call: Call) -> Value:
    return call.give(sa.func.lower(call[0], type_=_SQL), "text")


@subject.function("upper(text)", "The text in capitals.", TEXT)
def _upper(call: Call) -> Value:
    return call.give(sa.func.upper(call[0], type_=_SQL), "text")


@subject.function("length(text)", "How many characters the text has.", TEXT)
def _length(call: Call) -> Value:
    return call.give(sa.cast(sa.func.length(call[0]), SQL_INTEGER), "integer")


@subject.function("left(text, count)", "The first characters of the text.", TEXT, INTEGER)
def _left(call: Call) -> Value:
    return call.give(sa.func.left(call[0], sa.cast(call[1], sa.Integer()), type_=_SQL), "text")


@subject.function("right(text, count)", "The last characters of the text.", TEXT, INTEGER)
def _right(call: Call) -> Value:
    return call.give(sa.func.right(call[0], sa.cast(call[1], sa.Integer()), type_=_SQL), "text")


@subject.function(
    "substring(text, start[, count])",
    "A part of the text, from a position that counts from 1.",
    TEXT,
    INTEGER,
    Parameter(("integer",), optional=True),
)
def _substring(call: Call) -> Value:
    start = call.constant(1, "the position")
    if start < 1:
        raise ExpressionError("the position counts from 1", call.arguments[1].column)
    parts = [call[0], sa.cast(call[1], sa.Integer())]
    if len(call) == 3:
        parts.append(sa.func.greatest(sa.cast(call[2], sa.Integer()), sa.literal_column("0")))
    return call.give(sa.func.substr(*parts, type_=_SQL), "text")


@subject.function("replace(text, part, other)", "The text with every `part` replaced by `other`.", TEXT, TEXT, TEXT)
def _replace(call: Call) -> Value:
    return call.give(sa.func.replace(call[0], call[1], call[2], type_=_SQL), "text")


@subject.function("concat(value, ...)", "The values as one text; empty ones are left out.", Parameter(ANY, many=True))
def _concat(call: Call) -> Value:
    pieces = [as_text(value, call.scope) for value in call.arguments]
    return call.give(sa.func.concat(*pieces, type_=_SQL), "text")


@subject.function("text(value)", "The value written as text: 12.5, 2026-12-31, true.", Parameter(ANY))
def _text(call: Call) -> Value:
    return call.give(as_text(call.arguments[0], call.scope), "text")


@subject.function(
    "split_part(text, separator, number)", "The part with that number (from 1) between separators.", TEXT, TEXT, INTEGER
)
def _split_part(call: Call) -> Value:
    number = call.constant(2, "the number of the part")
    if number < 1:
        raise ExpressionError("parts count from 1", call.arguments[2].column)
    if not call.constant(1, "the separator"):
        raise ExpressionError("the separator is empty", call.arguments[1].column)
    return call.give(sa.func.split_part(call[0], call[1], sa.cast(call[2], sa.Integer()), type_=_SQL), "text")


@subject.function("starts_with(text, part)", "Whether the text begins with the part.", TEXT, TEXT)
def _starts_with(call: Call) -> Value:
    return call.give(sa.func.starts_with(call[0], call[1], type_=sa.Boolean()), "boolean")


@subject.function("contains(text, part)", "Whether the part stands somewhere in the text.", TEXT, TEXT)
def _contains(call: Call) -> Value:
    return call.give(sa.func.strpos(call[0], call[1], type_=sa.Integer()) > sa.literal_column("0"), "boolean")


@subject.function("matches(text, pattern)", "Whether the whole text fits a regular expression.", TEXT, TEXT)
def _matches(call: Call) -> Value:
    return call.give(matches(call[0], text_constant(_pattern(call))), "boolean")


@subject.function("regex(text, pattern)", "What the first group (...) of a regular expression finds.", TEXT, TEXT)
def _regex(call: Call) -> Value:
    pattern = _pattern(call)
    if re.compile(pattern).groups < 1:
        raise ExpressionError("put parentheses around the part of the pattern to take", call.arguments[1].column)
    return call.give(call.once(extract_first(call[0], text_constant(pattern))), "text")


def _pattern(call: Call) -> str:
    """Check a pattern: only what RE2 and PostgreSQL read alike."""
    pattern = str(call.constant(1, "the pattern"))
    column = call.arguments[1].column
    if len(pattern) > _LONGEST_PATTERN:
        raise ExpressionError(f"a pattern has at most {_LONGEST_PATTERN} characters", column)
    try:
        re.compile(pattern)
    except re.error as error:
        raise ExpressionError(f"the pattern is wrong: {error.msg}", column) from None
    found = _FORBIDDEN.search(pattern)
    if found:
        raise ExpressionError(f"`{found[0]}` is not allowed in a pattern: engines read it in different ways", column)
    return pattern
