"""Digest: values as numbers. Grouping and joining by a number costs a third of doing so by texts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Compiler = Any
"""SQLAlchemy's compiler object, which has no useful static type."""


class digest(FunctionElement[int]):
    """`digest(value, ...)`: a number for one or more values, none of them null; equal values have equal numbers.

    It has 63 bits: of ten million different values, two have one number in one case of 180,000. Each engine has its own
    numbers, and may have others in another version: keep none without `way` beside them.
    """

    name = "digest"
    inherit_cache = True
    type = sa.BigInteger()


@compiles(digest)
def _digest_postgresql(element: Any, compiler: Compiler, **keywords: Any) -> str:
    texts = ", ".join(compiler.process(clause, **keywords) for clause in element.clauses.clauses)
    return f"hashtextextended(concat_ws('|', {texts}), 0)"


@compiles(digest, "duckdb")
def _digest_duckdb(element: Any, compiler: Compiler, **keywords: Any) -> str:
    values = ", ".join(compiler.process(clause, **keywords) for clause in element.clauses.clauses)
    return f"CAST(hash({values}) >> 1 AS BIGINT)"


def way() -> sa.Select[tuple[int]]:
    """Select a number that is another one when the engine digests in another way."""
    return sa.select(digest(sa.literal("which"), sa.literal("way")))
