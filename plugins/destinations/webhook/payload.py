"""Rows and messages as JSON, one by one, so that one that can't be written does not keep the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from json.encoder import encode_basestring
from typing import Any

from hub.contracts import Message, Operation, Row, SyncBatch
from hub.outgoing import words_of
from hub.templated import as_json


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


def written_already(batch: SyncBatch) -> list[str] | None:
    """Give the rows as the hub wrote them, with their keys; None where it did not, or a field is called `key`."""
    texts = batch.fields_json
    if batch.operation not in ("upsert", "add", "update") or not texts or '"key": ' in texts[0]:
        return None
    return [f'{text[:-1]}, "key": {encode_basestring(key)}}}' for text, key in zip(texts, batch.keys, strict=True)]


def write(envelope: Mapping[str, str], name: str, texts: Sequence[str]) -> bytes:
    """Put written rows or messages into one body."""
    head = json.dumps(envelope, ensure_ascii=False)[:-1]
    return f"{head}, {json.dumps(name)}: [{', '.join(texts)}]}}".encode()


def _write(identity: str, value: Mapping[str, Any], personal: Mapping[str, Any]) -> Written:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=as_json)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return Written(identity, reason="a field holds what JSON can't: send text, numbers, dates or lists")
    return Written(identity, text, personal=words_of(personal.values()))
