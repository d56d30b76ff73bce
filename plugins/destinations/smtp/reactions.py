"""Reactions to mails, from JSON Lines files that a mail platform writes.

One object per line: event_id, message_id, type, at, and url or code where they apply. `message_id` is the hub's own id
or the Message-ID of the mail. Files may grow and new ones may come: each line is read once, when it is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlt

from hub.errors import TemporaryError
from plugins.destinations.smtp.mail import message_id_of

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource

FIELDS = ("event_id", "message_id", "type", "at", "url", "code")
REQUIRED = ("event_id", "message_id", "type", "at")
TYPES = frozenset({"sent", "delivered", "opened", "clicked", "bounced", "soft_bounced", "complained", "unsubscribed"})
_PAGE = 32 * 1024 * 1024


def reactions(pattern: str, folder: Path) -> DltResource:
    """Give the resource `reactions`; how far each file was read is kept in dlt's state."""

    @dlt.resource(name="reactions", write_disposition="append")
    def read() -> Iterator[Any]:
        places: dict[str, int] = dlt.current.resource_state().setdefault("read_until", {})
        yield from new_lines(pattern, folder, places)

    return read()


def new_lines(pattern: str, folder: Path, places: dict[str, int]) -> Iterator[Any]:
    """Yield Arrow tables with the lines after `places`, and move the places on.

    A line that is no JSON object with an id, a message, a known type and a time goes to the table of what was set
    aside.
    """
    from fsspec.core import url_to_fs

    filesystem, path = url_to_fs(_address(pattern, folder))
    try:
        found = sorted(filesystem.glob(path))
    except OSError as error:
        raise TemporaryError(f"reactions: can't list {pattern}: {error.strerror or type(error).__name__}") from None
    for file in found:
        name = file.removeprefix(f"{folder}/")
        with filesystem.open(file, "rb") as lines:
            if places.get(name, 0) > lines.seek(0, os.SEEK_END):
                places[name] = 0  # the file was replaced by a shorter one
            lines.seek(places.get(name, 0))
            while block := _whole_lines(lines):
                yield from _tables(block, name)
                places[name] = places.get(name, 0) + len(block)


def _address(pattern: str, folder: Path) -> str:
    address = pattern if "://" in pattern else str(folder / pattern)
    if not any(mark in address for mark in "*?[") and not address.endswith((".jsonl", ".ndjson", ".json")):
        address = f"{address.rstrip('/')}/*.jsonl"
    return address


def _whole_lines(lines: Any) -> bytes:
    """Read the next lines, without a last one that is still being written; that one is read again later."""
    block: bytes = lines.read(_PAGE)
    end = block.rfind(b"\n") + 1
    if _is_json(block[end:]):
        return block
    lines.seek(end - len(block), os.SEEK_CUR)
    return block[:end]


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _tables(block: bytes, file: str) -> Iterator[pa.Table]:
    import pyarrow as pa

    from hub.arrow import set_aside
    from hub.lake import REJECTED

    rows: list[dict[str, str | None]] = []
    refused: list[tuple[str, str]] = []
    for line in block.splitlines():
        text = line.decode("utf-8", "replace").strip()
        if text:
            row = _row(text)
            refused.append((row, text)) if isinstance(row, str) else rows.append(row)
    if rows:
        yield pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in (*FIELDS, "message_key")]))
    if refused:
        reasons, raw = zip(*refused, strict=True)
        yield dlt.mark.with_table_name(set_aside("reactions", reasons, raw, file), REJECTED)


def _row(text: str) -> dict[str, str | None] | str:
    """Read one line; a text is the reason why it can't be."""
    try:
        event = json.loads(text)
    except ValueError:
        return "the line is no JSON"
    if not isinstance(event, dict):
        return "the line is no JSON object"
    row = {name: None if event.get(name) in (None, "") else str(event[name]) for name in FIELDS}
    missing = [name for name in REQUIRED if row[name] is None]
    if missing:
        return f"no {', no '.join(missing)}"
    if row["type"] not in TYPES:
        return "the type is not one of " + ", ".join(sorted(TYPES))
    return {**row, "message_key": message_id_of(str(row["message_id"]))}
