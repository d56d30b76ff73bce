"""Memberships follow people: nobody enters a segment a second time because records turned out to be his (R26).

A membership goes with whoever entered the segment. When two people become one, the memberships of the one who is gone
pass to the other. When one is taken apart, each part keeps, or gets back, those that it had entered under a number of
its own, with the moment when that was.
"""

from __future__ import annotations

import sqlalchemy as sa

from hub.stages.resolve.aliases import Renamed
from hub.warehouse import Transaction


def move_memberships(transaction: Transaction, moved: sa.TableClause, renamed: Renamed) -> None:
    """Keep `membership` true after records moved: (record_no, before, after)."""
    membership = transaction.table("membership")
    held = transaction.hold(
        "held_membership",
        sa.select(membership.c.person_id, membership.c.segment, membership.c.since).where(
            membership.c.person_id.in_(sa.select(moved.c.before))
        ),
    )
    if not transaction.count(held):
        return
    target = transaction.hold("target_membership", _target(transaction, moved, renamed, held))
    stays = sa.and_(target.c.person_id == membership.c.person_id, target.c.segment == membership.c.segment)
    transaction.execute(
        sa.delete(membership).where(
            membership.c.person_id.in_(sa.select(held.c.person_id)),
            ~sa.exists(sa.select(target.c.since).where(stays)),
        )
    )
    fresh = sa.select(target).where(~sa.exists(sa.select(membership.c.since).where(stays)))
    transaction.execute(sa.insert(membership).from_select(["person_id", "segment", "since"], fresh))


def _target(
    transaction: Transaction, moved: sa.TableClause, renamed: Renamed, held: sa.TableClause
) -> sa.Select[tuple[object]]:
    """Select whose the held memberships are now, one row each per person and segment."""
    gone = renamed.gone
    entered = transaction.hold("entered_before", _entered(transaction, moved, renamed))
    known = sa.and_(entered.c.before == held.c.person_id, entered.c.segment == held.c.segment)
    theirs = sa.select(entered.c.owner.label("person_id"), held.c.segment, entered.c.since).join_from(
        held, entered, known
    )
    nobodys = (
        sa.select(sa.func.coalesce(gone.c.now_person_id, held.c.person_id), held.c.segment, held.c.since)
        .select_from(held.outerjoin(gone, gone.c.person_id == held.c.person_id))
        .where(~sa.exists(sa.select(entered.c.since).where(known)))
    )
    every = sa.union_all(theirs, nobodys).subquery("every")
    return sa.select(every.c.person_id, every.c.segment, sa.func.min(every.c.since).label("since")).group_by(
        every.c.person_id, every.c.segment
    )


def _entered(transaction: Transaction, moved: sa.TableClause, renamed: Renamed) -> sa.Select[tuple[object]]:
    """Select (before, owner, segment, since): who entered and was not seen to leave, as whom, and whose that is now.

    A person entered under his own number, or under one that led to him.
    """
    gone, led, transition = renamed.gone, renamed.led, transaction.table("transition")
    lost = sa.select(moved.c.before).distinct().subquery("lost")
    number = sa.union(
        sa.select(
            lost.c.before.label("number"),
            lost.c.before,
            sa.func.coalesce(gone.c.now_person_id, lost.c.before).label("owner"),
        ).select_from(lost.outerjoin(gone, gone.c.person_id == lost.c.before)),
        sa.select(led.c.person_id, led.c.before, led.c.now_person_id),
    ).subquery("number")
    place = sa.func.row_number().over(
        partition_by=[transition.c.person_id, transition.c.segment], order_by=transition.c.at.desc()
    )
    last = (
        sa.select(
            number.c.before,
            number.c.owner,
            transition.c.segment,
            transition.c.kind,
            transition.c.at.label("since"),
            place.label("place"),
        )
        .join_from(number, transition, transition.c.person_id == number.c.number)
        .subquery("last")
    )
    return sa.select(last.c.before, last.c.owner, last.c.segment, last.c.since).where(
        last.c.place == 1, last.c.kind == "entered"
    )
