"""Listed: whom a do-not-contact register keeps out of a list to call or to write to that a sync makes."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.contracts import Channel
from hub.do_not_contact import Approached, asks, consult
from hub.ledger import Ledger
from hub.people.scope import People
from hub.project import Project
from hub.project.sync import Sync
from hub.recipients import ADDRESS, NEEDED, identifier
from hub.warehouse import Transaction

CALL = "phone"


def asks_registers(project: Project, sync: Sync, as_of: datetime) -> bool:
    """Say whether a sync is for marketing by a channel that any register is about."""
    needed = sync.consent
    return needed is not None and needed.purpose == "marketing" and asks(project, needed.channel, as_of)


def listed_people(
    transaction: Transaction,
    ledger: Ledger,
    project: Project,
    sync: Sync,
    everybody: People,
    candidates: sa.TableClause,
    as_of: datetime,
) -> sa.TableClause | None:
    """Consult the registers about all who may go; give person_id of those who must not, and keep the proof."""
    if sync.consent is None or not asks_registers(project, sync, as_of):
        return None
    import pyarrow as pa

    from hub.warehouse.arrow import numbers

    channel: Channel = "sms" if sync.consent.channel == CALL else sync.consent.channel  # type: ignore[assignment]
    relation = everybody.relation
    columns = [relation.c[name] for name in ADDRESS[channel] if name != "country"]
    people = (
        sa.select(candidates.c.person_id, relation.c.country, *columns)
        .distinct()
        .join(relation, everybody.person_id == candidates.c.person_id)
        .where(candidates.c.may, relation.c[NEEDED[channel][0]].is_not(None))
    )
    if sync.on_leaving != "keep":
        people = people.where(candidates.c.inside)
    asked: dict[int, Approached] = {}
    for batch in transaction.arrow(people):
        for row in batch.to_pylist():
            country = (row["country"] or "").strip().upper()
            asked[row["person_id"]] = Approached(identifier(channel, row), country, f"sync/{sync.sync}")
    answers = consult(project, sync.consent.channel, asked, as_of)
    ledger.consultations.add(answers.proofs)
    found = {"person_id": numbers(sorted(answers.refused))}
    return transaction.load("listed_people", pa.table(found))
