"""Compare rows that must be there with those that are: a row shows the columns that matter, each list is complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]


def differences(what: str, wanted: Sequence[Row], found: Sequence[Row], zone: ZoneInfo) -> Iterator[str]:
    """Tell which wanted rows are not among the found ones, and otherwise which of those are too many."""
    left = list(found)
    missing = []
    for row in wanted:
        match = next((there for there in left if _fits(row, there, zone)), None)
        if match is None:
            missing.append(row)
        else:
            left.remove(match)
    for row in missing:
        yield f"{what}: expected {shown(row)}, but {_instead(left)}"
    if not missing:
        for there in left:
            yield f"{what}: there is a row too many: {shown(there)}"


def _instead(left: Sequence[Row]) -> str:
    if not left:
        return "there is no such row"
    return "there is " + " and ".join(shown(there) for there in left[:3])


def shown(row: Row) -> str:
    """Write a row as YAML has it."""
    words = {None: "null", True: "true", False: "false"}
    told = {name: words[value] if value is None or isinstance(value, bool) else value for name, value in row.items()}
    return "{" + ", ".join(f"{name}: {value}" for name, value in told.items()) + "}"


def _fits(wanted: Row, there: Row, zone: ZoneInfo) -> bool:
    return all(same(value, there[name], zone) for name, value in wanted.items())


def same(wanted: Any, there: Any, zone: ZoneInfo) -> bool:
    """Compare a value of YAML with a stored one: numbers as numbers, moments as local times where no zone is given."""
    if wanted is None or there is None or isinstance(there, bool):
        return wanted is there
    if isinstance(there, int | Decimal | float):
        try:
            return not isinstance(wanted, bool) and Decimal(str(wanted)) == Decimal(str(there))
        except InvalidOperation:
            return False
    if isinstance(there, datetime):
        return _same_moment(str(wanted), there, zone)
    return str(wanted) == str(there)


def _same_moment(wanted: str, there: datetime, zone: ZoneInfo) -> bool:
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError:
        return False
    if len(wanted) == 10:
        return there.astimezone(zone).date() == moment.date()
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)) == there
