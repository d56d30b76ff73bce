"""`limits:` of hub.yaml: how often and when people are written to, over all scenarios. Service messages are exempt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hub.contracts import Channel

_CAP = re.compile(r"(\d+) per (\d+) (day|week)s?")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24(?=:00)):([0-5]\d)")


def _cap(value: Any) -> Any:
    found = _CAP.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, str) and value != "none" and (found is None or not int(found[2])):
        raise ValueError("write a limit as a number and a length of time: 2 per 7 days; or none")
    return value


def _hours(value: Any) -> Any:
    if isinstance(value, str):
        found = _HOURS.fullmatch(value)
        if found is None or (found[1], found[2]) >= (found[3], found[4]):
            raise ValueError('write the hours in quotes, the first before the last: "09:00-20:00"')
    return value


CapText = Annotated[
    str,
    BeforeValidator(_cap, json_schema_input_type=Annotated[str, Field(pattern=r"^(none|\d+ per \d+ (day|week)s?)$")]),
]
Hours = Annotated[
    str, BeforeValidator(_hours, json_schema_input_type=Annotated[str, Field(pattern=r"^\d\d:\d\d-\d\d:\d\d$")])
]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "holidays"]


@dataclass(frozen=True)
class Cap:
    """So many messages in so many calendar days."""

    number: int
    days: int


def cap(written: str) -> Cap | None:
    """Read a limit; None where there is none."""
    found = _CAP.fullmatch(written)
    return Cap(int(found[1]), int(found[2]) * (7 if found[3] == "week" else 1)) if found else None


class Quiet(BaseModel):
    """When marketing messages may go out, in the project's time zone; outside of it they wait."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    send: Hours = Field("00:00-24:00", description='The hours in which messages go: "09:00-20:00".')
    not_on: list[Day] = Field(
        default_factory=list,
        description="Days without messages: sunday, and so on; holidays are the public ones of the locale's country.",
    )
    channels: list[Channel] = Field(
        ["email", "sms"], min_length=1, description="The channels that this is about; a letter wakes nobody."
    )

    @property
    def minutes(self) -> tuple[int, int]:
        """Give the first minute of the day in which messages go, and the first after."""
        start, _, end = self.send.partition("-")
        return _minute(start), _minute(end)


class Limits(BaseModel):
    """How often and when people are written to, over all scenarios. Service messages are exempt."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    marketing: CapText = Field(
        "2 per 7 days", description="Marketing messages to one person over all channels (R16); or none."
    )
    channels: dict[Channel, CapText] = Field(
        default_factory=dict, description="Further limits by channel: {sms: 1 per 7 days}."
    )
    household: dict[Channel, CapText] = Field(
        default_factory=dict, description="Limits by channel for all people of a household: {letter: 1 per 30 days}."
    )
    quiet: Quiet | None = Field(None, description="When messages may go out.")


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
