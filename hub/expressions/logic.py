"""Logic: how a condition is put together from tests by `and`, `or` and `not`, each in the words that were written.

A reader who asks why a condition holds, or does not, is told test by test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlglot.tokenizer_core import Token, TokenType

from hub.expressions.parse import tokens_of

Kind = Literal["and", "or", "not", "test"]


@dataclass(frozen=True)
class Logic:
    """A condition or a part of one: `parts` are what `and` and `or` join, or what `not` turns round."""

    kind: Kind
    written: str
    parts: tuple[Logic, ...] = ()


def logic(written: str) -> Logic:
    """Take a condition apart. Raises ExpressionError for what can't be read at all."""
    tokens = tokens_of(written)
    return _part(written, tokens)


def _part(written: str, tokens: list[Token]) -> Logic:
    while _in_parentheses(tokens):
        tokens = tokens[1:-1]
    text = written[tokens[0].start : tokens[-1].end + 1] if tokens else written
    for kind, join in (("or", TokenType.OR), ("and", TokenType.AND)):
        sides = _split(tokens, join)
        if len(sides) > 1 and all(sides):
            parts = tuple(_part(written, side) for side in sides)
            return Logic("or" if kind == "or" else "and", text, parts)
    if len(tokens) > 1 and tokens[0].token_type == TokenType.NOT:
        return Logic("not", text, (_part(written, tokens[1:]),))
    return Logic("test", text)


def _in_parentheses(tokens: list[Token]) -> bool:
    """Say whether one pair of parentheses is around everything."""
    if len(tokens) < 3 or tokens[0].token_type != TokenType.L_PAREN or tokens[-1].token_type != TokenType.R_PAREN:
        return False
    depth = 0
    for position, token in enumerate(tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if depth == 0:
            return position == len(tokens) - 1
    return False


def _split(tokens: list[Token], join: TokenType) -> list[list[Token]]:
    """Split at a word outside parentheses and cases; the `and` of a `between` joins nothing."""
    sides: list[list[Token]] = [[]]
    depth = betweens = 0
    for token in tokens:
        kind = token.token_type
        depth += {TokenType.L_PAREN: 1, TokenType.CASE: 1, TokenType.R_PAREN: -1, TokenType.END: -1}.get(kind, 0)
        if depth == 0 and kind == TokenType.BETWEEN:
            betweens += 1
        elif depth == 0 and kind == TokenType.AND and betweens:
            betweens -= 1
        elif depth == 0 and kind == join:
            sides.append([])
            continue
        sides[-1].append(token)
    return sides
