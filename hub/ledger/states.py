"""The states of a message, and the steps between them that are allowed.

    queued -> sending -> accepted | rejected | unknown -> delivered | bounced

`unknown` was sent and never answered: inside the provider's idempotency window it is sent again under the same id,
else the provider is asked where it can be, else it stays parked until a receipt or a person tells what became of it
(`hub deliveries settle`). It becomes `queued` again only when somebody knows that it was not taken. From `queued`
a message may also end unsent: `expired` (too late), `refused` (no consent, or suppressed), `cancelled` (interrupted)
or `rejected` (it can't be rendered).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

State = Literal[
    "queued",
    "sending",
    "accepted",
    "rejected",
    "unknown",
    "delivered",
    "bounced",
    "expired",
    "refused",
    "cancelled",
]

LEADS_TO: Mapping[State, frozenset[State]] = {
    "queued": frozenset({"sending", "expired", "refused", "cancelled", "accepted", "rejected", "delivered", "bounced"}),
    "sending": frozenset({"accepted", "rejected", "unknown", "queued", "delivered", "bounced"}),
    "unknown": frozenset({"sending", "queued", "accepted", "rejected", "delivered", "bounced"}),
    "accepted": frozenset({"delivered", "bounced"}),
    "delivered": frozenset({"bounced"}),
    "bounced": frozenset(),
    "rejected": frozenset(),
    "expired": frozenset(),
    "refused": frozenset(),
    "cancelled": frozenset(),
}
"""From each state, the states that may follow. A receipt can overtake the answer, so it may come at any moment
after the first attempt."""

FINAL: frozenset[State] = frozenset(state for state, following in LEADS_TO.items() if not following)

IN_WORDS: Mapping[State, str] = {
    "queued": "waits to be sent",
    "sending": "is being sent",
    "accepted": "sent",
    "rejected": "not sent: it was not taken",
    "unknown": "perhaps sent: no answer came",
    "delivered": "sent, and delivered",
    "bounced": "sent, and came back",
    "expired": "not sent: too late",
    "refused": "not sent: not allowed any more",
    "cancelled": "not sent: not wanted any more",
}
"""What a state means to who asks after a message."""


def leading_to(state: State) -> tuple[State, ...]:
    """Give the states that a message may come from."""
    return tuple(before for before, following in LEADS_TO.items() if state in following)
