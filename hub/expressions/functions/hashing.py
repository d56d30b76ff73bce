"""Hashes."""

from __future__ import annotations

import sqlalchemy as sa

from hub.expressions.functions.function import TEXT, Call, Subject
from hub.expressions.values import Value, is_blank
from hub.warehouse.constructs import composed, matches, sha256_hex, text_constant

subject = Subject("hashes")


@subject.function(
    "sha256(text)", "SHA-256 of the text as lower hex; an empty text gives none, a hash stays itself.", TEXT
)
def _sha256(call: Call) -> Value:
    hashed = matches(call[0], text_constant("[0-9A-Fa-f]{64}"))
    return call.give(
        sa.case(
            (is_blank(call[0]), sa.cast(sa.null(), sa.Text())),
            (hashed, sa.func.lower(call[0])),
            else_=sha256_hex(composed(call[0])),
        ),
        "text",
    )
