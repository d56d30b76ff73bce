"""Memberships follow people: nobody enters a segment a second time because records turned out to be his (R26).

When two people become one, the memberships of the one who is gone pass to the other. When one is taken apart, the
part that gets its number back gets back the memberships in which it never was seen to leave, since when they were.
"""

from __future__ import annotations

import sqlalchemy as sa

from hub.stages.resolve.aliases import Renamed
from hub.warehouse import Transaction


def move_memberships(transaction: Transaction, renamed: Renamed) -> None:
    """Keep `membership` true after numbers of people went out of use and came into use."""
    if transaction.count(renamed.gone):
        _pass_on(transaction, renamed.gone)
    if transaction.count(renamed.born):
        _give_back(transaction, renamed.born)


def _pass_on(transaction: Transaction, gone: sa.TableClause) -> None:
    """Give the memberships of people who are gone to those they became, where these are no members themselves."""
    membership = transaction.table("membership")
    passing = transaction.hold(
        "passing_membership",
        sa.select(gone.c.now_person_id.label("person_id"), membership.c.segment, membership.c.since).join_from(
            gone, membership, membership.c.person_id == gone.c.person_id
        ),
    )
    transaction.execute(sa.delete(membership).where(membership.c.person_id.in_(sa.select(gone.c.person_id))))
    present = sa.exists(sa.select(membership.c.since)).where(
        membership.c.person_id == passing.c.person_id, membership.c.segment == passing.c.segment
    )
    transaction.execute(
        sa.insert(membership).from_select(
            ["person_id", "segment", "since"],
            sa.select(passing.c.person_id, passing.c.segment, sa.func.min(passing.c.since))
            .where(~present)
            .group_by(passing.c.person_id, passing.c.segment),
        )
    )


def _give_back(transaction: Transaction, born: sa.TableClause) -> None:
    membership, alias = transaction.table("membership"), transaction.table("person_alias")
    own = _entered(transaction, sa.select(born.c.person_id, born.c.person_id.label("whose")), "own_membership")
    back = transaction.hold(
        "membership_back",
        sa.select(own.c.whose.label("person_id"), own.c.segment, own.c.since, born.c.of_person_id).join_from(
            own, born, born.c.person_id == own.c.whose
        ),
    )
    # Whoever they were taken out of keeps a membership that he, or another who became him, entered himself.
    left_behind = sa.select(back.c.of_person_id)
    himself = sa.select(back.c.of_person_id.label("person_id"), back.c.of_person_id.label("whose"))
    others = sa.select(alias.c.person_id, alias.c.now_person_id.label("whose")).where(
        alias.c.now_person_id.in_(left_behind)
    )
    kept = _entered(transaction, sa.union(himself, others), "kept_membership")
    taken = sa.exists(sa.select(back.c.since)).where(
        back.c.of_person_id == membership.c.person_id, back.c.segment == membership.c.segment
    )
    stays = sa.exists(sa.select(kept.c.since)).where(
        kept.c.whose == membership.c.person_id, kept.c.segment == membership.c.segment
    )
    transaction.execute(sa.delete(membership).where(taken, ~stays))
    present = sa.exists(sa.select(membership.c.since)).where(
        membership.c.person_id == back.c.person_id, membership.c.segment == back.c.segment
    )
    transaction.execute(
        sa.insert(membership).from_select(
            ["person_id", "segment", "since"],
            sa.select(back.c.person_id, back.c.segment, back.c.since).where(~present),
        )
    )


def _entered(
    transaction: Transaction, people: sa.Select[tuple[int, int]] | sa.CompoundSelect[tuple[int, int]], name: str
) -> sa.TableClause:
    """Hold (whose, segment, since) for the segments that `people` (person_id, whose) entered and never left."""
    transition, among = transaction.table("transition"), people.subquery("among")
    place = sa.func.row_number().over(
        partition_by=[transition.c.person_id, transition.c.segment], order_by=transition.c.at.desc()
    )
    last = (
        sa.select(
            among.c.whose,
            transition.c.segment,
            transition.c.kind,
            transition.c.at.label("since"),
            place.label("place"),
        )
        .join_from(among, transition, transition.c.person_id == among.c.person_id)
        .subquery("last")
    )
    return transaction.hold(
        name,
        sa.select(last.c.whose, last.c.segment, last.c.since).where(last.c.place == 1, last.c.kind == "entered"),
    )
