"""Moments as the clock on the wall shows them: what is stored in UTC is read in the project's time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

Told = TypeVar("Told")


def on_the_wall(told: Told, timezone: str) -> Told:
    """Give the same with every moment in it, at any depth, in a time zone."""
    found: Told = _in(told, ZoneInfo(timezone))
    return found


def _in(value: Any, zone: ZoneInfo) -> Any:
    match value:
        case datetime() if value.tzinfo is not None:
            return value.astimezone(zone)
        case tuple() | list():
            return type(value)(_in(one, zone) for one in value)
        case Mapping():
            return {name: _in(one, zone) for name, one in value.items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{it.name: _in(getattr(value, it.name), zone) for it in fields(value) if it.init})
    return value
