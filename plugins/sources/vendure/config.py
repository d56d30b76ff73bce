"""What an admin configures for vendure: the shop's Admin API, and an administrator who may read."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr

from hub.outgoing import AddressConfig, Seconds
from hub.units import Duration


class VendureConfig(AddressConfig):
    """A Vendure 3 shop, and one of its administrators."""

    url: str = Field(description="The Admin API: https://shop.example.com/admin-api.")
    username: str = Field(description="An administrator, with the rights to read customers, orders and the catalogue.")
    password: SecretStr
    channel: str = Field("", description="The token of the channel, where the shop has several.")
    custom_fields: dict[Literal["customers", "orders", "variants"], tuple[str, ...]] = Field(
        default_factory=dict, description="Custom fields to read as well: {customers: [pets]}; each becomes a column."
    )
    overlap: Duration = Field(
        timedelta(minutes=10),
        description="How long a change may take to become visible in the shop: so far each run looks back.",
    )
    page_size: int = Field(100, ge=1, le=1000, description="How many things one request reads.")
    timeout: Seconds = 60.0
