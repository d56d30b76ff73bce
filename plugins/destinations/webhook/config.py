"""What an admin configures for webhook."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from hub.contracts import Channel
from hub.outgoing import AddressConfig
from hub.units import Duration, Rates
from plugins.destinations.webhook.signature import signing_key


class WebhookConfig(AddressConfig):
    """The receiver, the secret that we share with it, and what it takes."""

    url: str
    secret: SecretStr = Field(description="The signing secret (Standard Webhooks): whsec_ and base64.")
    channel: Channel | None = Field(
        None, description="Send the messages of this channel here too: the receiver delivers them."
    )
    idempotency_window: Duration | None = Field(
        None, description="How long the receiver takes the same message id only once: 24 hours. None if it does not."
    )
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Further headers of every request.")
    retriable: frozenset[int] = Field(
        frozenset({408, 425, 429, 503}), description="Statuses that say: not taken, try again later."
    )
    batch_size: int = Field(500, ge=1, description="How many rows or messages one request carries.")
    rate: Rates = Field((), description="The most the receiver takes, in rows or messages: 50/s, or [50/s, 10000/day].")
    concurrency: int = Field(1, ge=1, le=32, description="How many requests may be open at once.")

    @field_validator("secret")
    @classmethod
    def _secret_is_a_key(cls, value: SecretStr) -> SecretStr:
        signing_key(value.get_secret_value())
        return value
