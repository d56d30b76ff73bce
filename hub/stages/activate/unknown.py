"""Unknown: ask a provider what became of messages whose answer never came.

Where the provider takes the same id once, they are sent again inside its window; this is for the others, and for those
that are too late for it.
"""

from __future__ import annotations

from datetime import datetime

from hub.contracts import Destination, Result, Sent
from hub.failpoints import reach
from hub.ledger import Ledger, Queued, Settlement
from hub.stages.activate.deliver import deliver
from hub.stages.activate.pace import wait_before

NEVER_CAME = "the provider never got it"


def ask(ledger: Ledger, connection: str, destination: Destination, as_of: datetime) -> int:
    """Settle the unknown messages of a connection by asking; return how many were.

    What it took is accepted; what never came is queued again, for nobody has it; what it does not know waits for its
    receipt, for a person, or for the next time that it is asked.
    """
    can = destination.capabilities
    if not can.can_ask:
        return 0
    settled = 0
    while found := ledger.outbox.to_ask(connection, as_of, can.batch_size, can.idempotency_window):
        asked = [Sent(message.id, message.remote_id or "") for message in found]
        answer = deliver([sent.id for sent in asked], lambda asked=asked: destination.ask(asked))  # type: ignore[misc]
        reach("asked, answer not written")
        known = {message.id: message for message in found}
        ledger.outbox.resolve([_settlement(result, known[result.id], as_of) for result in answer.results], as_of)
        settled += sum(result.status in ("accepted", "rejected") for result in answer.results)
        if answer.failure:
            break
    return settled


def _settlement(result: Result, message: Queued, as_of: datetime) -> Settlement:
    if result.status == "accepted":
        return Settlement(result.id, "accepted", result.remote_id, result.reason)
    if result.status == "rejected":
        return Settlement(result.id, "queued", reason=f"{NEVER_CAME}: {result.reason}".removesuffix(": "))
    again = as_of + wait_before(message.attempts, result.id, result.retry_after)
    return Settlement(result.id, "unknown", message.remote_id or "", message.reason or "", again)
