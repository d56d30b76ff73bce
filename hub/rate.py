"""How fast a destination takes messages, as admins write it: `50/s`, `600/min`, `10000/h`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_WRITTEN = re.compile(r"\s*(\d+)\s*/\s*(s|min|h)\s*")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


def _per_second(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    written = _WRITTEN.fullmatch(value)
    if written is None:
        raise ValueError("write a rate as a number per second, minute or hour: 50/s, 600/min, 10000/h")
    return int(written[1]) / _SECONDS[written[2]]


Rate = Annotated[float, BeforeValidator(_per_second), Field(gt=0)]
"""A configuration value: messages per second."""
