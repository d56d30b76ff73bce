"""Lengths of time and times of day, as scenarios write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_LENGTH = re.compile(r"(\d+) (minute|hour|day|week)s?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _length(value: Any) -> Any:
    if isinstance(value, str) and not _LENGTH.fullmatch(value.strip()):
        raise ValueError("write a length of time as a number and a unit: 7 days, 36 hours, 2 weeks")
    return " ".join(value.split()) if isinstance(value, str) else value


def _clock(value: Any) -> Any:
    if isinstance(value, str) and not _CLOCK.fullmatch(value):
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


def length(written: str) -> tuple[int, timedelta]:
    """Give the calendar days of a length of time, and the exact time beyond them."""
    found = _LENGTH.fullmatch(written)
    if found is None:
        raise ValueError(written)
    number, unit = int(found[1]), found[2]
    if unit in ("day", "week"):
        return number * (7 if unit == "week" else 1), timedelta()
    return 0, timedelta(**{f"{unit}s": number})
