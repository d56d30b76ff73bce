"""What an admin configures for kvk: the key, the limits of the subscription, and how long an answer holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from hub.contracts import ConnectionConfig
from hub.errors import ConfigurationError
from hub.outgoing import check_url
from hub.units import Duration, OneRate, Rate


class KvkConfig(ConnectionConfig):
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
    timeout: float = Field(20.0, gt=0, description="Seconds to wait for an answer.")
    allow_private: bool = Field(False, description="The server stands in our own network, or on this machine.")

    @model_validator(mode="after")
    def _address_is_allowed(self) -> Self:
        try:
            check_url(self.url, allow_private=self.allow_private)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self
