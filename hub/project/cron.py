"""Schedules as cron expressions: minute, hour, day, month, weekday."""

from __future__ import annotations

import re

_FIELD = re.compile(r"(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?(,(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?)*")


def wrong_schedule(written: str) -> str:
    """Say what is wrong with a schedule; empty where nothing is."""
    fields = written.split()
    if len(fields) == 5 and all(_FIELD.fullmatch(field) for field in fields):
        return ""
    return f"'{written}' is no schedule: minute hour day month weekday, as in \"0 6 * * *\""
