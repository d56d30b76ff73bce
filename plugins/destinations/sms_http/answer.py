"""The provider's answer: where its own id stands."""

from __future__ import annotations

import json
from typing import Any


def found_at(path: str, body: bytes) -> str:
    """Read a value of a JSON answer by its path (`messages.0.id`); empty where there is none."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        return ""
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    return str(value) if isinstance(value, str | int) else ""
