"""Verdicts: what people decided by hand. Two records are always one person, or never are, whatever they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.stages.resolve.links import Links, holdings, own_reasons
from hub.stages.resolve.rules import Rules
from hub.warehouse import Transaction

if TYPE_CHECKING:
    import pyarrow as pa


def find_verdicts(transaction: Transaction, records: sa.TableClause, verdicts: pa.Table) -> sa.TableClause:
    """Hold (low, high, same) by record number, `low < high`, for the verdicts on two records that are there.

    `verdicts` has low and high (record ids) and same.
    """
    if not verdicts.num_rows:  # the usual case: nobody need be looked for among all records
        return transaction.load("verdict_no", _none())
    given = transaction.load("verdict", verdicts)
    one, other = records.alias("one"), records.alias("other")
    numbers = (one.c.record_no, other.c.record_no)
    return transaction.hold(
        "verdict_no",
        sa.select(sa.func.least(*numbers).label("low"), sa.func.greatest(*numbers).label("high"), given.c.same)
        .select_from(given.join(one, one.c.record_id == given.c.low).join(other, other.c.record_id == given.c.high))
        .distinct(),
    )


def _none() -> pa.Table:
    import pyarrow as pa

    schema = pa.schema([("low", pa.int64()), ("high", pa.int64()), ("same", pa.bool_())])
    return pa.Table.from_batches([], schema)  # `empty_table` would import pandas


def part(
    transaction: Transaction, links: Links, people: sa.TableClause, verdicts: sa.TableClause, rules: Rules
) -> tuple[sa.TableClause, sa.TableClause] | None:
    """Part those who are never one person: each record goes to the nearer of the two, a tie to the smaller one.

    `people` gives (record_no, person). Near is counted in values shared. Where several pairs lie in one person, the
    first is parted first, and the others in what is left. Returns (record_no, person) and (record_no, type, partner)
    of all records of the people parted, or None where there was nothing to part.
    """
    parted: sa.TableClause | None = None
    whose = people
    rounds = 0
    while True:
        pairs = _within(transaction, whose, verdicts)
        if not transaction.count(pairs):
            break
        rounds += 1
        members = transaction.hold(
            f"parting_{rounds % 2}",
            sa.select(whose.c.record_no, whose.c.person).join_from(whose, pairs, pairs.c.person == whose.c.person),
        )
        halves = _halves(transaction, _steps(transaction, links, members, rules), members, pairs)
        parted = _renewed(transaction, halves if parted is None else parted, halves, rounds)
        whose = parted
    if parted is None:
        return None
    return parted, own_reasons(transaction, "parted_reason", holdings(transaction, links, rules, parted), parted, rules)


def _within(transaction: Transaction, people: sa.TableClause, verdicts: sa.TableClause) -> sa.TableClause:
    """Hold (person, low, high): of each person the first pair that never is one person."""
    one, other = people.alias("one"), people.alias("other")
    place = sa.func.row_number().over(partition_by=one.c.person, order_by=[verdicts.c.low, verdicts.c.high])
    inside = (
        sa.select(one.c.person, verdicts.c.low, verdicts.c.high, place.label("place"))
        .select_from(
            verdicts.join(one, one.c.record_no == verdicts.c.low).join(other, other.c.record_no == verdicts.c.high)
        )
        .where(sa.not_(verdicts.c.same), one.c.person == other.c.person)
        .subquery()
    )
    return transaction.hold(
        "never_pair", sa.select(inside.c.person, inside.c.low, inside.c.high).where(inside.c.place == 1)
    )


def _steps(transaction: Transaction, links: Links, members: sa.TableClause, rules: Rules) -> sa.TableClause:
    """Hold (one, other), both ways: records of one person with the smallest that shares a value with them."""
    held = holdings(transaction, links, rules, members)
    hub = sa.func.min(held.c.record_no).over(partition_by=[members.c.person, held.c.value_no])
    stars = (
        sa.select(held.c.record_no, hub.label("hub"))
        .join_from(held, members, members.c.record_no == held.c.record_no)
        .subquery()
    )
    apart = stars.c.record_no != stars.c.hub
    there = sa.select(stars.c.record_no.label("one"), stars.c.hub.label("other")).where(apart)
    back = sa.select(stars.c.hub, stars.c.record_no).where(apart)
    return transaction.hold("step", sa.union(there, back))


def _halves(
    transaction: Transaction, steps: sa.TableClause, members: sa.TableClause, pairs: sa.TableClause
) -> sa.TableClause:
    """Hold (record_no, person) of the members, walking from both ends of each pair at once."""
    reached = transaction.hold(
        "reached_0",
        sa.union_all(
            sa.select(pairs.c.low.label("record_no"), pairs.c.low.label("end")),
            sa.select(pairs.c.high, pairs.c.high),
        ),
    )
    front, count = reached, 0
    while True:
        count += 1
        front = transaction.hold(
            f"front_{count % 2}",
            sa.select(steps.c.other.label("record_no"), sa.func.min(front.c.end).label("end"))
            .join_from(steps, front, front.c.record_no == steps.c.one)
            .where(steps.c.other.not_in(sa.select(reached.c.record_no)))
            .group_by(steps.c.other),
        )
        if not transaction.count(front):
            break
        reached = transaction.hold(
            f"reached_{count % 2 + 1}",
            sa.union_all(sa.select(reached.c.record_no, reached.c.end), sa.select(front.c.record_no, front.c.end)),
        )
    low = sa.func.coalesce(reached.c.end, pairs.c.low)
    smallest = sa.func.min(members.c.record_no).over(partition_by=[members.c.person, low])
    return transaction.hold(
        "half",
        sa.select(members.c.record_no, smallest.label("person")).select_from(
            members.join(pairs, pairs.c.person == members.c.person).outerjoin(
                reached, reached.c.record_no == members.c.record_no
            )
        ),
    )


def _renewed(transaction: Transaction, parted: sa.TableClause, halves: sa.TableClause, rounds: int) -> sa.TableClause:
    """Hold (record_no, person) of all people parted so far."""
    news = halves.alias("news")
    query: sa.Select[Any] = sa.select(
        parted.c.record_no, sa.func.coalesce(news.c.person, parted.c.person).label("person")
    ).select_from(parted.outerjoin(news, news.c.record_no == parted.c.record_no))
    return transaction.hold(f"parted_{rounds % 2}", query)
