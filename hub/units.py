"""Values of a configuration that have a unit, as admins write them: `50/s`, `24 hours`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_RATE = re.compile(r"\s*(\d+)\s*/\s*(s|min|h)\s*")
_SECONDS_OF = {"s": 1, "min": 60, "h": 3600}
_LENGTH = re.compile(r"\s*(\d+) (minute|hour|day|week)s?\s*")


def _per_second(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    written = _RATE.fullmatch(value)
    if written is None:
        raise ValueError("write a rate as a number per second, minute or hour: 50/s, 600/min, 10000/h")
    return int(written[1]) / _SECONDS_OF[written[2]]


def _length_of_time(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    written = _LENGTH.fullmatch(value)
    if written is None:
        raise ValueError("write a length of time as a number and a unit: 24 hours, 14 days, 2 weeks")
    return timedelta(**{f"{written[2]}s": int(written[1])})


Rate = Annotated[
    float,
    BeforeValidator(_per_second, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+ ?/ ?(s|min|h)$")] | float),
    Field(gt=0),
]
"""How fast something may go; the value is per second."""

Duration = Annotated[
    timedelta,
    BeforeValidator(
        _length_of_time, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+ (minute|hour|day|week)s?$")]
    ),
]
"""A length of time."""
