"""What an admin configures for kvk: the key, the limits of the subscription, and how long an answer holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from hub.outgoing import AddressConfig, Seconds
from hub.units import Duration, OneRate, Rate


class KvkConfig(AddressConfig):
    """The subscription to the register's API."""

    key: SecretStr = Field(description="The API key.")
    url: str = Field(
        "https://api.kvk.nl/api", description="The address of the API; https://api.kvk.nl/test/api to try."
    )
    keep: Duration = Field(timedelta(days=30), description="How long an answer holds before it is asked for again.")
    per_run: int = Field(500, ge=3, description="The most requests of one run.")
    per_month: int | None = Field(None, ge=3, description="The most requests of a calendar month.")
    rate: OneRate = Field(Rate(10), description="The most requests the register is asked for in a time: 10/s.")
    branches: bool = Field(
        True, description="Also count the branches: one more request per organisation, for the signal of a new one."
    )
    authority: Path | None = Field(
        None, description="A PEM file with the root certificate of the register, where this machine does not trust it."
    )
    timeout: Seconds = 20.0
