"""Moments: a library's clock is wrong, but its two readings are wrong by the same amount.

What happened as long before it was sent as the library says, happened as long before it was received.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from plugins.sources.events.values import text


def corrected(call: Mapping[str, Any], sent_at: str, received_at: datetime) -> datetime:
    """Give the moment of a call by our clock: never later than it was received."""
    happened = moment(text(call, "originalTimestamp", "timestamp"))
    sent = moment(text(call, "sentAt") or sent_at)
    if happened is None:
        return received_at
    try:
        return min(happened if sent is None else received_at - (sent - happened), received_at)
    except OverflowError:
        return received_at


def moment(written: str) -> datetime | None:
    """Read a moment (ISO 8601); one without a zone is in UTC. None where it is none."""
    try:
        found = datetime.fromisoformat(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
