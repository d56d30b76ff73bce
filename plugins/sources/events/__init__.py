"""events: takes what the analytics libraries of sites, apps and servers send (the Segment HTTP API).

    events (raw table)      track, page and screen: what was done
    people                  identify: what is known of somebody
    groups                  group: the organisation somebody belongs to
    aliases                 alias: two ids of one person

Consent comes first: what is done by somebody who did not agree to be recognised is kept without who did it, or dropped.
Every column is text, and empty where a call says nothing, so that a mapping finds those that nobody has filled yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from hub.contracts import Check, Collected, Collector, ConnectionConfig, Proof, Received
from hub.hookspecs import hookimpl
from plugins.sources.events.consent import agreed, anonymous
from plugins.sources.events.moments import corrected
from plugins.sources.events.rows import row_of
from plugins.sources.events.values import id_of

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from hub.contracts import Plugin


class EventsConfig(ConnectionConfig):
    """Who sends the events, and what must be agreed to first."""

    write_key: SecretStr = Field(description="The key that the libraries are given. A site shows it to everybody.")
    former_write_key: SecretStr | None = Field(None, description="The key before it, while sites still send that one.")
    origins: list[str] = Field(
        default_factory=list,
        description="The sites whose pages may send: https://www.example.com. Servers and apps need not be named.",
    )
    consent: Literal["required", "assumed"] = Field(
        "required",
        description="required: who sends says with each event that its person agreed to be recognised "
        "(`context.consent`), else they are not. assumed: you see to that yourself before a server sends anything.",
    )
    categories: list[str] = Field(
        default_factory=lambda: ["analytics"],
        min_length=1,
        description="Which categories of `context.consent.categoryPreferences` stand for being recognised; one of "
        "them must be true.",
    )
    without_consent: Literal["anonymise", "drop"] = Field(
        "anonymise", description="What becomes of an event without it: kept without who it was, or dropped."
    )

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            parts = urlsplit(origin)
            if (
                origin != f"{parts.scheme}://{parts.netloc}"
                or parts.scheme not in ("http", "https")
                or not parts.netloc
            ):
                raise ValueError("write a site as the browser does, without a path: https://www.example.com")
        return value


class Events(Collector):
    """Events from sites, apps and servers."""

    name = "events"
    summary = "Takes events from sites, apps and servers, as analytics libraries (Segment) send them."
    config_model = EventsConfig
    proven = (
        Proof("real system", "Segment libraries", "analytics-next 1.84.3, analytics-node 3.1.0", date(2026, 11, 22)),
        Proof("real system", "segment-analytics-python", "2", date(2026, 11, 22)),
    )
    config: EventsConfig
    default_mapping = Path(__file__).parents[3] / "mappings" / "events.yaml"

    @property
    def write_keys(self) -> Sequence[str]:
        """Give the keys of the configuration."""
        keys = (self.config.write_key, self.config.former_write_key)
        return [key.get_secret_value() for key in keys if key is not None and key.get_secret_value()]

    @property
    def origins(self) -> Sequence[str]:
        """Give the sites of the configuration."""
        return self.config.origins

    def check(self) -> Check:
        """Say where the libraries must send: nothing is asked of anybody."""
        if not self.write_keys:
            return Check(False, "the write key is empty")
        where = f"{self.place.public_url}/v1" if self.place.public_url else "/v1 of `hub serve`"
        return Check(True, f"takes events at {where}")

    def resources(self) -> Iterable[DltResource]:
        """Fetch nothing: everything is pushed."""
        return ()

    def collect(self, sent: Collected) -> Sequence[Received]:
        """Turn calls into rows, each by its own id; those that consent does not allow are anonymised or left out."""
        found = []
        for call in sent.calls:
            recognised = self.recognises(call)
            kept = call if recognised else self._without_consent(call, sent.visitor)
            if kept is not None:
                at = corrected(kept, sent.sent_at, sent.received_at)
                table, row = row_of(kept, sent.visitor, at, recognised)
                found.append(Received(id_of(call), {table: [{"message_id": id_of(call), **row}]}))
        return found

    def recognises(self, call: Mapping[str, Any]) -> bool:
        """Say whether a call carries the consent to be recognised, or the configuration says that it is there."""
        return self.config.consent == "assumed" or agreed(call, self.config.categories)

    def _without_consent(self, call: Mapping[str, Any], visitor: str) -> Mapping[str, Any] | None:
        return anonymous(call, visitor) if self.config.without_consent == "anonymise" else None


@hookimpl
def hub_plugins() -> Sequence[type[Plugin]]:
    """Hand over the source."""
    return [Events]
