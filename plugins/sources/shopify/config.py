"""What an admin configures for shopify: the shop, and the tokens of a custom app."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr

from hub.outgoing import AddressConfig, Seconds
from hub.units import Duration

Name = Literal["customers", "products", "orders", "carts"]
NAMES: tuple[Name, ...] = ("customers", "products", "orders", "carts")


class ShopifyConfig(AddressConfig):
    """A Shopify shop, and an app of its own that may read it."""

    url: str = Field(description="The shop's own address: https://my-shop.myshopify.com.")
    token: SecretStr = Field(description="The Admin API access token of a custom app.")
    api_secret: SecretStr | None = Field(
        None, description="The API secret key of the app: it signs what the shop pushes to `hub serve`."
    )
    version: str = Field("2026-10", pattern=r"^20\d\d-(01|04|07|10)$", description="The version of the Admin API.")
    resources: tuple[Name, ...] = Field(NAMES, description="Which lists to read.")
    overlap: Duration = Field(
        timedelta(minutes=10),
        description="How long a change may take to become visible in the shop: so far each run looks back.",
    )
    longest: Duration = Field(timedelta(hours=2), description="How long the shop may take to make one list ready.")
    timeout: Seconds = 60.0
