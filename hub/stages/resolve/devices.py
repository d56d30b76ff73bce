"""Devices: earlier anonymous visits join the person who made himself known on the same device (R3).

A device never merges two people: where known records of different people share one, its visits stay anonymous.
"""

from __future__ import annotations

import sqlalchemy as sa

from hub.stages.resolve import rules
from hub.stages.resolve.links import Links
from hub.warehouse import Transaction


def attach(transaction: Transaction, records: sa.TableClause, links: Links, roots: sa.TableClause) -> sa.TableClause:
    """Return (record_no, person_id, partner) for each anonymous record whose devices know exactly one person.

    Anonymous is a record without a name and without any identifier but devices; `partner` is the person's smallest
    record with such a device. `roots` gives (member, root) of records that strong identifiers tie together.
    """
    values = links.values
    device = transaction.hold(
        "device_value",
        sa.select(values.c.value, values.c.record_no).where(values.c.type == rules.WEAK, sa.not_(values.c.blocked)),
    )
    known = sa.union(
        sa.select(device.c.record_no)
        .join_from(device, values, values.c.record_no == device.c.record_no)
        .where(values.c.type != rules.WEAK),
        sa.select(device.c.record_no)
        .join_from(device, records, records.c.record_no == device.c.record_no)
        .where(records.c.named),
    ).subquery()
    holder, visit = device.alias("holder"), device.alias("visit")
    owner = (
        sa.select(
            holder.c.value,
            holder.c.record_no,
            sa.func.coalesce(roots.c.root, holder.c.record_no).label("person_id"),
        )
        .select_from(holder.outerjoin(roots, roots.c.member == holder.c.record_no))
        .where(holder.c.record_no.in_(sa.select(known.c.record_no)))
        .subquery()
    )
    people = (
        sa.select(
            owner.c.value,
            sa.func.min(owner.c.person_id).label("lowest"),
            sa.func.max(owner.c.person_id).label("highest"),
            sa.func.min(owner.c.record_no).label("partner"),
        )
        .group_by(owner.c.value)
        .subquery()
    )
    return transaction.hold(
        "attached",
        sa.select(
            visit.c.record_no,
            sa.func.min(people.c.lowest).label("person_id"),
            sa.func.min(people.c.partner).label("partner"),
        )
        .select_from(visit.join(people, people.c.value == visit.c.value))
        .where(visit.c.record_no.not_in(sa.select(known.c.record_no)))
        .group_by(visit.c.record_no)
        .having(sa.func.min(people.c.lowest) == sa.func.max(people.c.highest)),
    )
