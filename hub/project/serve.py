"""`serve:` of hub.yaml: how much `hub serve` takes, and whose word it takes for who is calling."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from hub.units import OneRate, Rate

_SIZE = re.compile(r"\s*(\d+) ?(kB|MB)\s*")
_BYTES_OF = {"kB": 1000, "MB": 1000_000}


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    written = _SIZE.fullmatch(value)
    if written is None:
        raise ValueError("write a size as a number and a unit: 500 kB, 1 MB")
    return int(written[1]) * _BYTES_OF[written[2]]


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("write the address of the proxy, or its network: 10.0.0.5, 10.0.0.0/24") from None
    return value


Size = Annotated[
    int, BeforeValidator(_size, json_schema_input_type=Annotated[str, Field(pattern=r"^\d+ ?(kB|MB)$")]), Field(gt=0)
]
Proxy = Annotated[str, AfterValidator(_network)]


class Serve(BaseModel):
    """What `hub serve` takes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    pushes: OneRate = Field(
        Rate(200),
        description="How much may be pushed to one connection, per serving process; more is asked to wait: 200/s.",
    )
    largest_push: Size = Field(1_000_000, description="The largest push that is taken: 1 MB.")
    proxies: list[Proxy] = Field(
        default_factory=lambda: ["127.0.0.1", "::1"],
        description="The proxies in front of it: what they say about who is calling is believed.",
    )
