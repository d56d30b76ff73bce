"""A decided message, one at a time, for tests: the hub itself hands them over in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa


@dataclass(frozen=True)
class Intent:
    """A message that was decided."""

    id: str
    scenario: str
    step: str
    connection: str
    channel: str
    purpose: str
    record: str
    template: str
    priority: int
    consent_key: str | None
    queued_at: datetime
    expires_at: datetime


def handed(intents: Sequence[Intent]) -> pa.RecordBatch:
    """Give messages in the form in which the outbox takes them."""
    moment = pa.timestamp("us", "UTC")
    kinds = {"priority": pa.int64(), "queued_at": moment, "expires_at": moment}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in Intent.__dataclass_fields__])
    return pa.RecordBatch.from_pylist([vars(intent) for intent in intents], schema=schema)
