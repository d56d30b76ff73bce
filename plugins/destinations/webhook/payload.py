"""Rows and messages as JSON, one by one, so that one that can't be written does not keep the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from hub.contracts import Message, Operation, Row

_SHORTEST_WORD = 3


@dataclass(frozen=True)
class Written:
    """One row or message as JSON, or the reason why it can't be."""

    id: str
    json: str = field(default="", repr=False)
    reason: str = ""
    personal: frozenset[str] = field(default=frozenset(), repr=False)
    """The words in it, which a reason of the receiver must not repeat."""


def write_row(row: Row, operation: Operation) -> Written:
    """Write a row; a removal needs the key only."""
    fields = row.fields if operation == "upsert" else {}
    return _write(row.key, {**fields, "key": row.key}, row.fields)


def write_message(message: Message) -> Written:
    """Write a message with everything that its receiver needs to deliver it."""
    recipient = asdict(message.recipient)
    return _write(
        message.id,
        {
            "id": message.id,
            "recipient": recipient,
            "content": message.content,
            "data": message.data,
            "queued_at": message.queued_at,
            "unsubscribe_token": message.unsubscribe_token,
        },
        {**recipient, **message.data},
    )


def write(envelope: Mapping[str, str], name: str, items: Sequence[Written]) -> bytes:
    """Put written rows or messages into one body."""
    head = json.dumps(envelope, ensure_ascii=False)[:-1]
    return f"{head}, {json.dumps(name)}: [{', '.join(item.json for item in items)}]}}".encode()


def _write(identity: str, value: Mapping[str, Any], personal: Mapping[str, Any]) -> Written:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_json)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return Written(identity, reason="a field holds what JSON can't: send text, numbers, dates or lists")
    words = {word for value in personal.values() if isinstance(value, str) for word in value.split()}
    return Written(identity, text, personal=frozenset(word for word in words if len(word) >= _SHORTEST_WORD))


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError
