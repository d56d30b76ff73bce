"""Tables of the generated pages, in Markdown: rows, and the default of a key as an admin would write it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def row(*cells: str) -> str:
    """Write one row; a bar inside a cell is escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def heading(*names: str) -> Iterator[str]:
    """Write the two lines above the rows."""
    yield row(*names)
    yield "|" + "---|" * len(names)


def default(field: FieldInfo) -> str:
    """Write the default of a key; `needed` where there is none, nothing where it is empty."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", [], {}, ()) or isinstance(value, BaseModel):
        return ""
    return f"`{_written(value)}`"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return _length_of_time(value)
    if isinstance(value, set | frozenset):
        return _written(sorted(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(str(part) for part in value)}]"
    return str(value)


def _length_of_time(value: timedelta) -> str:
    """Write 1 day, 36 hours, 90 minutes: in the largest unit that says it exactly."""
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1))):
        if value % length == timedelta():
            return f"{value // length} {unit}{'' if value == length else 's'}"
    return f"{value // timedelta(minutes=1)} minutes"
