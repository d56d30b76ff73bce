"""Refusals that come in by a push: the address is suppressed before the push is answered, whatever else fails.

The consent of the person is withdrawn when the rows have landed; until then the suppression keeps every message back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from hub.contracts import Received
from hub.errors import TemporaryError
from hub.incoming import REFUSALS
from hub.ledger import UNSUBSCRIBED, Ledger, Suppression, hashed
from hub.recipients import ADDRESS, identifier


def suppress(ledger: Ledger, key: bytes, connection: str, received: Received) -> None:
    """Suppress who refused, for marketing. Raises TemporaryError when the ledger does not take it."""
    suppressions = list(_suppressions(key, connection, received))
    if not suppressions:
        return
    try:
        ledger.suppressions.add(suppressions)
    except sa.exc.SQLAlchemyError as error:
        raise TemporaryError(f"the ledger does not take a refusal: {type(error).__name__}") from None


def _suppressions(key: bytes, connection: str, received: Received) -> Iterator[Suppression]:
    for row in received.rows.get(REFUSALS, ()):
        channel = row["channel"]
        (column,) = ADDRESS[channel]
        mark = hashed(key, channel, identifier(channel, {column: row["address"]}))
        yield Suppression(mark, "marketing", UNSUBSCRIBED, f"{connection}:answer", datetime.fromisoformat(row["at"]))
