"""Lengths of time and times of day, as scenarios write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

_LENGTH = re.compile(r"(\d+) (minute|hour|day|week)s?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _length(value: Any) -> Any:
    if not isinstance(value, str) or not _LENGTH.fullmatch(value.strip()):
        raise ValueError("write a length of time as a number and a unit: 7 days, 36 hours, 2 weeks")
    return " ".join(value.split())


def _clock(value: Any) -> Any:
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError('write a time of day in quotes, with two digits each: "09:00"')
    return value


Length = Annotated[
    str,
    BeforeValidator(_length, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+ (minute|hour|day|week)s?$")]),
]
"""A length of time as it is written: days and weeks are calendar days, hours and minutes are exact."""

Clock = Annotated[
    str, BeforeValidator(_clock, json_schema_input_type=Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")])
]
"""A time of day."""


def with_unit(value: Any) -> Any:
    """Refuse a bare number, alone or in a list: it could be days as well as weeks."""
    if any(isinstance(one, int | float) for one in (value if isinstance(value, list) else [value])):
        raise ValueError("write a length of time as a number and a unit: 90 days, 2 weeks")
    return value


def _loses(value: Any) -> Any:
    if not isinstance(value, str) or (value not in _LOSES and not _LENGTH.fullmatch(value.strip())):
        raise ValueError(f"write {', '.join(_LOSES)}, or a length of time: 3 days")
    return " ".join(value.split())


_LOSES = ("wait", "drop", "next channel")
Loses = Annotated[
    str,
    BeforeValidator(
        _loses,
        json_schema_input_type=Literal["wait", "drop", "next channel"]
        | Annotated[str, Field(pattern=r"^\d+ (minute|hour|day|week)s?$")],
    ),
]
"""What becomes of a message that may not go now: it waits, is dropped, goes by another channel, or moves so far on."""


def moves(loses: str) -> str | None:
    """Give how far on a message moves that loses; None where it does not move."""
    return loses if loses not in _LOSES else None


def length(written: str) -> tuple[int, timedelta]:
    """Give the calendar days of a length of time, and the exact time beyond them."""
    found = _LENGTH.fullmatch(written)
    if found is None:
        raise ValueError(written)
    number, unit = int(found[1]), found[2]
    if unit in ("day", "week"):
        return number * (7 if unit == "week" else 1), timedelta()
    return 0, timedelta(**{f"{unit}s": number})
