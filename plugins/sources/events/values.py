"""Values of a call: whatever a library wrote, read as text; nothing of it can be trusted to be what it should."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

LONGEST = 2_000


def part(given: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Give an object within an object; an empty one where there is none."""
    found: Any = given
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(given: Mapping[str, Any], *names: str) -> str:
    """Give the first of some values that is there, as text; empty where none is."""
    for name in names:
        value = given.get(name)
        if isinstance(value, bool) or value is None or isinstance(value, Mapping | list):
            continue
        written = str(value).replace("\x00", "").strip()
        if written:
            return written[:LONGEST]
    return ""


def as_json(given: Mapping[str, Any]) -> str:
    """Write an object as JSON, the same one always in the same way; empty where there is nothing in it."""
    return json.dumps(given, sort_keys=True, ensure_ascii=False, separators=(",", ":")) if given else ""


def id_of(call: Mapping[str, Any]) -> str:
    """Give the id of a call; one that has none is known by all that it says."""
    return text(call, "messageId") or sha256(as_json(call).encode()).hexdigest()
