"""Verdicts: what people decided by hand. Two records are always one person, or never are, whatever they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """Part those who are never one person, by the values that they share (see `keep_apart`).

    `people` gives (record_no, person). Returns (record_no, person) and (record_no, type, partner) of all records of the
    people parted, or None where there was nothing to part.
    """
    if not transaction.count(verdicts, sa.not_(verdicts.c.same)):
        return None
    never = sa.select(verdicts.c.low, verdicts.c.high).where(sa.not_(verdicts.c.same))
    parted = keep_apart(transaction, people, never, lambda among: _steps(transaction, links, among, rules))
    if parted is None:
        return None
    return parted, own_reasons(transaction, "parted_reason", holdings(transaction, links, rules, parted), parted, rules)


def keep_apart(
    transaction: Transaction,
    people: sa.TableClause,
    never: sa.Select[Any],
    steps: Callable[[sa.TableClause], sa.Select[Any] | sa.CompoundSelect[Any]],
) -> sa.TableClause | None:
    """Part who are never one person: each member goes to the nearer of the two, a tie to the smaller one.

    `people` gives (record_no, person), `never` (low, high) by record number, and `steps` (one, other), both ways, of
    who hangs together among some (record_no, person). Where several pairs lie in one person, the first is parted first,
    and the others in what is left. Returns (record_no, person) of all members of the people parted; None where there
    was nothing to part.
    """
    parted: sa.TableClause | None = None
    whose = people
    rounds = 0
    while True:
        pairs = _within(transaction, whose, never)
        if not transaction.count(pairs):
            return parted
        rounds += 1
        members = transaction.hold(
            f"parting_{rounds % 2}",
            sa.select(whose.c.record_no, whose.c.person).join_from(whose, pairs, pairs.c.person == whose.c.person),
        )
        halves = _halves(transaction, steps(members), members, pairs)
        parted = _renewed(transaction, halves if parted is None else parted, halves, rounds)
        whose = parted


def _within(transaction: Transaction, people: sa.TableClause, never: sa.Select[Any]) -> sa.TableClause:
    """Hold (person, low, high): of each person the first pair that never is one person."""
    # in two steps: an engine that saw all at once might pair everybody of a person with everybody
    pairs = never.subquery()
    low = transaction.hold(
        "never_low",
        sa.select(people.c.person, pairs.c.low, pairs.c.high).join_from(
            pairs, people, people.c.record_no == pairs.c.low
        ),
    )
    place = sa.func.row_number().over(partition_by=low.c.person, order_by=[low.c.low, low.c.high])
    inside = (
        sa.select(*low.c, place.label("place"))
        .join_from(low, people, sa.and_(people.c.record_no == low.c.high, people.c.person == low.c.person))
        .subquery()
    )
    return transaction.hold(
        "never_pair", sa.select(inside.c.person, inside.c.low, inside.c.high).where(inside.c.place == 1)
    )


def _steps(transaction: Transaction, links: Links, members: sa.TableClause, rules: Rules) -> sa.CompoundSelect[Any]:
    """Select (one, other), both ways: records of one person with the smallest that shares a value with them."""
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
    return sa.union_all(there, back)


def _halves(
    transaction: Transaction,
    steps: sa.Select[Any] | sa.CompoundSelect[Any],
    members: sa.TableClause,
    pairs: sa.TableClause,
) -> sa.TableClause:
    """Hold (record_no, person) of the members: each with the end of its pair that is nearer."""
    import pyarrow as pa

    from hub.warehouse.arrow import numbers

    ends = [end for pair in transaction.rows(sa.select(pairs.c.low, pairs.c.high)) for end in pair]
    nearest = _nearest(ends, transaction.arrow(steps).read_all())
    reached = transaction.load(
        "reached", pa.table({"record_no": numbers([*nearest]), "end": numbers([*nearest.values()])})
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


def _nearest(ends: Sequence[int], steps: pa.Table) -> dict[int, int]:
    """Walk from all ends at once, and say for each record which end reaches it first; the smaller one, at a tie.

    Not by the engine: that would take a statement for each step, and a chain of 100,000 records has half as many.
    """
    beside: dict[int, list[int]] = {}
    for one, other in zip(*(column.to_pylist() for column in steps.columns), strict=True):
        beside.setdefault(one, []).append(other)
    reached = {end: end for end in ends}
    front = reached
    while front:
        further: dict[int, int] = {}
        for number, end in front.items():
            for other in beside.get(number, ()):
                if other not in reached:
                    further[other] = min(end, further.get(other, end))
        reached |= further
        front = further
    return reached


def _renewed(transaction: Transaction, parted: sa.TableClause, halves: sa.TableClause, rounds: int) -> sa.TableClause:
    """Hold (record_no, person) of all people parted so far."""
    news = halves.alias("news")
    query: sa.Select[Any] = sa.select(
        parted.c.record_no, sa.func.coalesce(news.c.person, parted.c.person).label("person")
    ).select_from(parted.outerjoin(news, news.c.record_no == parted.c.record_no))
    return transaction.hold(f"parted_{rounds % 2}", query)
