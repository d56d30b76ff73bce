"""Fields of a request with {placeholders}: only whole names are replaced, nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def placeholders(fields: Any) -> set[str]:
    """List the names that are used, at any depth."""
    if isinstance(fields, Mapping):
        return {name for value in fields.values() for name in placeholders(value)}
    if isinstance(fields, list):
        return {name for value in fields for name in placeholders(value)}
    return set(_PLACEHOLDER.findall(fields)) if isinstance(fields, str) else set()


def filled(fields: Any, values: Mapping[str, str]) -> Any:
    """Put the values in; a value that holds braces itself stays as it is."""
    if isinstance(fields, Mapping):
        return {name: filled(value, values) for name, value in fields.items()}
    if isinstance(fields, list):
        return [filled(value, values) for value in fields]
    if isinstance(fields, str):
        return _PLACEHOLDER.sub(lambda match: values[match[1]], fields)
    return fields
