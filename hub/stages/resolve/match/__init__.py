"""Match: find by probability who is one person, where no shared value says so (the extra `schakel[match]`).

It works on the people that the rules made, not on records: all that a person's records say speaks at once, and what
contradicts shows. Splink compares the pairs that blocking gives, in an in-memory DuckDB that is fed by Arrow, so that
it is the same on every engine. Above `join` two people are one; between `review` and `join` people decide. What
somebody decided by hand goes before all of it.

The model is trained once and kept. A run compares those who changed with those who meet them in a block, keeps the
pairs of the others, and drops those of people who changed or are gone; with one model that gives what comparing
everybody gives. Who is likely one hangs together: a pair is decided again when anybody that it hangs together with
has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.project.matching import MatchRules
from hub.stages.resolve.components import components
from hub.stages.resolve.match import kept
from hub.stages.resolve.match.decide import SEVERAL
from hub.stages.resolve.match.engine import Engine
from hub.stages.resolve.match.said import Told, never, tell
from hub.stages.resolve.match.train import Model
from hub.stages.resolve.verdicts import keep_apart
from hub.warehouse import Transaction
from hub.warehouse.constructs import in_order

KIND = "match"
"""What `linked_by` says of a record that came to its person by probability."""


@dataclass(frozen=True)
class Compared:
    """What comparing gave.

    `model`: the one that was kept, or trained now. `fresh`: (low, high, score, reason) of the likely pairs of which
    one has changed. `changed`: (record_no) of the people who were compared: their pairs of before hold no more.
    """

    model: Model
    fresh: sa.TableClause
    changed: sa.TableClause


@dataclass(frozen=True)
class Matched:
    """What became of it.

    `people`: (record_no, person) of every record, after joining.
    `pairs`: (low, high, score, joined, reason) of the likely pairs.
    `reasons`: (record_no, type, partner) for the records that tie the people who were joined.
    `candidates`: low_record, high_record, found_by, score, reason of pairs for the review queue.
    `counts`: pairs joined and to review, and the precision that the model expects of each, in percent.
    """

    people: sa.TableClause
    pairs: sa.TableClause
    reasons: sa.TableClause
    candidates: sa.Select[Any]
    counts: dict[str, int]


def compare(
    transaction: Transaction,
    rules: MatchRules,
    model: Model | None,
    people: Told,
    looked_at: sa.TableClause | None,
    as_of: datetime,
    room: Path,
) -> Compared:
    """Compare those who changed with those who meet them in a block.

    `looked_at` has the numbers of all records that `people` were made of, and of those that are gone; None: all
    records. Without a `model` one is trained, for which it must be None. `room` is the engine's own folder.
    """
    with Engine(rules, room) as engine:
        tell(transaction, engine, people, looked_at)
        common = engine.hear(model)
        if model is None:
            model = engine.train(common, kept.named_records(transaction), as_of)
            kept.keep_model(transaction, model, as_of)
        keys = transaction.load("match_key_fresh", engine.keys())
        if looked_at is None:
            changed = kept.keep_people(transaction, engine, keys, None)
            engine.count_crowds()
        else:
            changed = _with_others(transaction, engine, keys, looked_at, rules.limit)
        fresh = transaction.load("match_fresh", engine.score(model))
    return Compared(model, fresh, changed)


def _with_others(
    transaction: Transaction, engine: Engine, keys: sa.TableClause, near: sa.TableClause, limit: int
) -> sa.TableClause:
    """Keep those who changed, and let the others in whom they meet; hold (record_no) of all who are compared again.

    Those are also who stand in a block that turned into a crowd, or out of one.
    """
    touched = kept.blocks(transaction, keys, near, limit)
    changed = kept.keep_people(transaction, engine, keys, near)
    again = touched.turned(transaction)
    others = kept.meeting(transaction, keys, again, near, limit)
    engine.add(others, transaction.arrow(sa.select(again.c.record_no)).read_all())
    standing = transaction.load("match_standing", engine.standing())
    crowd = kept.crowds(transaction, "match_crowd", sa.select(standing.c.key), limit)
    engine.load("crowd", transaction.arrow(sa.select(crowd.c.key)).read_all())
    every = sa.union(sa.select(changed.c.record_no), sa.select(again.c.record_no))
    return transaction.hold("match_compared", every)


def match(transaction: Transaction, rules: MatchRules, compared: Compared, people: Told, room: Path) -> Matched:
    """Join people by probability. `people` must hold all that hangs together with the fresh pairs."""
    before = kept.scored(transaction, people.records, compared.changed)
    likely = transaction.hold("match_likely", sa.union_all(before, sa.select(*compared.fresh.c)))
    ends = sa.union(sa.select(likely.c.low), sa.select(likely.c.high))
    with Engine(rules, room) as engine:
        engine.recall(compared.model.common, kept.profiles(transaction, ends))
        scored, apart = (transaction.arrow(it).read_all() for it in (sa.select(*likely.c), never(people)))
        pairs = transaction.load("match_pair", engine.decide(compared.model, scored, apart))
    whose = _joined(transaction, pairs, people)
    kept.keep_links(transaction, pairs, people.records)
    reasons = _reasons(transaction, pairs)
    return Matched(whose, pairs, reasons, _candidates(transaction, pairs, people, whose), kept.counts(transaction))


def _joined(transaction: Transaction, pairs: sa.TableClause, people: Told) -> sa.TableClause:
    """Hold (record_no, person) after joining; a pair that would bring never-one people together joins no more."""
    whose = people.whose
    edges = transaction.hold("match_edge", sa.select(pairs.c.high, pairs.c.low).where(pairs.c.joined))
    if not transaction.count(edges):
        return whose
    roots = components(transaction, edges, "likely")
    person = sa.func.coalesce(roots.c.root, whose.c.person).label("person")
    parted = _parted(transaction, pairs, roots, people)
    among = whose.outerjoin(roots, roots.c.member == whose.c.person)
    if parted is not None:
        person = sa.func.coalesce(parted.c.person, roots.c.root, whose.c.person).label("person")
        among = among.outerjoin(parted, parted.c.record_no == whose.c.person)
    return transaction.hold("matching", sa.select(whose.c.record_no, person).select_from(among))


def _parted(
    transaction: Transaction, pairs: sa.TableClause, roots: sa.TableClause, people: Told
) -> sa.TableClause | None:
    """Part, among who would be one by probability, those of whom somebody decided that they are two.

    Returns (record_no, person) of the people parted, by the smallest number of each; None where there is nothing to do.
    """
    together = transaction.hold(
        "match_together",
        sa.union(
            sa.select(roots.c.member.label("record_no"), roots.c.root.label("person")),
            sa.select(roots.c.root, roots.c.root),
        ),
    )

    def steps(among: sa.TableClause) -> sa.CompoundSelect[Any]:
        those = sa.and_(pairs.c.joined, pairs.c.low.in_(sa.select(among.c.record_no)))
        there = sa.select(pairs.c.low.label("one"), pairs.c.high.label("other")).where(those)
        return sa.union_all(there, sa.select(pairs.c.high, pairs.c.low).where(those))

    parted = keep_apart(transaction, together, never(people), steps)
    if parted is None:
        return None
    one, other = parted.alias("one_parted"), parted.alias("other_parted")
    between = sa.exists(
        sa.select(one.c.person)
        .join_from(one, other, sa.and_(one.c.record_no == pairs.c.low, other.c.record_no == pairs.c.high))
        .where(one.c.person != other.c.person)
    )
    open_ = {"joined": sa.false(), "reason": sa.literal(SEVERAL) + pairs.c.reason}
    transaction.execute(sa.update(pairs).where(pairs.c.joined, between).values(open_))
    return parted


def _reasons(transaction: Transaction, pairs: sa.TableClause) -> sa.TableClause:
    """Hold (record_no, type, partner): by which pair each of those who were joined came."""
    ends = sa.union_all(
        sa.select(pairs.c.high.label("record_no"), pairs.c.low.label("partner"), pairs.c.score).where(pairs.c.joined),
        sa.select(pairs.c.low, pairs.c.high, pairs.c.score).where(pairs.c.joined),
    ).subquery()
    place = sa.func.row_number().over(partition_by=ends.c.record_no, order_by=[ends.c.score.desc(), ends.c.partner])
    best = sa.select(ends.c.record_no, ends.c.partner, place.label("place")).subquery()
    return transaction.hold(
        "match_reason",
        sa.select(best.c.record_no, sa.literal(KIND).label("type"), best.c.partner).where(best.c.place == 1),
    )


def _candidates(transaction: Transaction, pairs: sa.TableClause, people: Told, whose: sa.TableClause) -> sa.Select[Any]:
    """Select the pairs in the grey zone that are still two people, each once, by the smaller record id first."""
    low, high = whose.alias("low_person"), whose.alias("high_person")
    # in two steps: an engine that sees the inequality first would pair everybody with everybody
    open_ = transaction.hold(
        "match_open",
        sa.select(*pairs.c, low.c.person.label("low_person"), high.c.person.label("high_person"))
        .select_from(pairs.join(low, low.c.record_no == pairs.c.low).join(high, high.c.record_no == pairs.c.high))
        .where(sa.not_(pairs.c.joined)),
    )
    one, other = people.records.alias("one_record"), people.records.alias("other_record")
    low_record, high_record = in_order(one.c.record_id, other.c.record_id)
    return (
        sa.select(
            low_record.label("low_record"),
            high_record.label("high_record"),
            sa.literal(KIND).label("found_by"),
            sa.cast(open_.c.score, sa.Numeric(18, 4)).label("score"),
            open_.c.reason,
        )
        .select_from(open_.join(one, one.c.record_no == open_.c.low).join(other, other.c.record_no == open_.c.high))
        .where(open_.c.low_person != open_.c.high_person)
    )
