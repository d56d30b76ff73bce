"""Listed: whom a do-not-contact register keeps a channel from, among those whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hub.contracts import Channel
from hub.do_not_contact import Approached, asks, consult
from hub.ledger import Consulted
from hub.recipients import ADDRESS, NEEDED, identifier
from hub.stages.decide.tick import Tick

CALL = "phone"
"""The channel of a call that somebody is to make: no message, and a number all the same."""


@dataclass(frozen=True)
class Listed:
    """`rows` (enrolment_id, reason) must not be approached; `proofs` are kept by whoever approaches the others."""

    rows: sa.TableClause
    proofs: Sequence[Consulted]


def listed(tick: Tick, channel: str, turn: sa.TableClause, mailing: str) -> Listed | None:
    """Consult the registers about everybody's address for a channel; None where there is none to consult."""
    if not asks(tick.project, channel, tick.as_of):
        return None
    import pyarrow as pa

    like: Channel = "sms" if channel == CALL else channel  # type: ignore[assignment]  # the others are channels
    columns = [turn.c[name] for name in ADDRESS[like] if name != "country"]
    asked: dict[str, Approached] = {}
    for batch in tick.transaction.arrow(sa.select(turn.c.enrolment_id, turn.c.country, *columns)):
        for row in batch.to_pylist():
            if row[NEEDED[like][0]]:
                country = (row["country"] or "").strip().upper()
                asked[row["enrolment_id"]] = Approached(identifier(like, row), country, mailing)
    answers = consult(tick.project, channel, asked, tick.as_of)
    ids, reasons = list(answers.refused), list(answers.refused.values())
    rows = {"enrolment_id": pa.array(ids, pa.string()), "reason": pa.array(reasons, pa.string())}
    return Listed(tick.transaction.load(f"listed_{channel}", pa.table(rows)), answers.proofs)
