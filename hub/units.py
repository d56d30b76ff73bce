"""Values of a configuration that have a unit, as admins write them: `50/s`, `24 hours`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_RATE = re.compile(r"\s*(\d+)\s*/\s*(s|min|h|day)\s*")
_SECONDS_OF = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_LENGTH = re.compile(r"\s*(\d+) (minute|hour|day|week)s?\s*")


@dataclass(frozen=True, order=True)
class Rate:
    """So many in so many seconds, and never more in any stretch of that length."""

    number: int
    seconds: int = 1

    def __str__(self) -> str:
        """Give it as an admin writes it."""
        unit = {seconds: unit for unit, seconds in _SECONDS_OF.items()}.get(self.seconds)
        return f"{self.number}/{unit or f'{self.seconds} s'}"


def _rate(value: Any) -> Any:
    if isinstance(value, Rate):
        return value
    written = _RATE.fullmatch(value) if isinstance(value, str) else None
    if written is None or not int(written[1]):
        raise ValueError("write a rate as a number per second, minute, hour or day: 50/s, 600/min, 10000/day")
    return Rate(int(written[1]), _SECONDS_OF[written[2]])


def _rates(value: Any) -> Any:
    listed = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return tuple(_rate(one) for one in listed)


def _length_of_time(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    written = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError("write a length of time as a number and a unit: 24 hours, 14 days, 2 weeks")
    return timedelta(**{f"{written[2]}s": int(written[1])})


_WrittenRate = Annotated[str, Field(pattern=r"^\d+ ?/ ?(s|min|h|day)$")]

OneRate = Annotated[Rate, BeforeValidator(_rate, json_schema_input_type=_WrittenRate)]
"""How fast something may go: `10/s`."""

Rates = Annotated[tuple[Rate, ...], BeforeValidator(_rates, json_schema_input_type=_WrittenRate | list[_WrittenRate])]
"""How fast something may go, by each of one or more rates: `50/s`, or `[50/s, 10000/day]`."""

Duration = Annotated[
    timedelta,
    BeforeValidator(
        _length_of_time, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+ (minute|hour|day|week)s?$")]
    ),
]
"""A length of time."""
