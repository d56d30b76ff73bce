"""What an admin configures for odoo: where it is, who we are, what is read, and how rows find their contact."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from hub.errors import suggest
from hub.outgoing import AddressConfig, Seconds
from hub.units import Duration, OneRate
from plugins.sources.odoo.listings import LISTINGS


class OdooConfig(AddressConfig):
    """An Odoo 19 or newer, and one of its users."""

    url: str = Field(description="Where people open Odoo: https://crm.example.com.")
    key: SecretStr = Field(description="An API key of a user: Preferences, Account Security, New API Key.")
    database: str = Field("", description="The database, where the server has several.")
    resources: tuple[str, ...] = Field(
        (), description=f"What is read: {', '.join(LISTINGS)}. By default all that this Odoo has and the user may see."
    )
    fields: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="More fields to read, by resource: {contacts: [x_pets, industry_id.name]}; the column of the last "
        "is industry_id_name.",
    )
    match: str = Field(
        "",
        description="The field of contacts that holds the key of a row that is written, such as ref. By default a key "
        "that is a number is Odoo's own, and one with an @ is an e-mail address.",
    )
    overlap: Duration = Field(
        timedelta(minutes=10),
        description="How long a change may take to become visible in Odoo: so far each run looks back.",
    )
    page_size: int = Field(1000, ge=1, le=10_000, description="How many records one request reads.")
    rate: OneRate | None = Field(None, description="The most requests that Odoo is asked in a time: 5/s.")
    timeout: Seconds = 60.0

    @field_validator("resources", "fields")
    @classmethod
    def _resources_exist(cls, value: tuple[str, ...] | dict[str, tuple[str, ...]]) -> object:
        for name in value:
            if name not in LISTINGS:
                raise ValueError(f"there is no '{name}'.{suggest(name, LISTINGS)} Known: {', '.join(LISTINGS)}")
        return value
