"""Devices: earlier anonymous visits join the person who made himself known on the same device (R3).

A device never merges two people: where known records of different people share one, its visits stay anonymous. The
visits of who refuses profiling stay anonymous too.
"""

from __future__ import annotations

import sqlalchemy as sa

from hub.stages.resolve.links import Links
from hub.stages.resolve.rules import HAND, Rules
from hub.warehouse import Transaction, constructs

PROFILING = "profiling"
"""The purpose of consent whose refusal keeps visits anonymous."""


def attach(
    transaction: Transaction,
    records: sa.TableClause,
    named: sa.TableClause,
    links: Links,
    people: sa.TableClause,
    rules: Rules,
) -> sa.TableClause | None:
    """Return (record_no, person, type, partner) for each anonymous record whose devices know exactly one person.

    None where no record is known by its device.

    Anonymous is a record without a name and without any identifier but devices; `partner` is the person's smallest
    record with such a device. `people` gives (record_no, person), `named` the records that say a name.
    """
    values, ties = links.values.given, links.ties
    kinds = [kind.name for kind in rules.attaching]
    device = transaction.hold(
        "device_value",
        sa.select(ties.c.value_no, ties.c.rank, ties.c.record_no).where(sa.not_(rules.links(ties.c.rank))),
    )
    if not transaction.count(device):
        return None
    known = sa.union(
        sa.select(device.c.record_no)
        .join_from(device, values, values.c.record_no == device.c.record_no)
        .where(values.c.type.not_in(kinds)),
        sa.select(device.c.record_no).join_from(device, named, named.c.record_no == device.c.record_no),
        sa.select(ties.c.record_no).where(ties.c.rank == rules.place(HAND)),
    ).subquery()
    holder, visit = device.alias("holder"), device.alias("visit")
    owner = (
        sa.select(holder.c.value_no, holder.c.record_no, people.c.person)
        .join_from(holder, people, people.c.record_no == holder.c.record_no)
        .where(holder.c.record_no.in_(sa.select(known.c.record_no)))
        .subquery()
    )
    owners = (
        sa.select(
            owner.c.value_no,
            sa.func.min(owner.c.person).label("lowest"),
            sa.func.max(owner.c.person).label("highest"),
            sa.func.min(owner.c.record_no).label("partner"),
        )
        .group_by(owner.c.value_no)
        .subquery()
    )
    refusing = _refusing(transaction, records, people)
    return transaction.hold(
        "attached",
        sa.select(
            visit.c.record_no,
            sa.func.min(owners.c.lowest).label("person"),
            sa.func.min(rules.kind(visit.c.rank)).label("type"),
            sa.func.min(owners.c.partner).label("partner"),
        )
        .select_from(visit.join(owners, owners.c.value_no == visit.c.value_no))
        .where(visit.c.record_no.not_in(sa.select(known.c.record_no)))
        .group_by(visit.c.record_no)
        .having(
            sa.func.min(owners.c.lowest) == sa.func.max(owners.c.highest),
            sa.func.min(owners.c.lowest).not_in(sa.select(refusing.c.person)),
            visit.c.record_no.not_in(sa.select(refusing.c.person)),
        ),
    )


def _refusing(transaction: Transaction, records: sa.TableClause, people: sa.TableClause) -> sa.Subquery:
    """Select the people whose newest statement about profiling is a refusal; of equally new ones a refusal counts."""
    consent = transaction.table("consent")
    said = (
        sa.select(
            people.c.person,
            constructs.latest(
                sa.cast(consent.c.given, sa.Integer()),
                sa.func.coalesce(consent.c.at, sa.text("TIMESTAMPTZ '1970-01-01 00:00:00+00'")),
                sa.case((consent.c.given, 0), else_=1),
            ).label("given"),
        )
        .select_from(
            consent.join(records, records.c.record_id == consent.c.record_id).join(
                people, people.c.record_no == records.c.record_no
            )
        )
        .where(consent.c.purpose == PROFILING, consent.c.given.is_not(None))
        .group_by(people.c.person)
        .subquery()
    )
    return sa.select(said.c.person).where(said.c.given == 0).subquery()
