"""A destination that accepts everything at once: what remains is what the hub itself costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from hub.contracts import (
    Capabilities,
    Channel,
    Check,
    ConnectionConfig,
    Destination,
    Message,
    Plugin,
    Result,
    SyncBatch,
)
from hub.hookspecs import hookimpl


class AcceptingConfig(ConnectionConfig):
    """With a channel it takes messages of that channel, without one it takes audiences."""

    plugin: Literal["accepting"] = "accepting"
    channel: Channel | None = None


class Accepting(Destination):
    """Takes messages and rows, and forgets them."""

    name: ClassVar[str] = "accepting"
    summary: ClassVar[str] = "accepts everything; for benchmarks"
    config_model: ClassVar[type[ConnectionConfig]] = AcceptingConfig

    @property
    def capabilities(self) -> Capabilities:
        """Batches of a thousand, at any pace."""
        channel: Channel | None = self.config.channel
        return Capabilities(
            channel=channel, operations=frozenset() if channel else frozenset({"upsert", "remove"}), batch_size=1000
        )

    def check(self) -> Check:
        """There is nothing that could fail."""
        return Check(True, "accepts everything")

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Accept every message."""
        return [Result(message.id, "accepted") for message in batch]

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Accept every row."""
        return [Result(row.key, "accepted") for row in batch.rows]


@hookimpl
def hub_plugins() -> Sequence[type[Plugin]]:
    """Hand over the destination."""
    return [Accepting]
