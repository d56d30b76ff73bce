"""Moments of a cursor's field: compared, moved back, and written as the API wants them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.errors import ConfigurationError
from plugins.sources.rest.config import Cursor

_NUMBER = re.compile(r"\d{1,30}", re.ASCII)
_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[T ].*[+-]\d\d:?\d\d")


def written(moment: Any, cursor: Cursor) -> Any:
    """Write the parameter of a cursor."""
    return moment if cursor.write == "{value}" else cursor.write.replace("{value}", str(moment))


def seconds(moment: Any) -> int | None:
    """Give seconds since 1970, also where they are written as a text; None where the moment is written otherwise."""
    if isinstance(moment, str) and _NUMBER.fullmatch(moment):
        return None if len(moment) == len("20260301") else int(moment)
    return moment if isinstance(moment, int) else None


def a_second_before(moment: str | int, name: str) -> str | int:
    """Give a moment (ISO 8601 text in the form that it has, or seconds) a second earlier."""
    counted = seconds(moment)
    if counted is not None or isinstance(moment, int):
        return int(moment) - 1
    earlier = read(moment, name) - timedelta(seconds=1)
    text = earlier.isoformat(timespec="auto" if "." in moment else "seconds")
    return text.replace("+00:00", "Z") if moment.endswith("Z") else text


def in_the_form_of(like: str | int, moment: datetime) -> str | int:
    """Write a moment as an API writes its own: seconds since 1970, or ISO 8601 with its sign for the zone, if any."""
    moment = moment.astimezone(UTC)
    if isinstance(like, int) or seconds(like) is not None:
        return int(moment.timestamp())
    text = moment.strftime(f"%Y-%m-%d{like[10:11] or 'T'}%H:%M:%S")
    if _WITH_OFFSET.fullmatch(like):
        return f"{text}+00:00"
    return f"{text}Z" if like.endswith("Z") else text


def stamp(moment: Any, name: str) -> datetime | None:
    """Read a moment, or seconds since 1970; one without an offset is UTC. None where there is none."""
    if moment is None:
        return None
    if (counted := seconds(moment)) is not None:
        return datetime.fromtimestamp(counted, UTC)
    found = read(moment, name)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def read(moment: Any, name: str) -> datetime:
    """Read a moment in ISO 8601. Raises ConfigurationError."""
    try:
        return datetime.fromisoformat(moment)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{name}: the cursor's field holds no moments in ISO 8601, which `after` and `overlap` need"
        ) from None


def later(value: Any, than: Any, name: str) -> bool:
    """Compare two values of the cursor's field; moments with an offset as moments: clocks are put back in autumn."""
    try:
        return bool(_in_order(value) > _in_order(than))
    except TypeError:
        raise ConfigurationError(
            f"{name}: the cursor's field holds text and numbers; choose another `cursor`"
        ) from None


def same(value: Any, other: Any) -> bool:
    """Say whether two values of the cursor's field are one moment: 7 and "7" are."""
    return bool(_in_order(value) == _in_order(other))


def _in_order(value: Any) -> Any:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, str) and _WITH_OFFSET.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value
