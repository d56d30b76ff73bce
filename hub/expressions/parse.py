"""Parse: from an admin's text to a syntax tree of sqlglot, with everything but expressions refused.

Words that SQL reserves for statements are plain names here, so a column may be called `date` or `index`. What is
left of the grammar: operators, CASE, IN, BETWEEN, LIKE, IS NULL, function calls and intervals.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import Token, TokenType

from hub.expressions.scope import ExpressionError

LONGEST = 10_000
DEEPEST = 60
UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")

_WORDS = {
    TokenType.AND,
    TokenType.OR,
    TokenType.NOT,
    TokenType.IN,
    TokenType.LIKE,
    TokenType.ILIKE,
    TokenType.BETWEEN,
    TokenType.IS,
    TokenType.NULL,
    TokenType.TRUE,
    TokenType.FALSE,
    TokenType.CASE,
    TokenType.WHEN,
    TokenType.THEN,
    TokenType.ELSE,
    TokenType.END,
}
_SIGNS = {
    TokenType.EQ,
    TokenType.NEQ,
    TokenType.LT,
    TokenType.LTE,
    TokenType.GT,
    TokenType.GTE,
    TokenType.PLUS,
    TokenType.DASH,
    TokenType.STAR,
    TokenType.SLASH,
    TokenType.MOD,
    TokenType.DPIPE,
    TokenType.L_PAREN,
    TokenType.R_PAREN,
    TokenType.COMMA,
    TokenType.DOT,
    TokenType.NUMBER,
    TokenType.STRING,
    TokenType.IDENTIFIER,
}
_OPENING = {TokenType.L_PAREN, TokenType.COMMA}


class _Parser(PostgresParser):
    """PostgreSQL's parser that knows no function by name: each stays as it was written."""

    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {}
    NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        "CASE": PostgresParser.NO_PAREN_FUNCTION_PARSERS["CASE"],
    }


_DIALECT = Postgres()


@lru_cache(maxsize=4096)
def parse(text: str) -> exp.Expression:
    """Parse one expression, once: the tree is only read. Raises ExpressionError with the column of the mistake."""
    tokens = _plain(tokens_of(text))
    try:
        trees = _Parser(dialect=_DIALECT).parse(tokens, text)
    except ParseError as error:
        raise _syntax(error, text) from None
    tree = trees[0]
    if not isinstance(tree, exp.Expression):
        raise ExpressionError("this is no expression")
    return tree


def tokens_of(text: str) -> list[Token]:
    """Give the words and signs of one expression, each with its place. Raises ExpressionError for what has none."""
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters")
    tokens = _tokens(text)
    if not tokens:
        raise ExpressionError("the expression is empty")
    return tokens


def column_of(node: exp.Expression) -> int:
    """Give the column (from 1) where a node begins; 1 where the parser kept no place."""
    starts = [int(child.meta["start"]) for child in node.walk() if "start" in child.meta]
    return min(starts) + 1 if starts else 1


def _tokens(text: str) -> list[Token]:
    try:
        tokens: list[Token] = _DIALECT.tokenize(text)
    except TokenError:
        raise ExpressionError(
            "a quote is opened but not closed", max(text.rfind("'"), text.rfind('"'), 0) + 1
        ) from None
    for token in tokens:
        if token.comments:
            places = [place for place in (text.find("--"), text.find("/*")) if place >= 0]
            raise ExpressionError("comments are not allowed in an expression", min(places, default=0) + 1)
    if not tokens and text.strip():
        raise ExpressionError("comments are not allowed in an expression")
    return tokens


def _plain(tokens: list[Token]) -> list[Token]:
    """Refuse what is no expression, make reserved words plain names, and give `14 days` its INTERVAL."""
    plain: list[Token] = []
    depth = 0
    for position, token in enumerate(tokens):
        after = tokens[position + 1] if position + 1 < len(tokens) else None
        before = plain[-1] if plain else None
        kind = token.token_type
        depth += {TokenType.L_PAREN: 1, TokenType.CASE: 1, TokenType.R_PAREN: -1, TokenType.END: -1}.get(kind, 0)
        if depth > DEEPEST:
            raise ExpressionError(f"an expression is nested at most {DEEPEST} deep", token.start + 1)
        if kind in _WORDS or (kind == TokenType.INTERVAL and after and after.token_type == TokenType.STRING):
            plain.append(token)
        elif kind == TokenType.STAR and (before is None or before.token_type in _OPENING):
            raise ExpressionError("`*` stands for no value: name a column", token.start + 1)
        elif kind in _SIGNS:
            plain.append(token)
        elif not _is_word(token.text):
            raise ExpressionError(_SIGN_HELP.get(kind, f"`{token.text}` is not allowed here"), token.start + 1)
        elif before is not None and before.token_type == TokenType.NUMBER and _unit(token.text):
            plain[-1] = _as(before, TokenType.INTERVAL, "interval")
            plain.append(_as(before, TokenType.STRING, f"{before.text} {token.text}"))
        else:
            _refuse_statement(token, before, after is not None and after.token_type == TokenType.L_PAREN)
            plain.append(_as(token, TokenType.VAR, token.text))
    return plain


_SIGN_HELP = {
    TokenType.DCOLON: "`::` is not allowed: convert with a function, such as number(x), date(x) or boolean(x)",
    TokenType.SEMICOLON: "`;` is not allowed: write one expression",
    TokenType.PLACEHOLDER: "`?` is not allowed: compare texts with like, contains(x, 'part') or matches(x, 'pattern')",
}


def _refuse_statement(token: Token, before: Token | None, opens: bool) -> None:
    word = token.text.lower()
    if word in {"select", "with", "union", "insert", "update", "delete", "drop"} or (word == "exists" and opens):
        raise ExpressionError("subqueries and statements are not allowed: write one expression", token.start + 1)
    if word in {"cast", "try_cast", "convert"} and opens:
        raise ExpressionError(
            "write number(x), integer(x), date(x), timestamp(x), boolean(x) or text(x) to convert", token.start + 1
        )
    if word == "over" and before is not None and before.token_type == TokenType.R_PAREN:
        raise ExpressionError("window functions are not allowed", token.start + 1)


def _unit(word: str) -> bool:
    return word.lower().removesuffix("s") in UNITS


def _is_word(text: str) -> bool:
    return text.replace("_", "a").isalnum() and not text[0].isdigit()


def _as(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end)


def _syntax(error: ParseError, text: str) -> ExpressionError:
    place = error.errors[0] if error.errors else {}
    found = str(place.get("highlight") or "")
    lines = text.splitlines()[: int(place.get("line") or 1) - 1]
    column = sum(len(line) + 1 for line in lines) + max(int(place.get("col") or 1) - len(found) + 1, 1)
    description = str(place.get("description") or "")
    if "Expecting )" in description:
        return ExpressionError("a parenthesis is opened but not closed", column)
    if "END" in description.upper() and "case" in text.lower():
        return ExpressionError("a `case` needs its `end`", column)
    return ExpressionError(f"the expression does not read on after `{found}`" if found else "wrong syntax", column)
