"""Match: find by probability who is one person, where no shared value says so (the extra `schakel[match]`).

It works on the people that the rules made, not on records: all that a person's records say speaks at once, and what
contradicts shows. Splink compares the pairs that blocking gives, in an in-memory DuckDB that is fed by Arrow, so that
it is the same on every engine. Above `join` two people are one; between `review` and `join` people decide. What
somebody decided by hand goes before all of it.

The model is trained once and kept; a pair is scored again only when one of the two people has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.project.matching import MatchRules
from hub.stages.resolve.components import components
from hub.stages.resolve.match.engine import Engine
from hub.stages.resolve.match.said import Told, tell
from hub.stages.resolve.match.train import Model
from hub.warehouse import Transaction
from hub.warehouse.state import remember, seen

KIND = "match"
"""What `linked_by` says of a record that came to its person by probability."""
MODEL = "match_model"
"""The state under which the trained model is kept."""


@dataclass(frozen=True)
class Matched:
    """What became of it.

    `people`: (record_no, person) of every record, after joining.
    `reasons`: (record_no, type, partner) for the records that tie the people who were joined.
    `candidates`: low_record, high_record, found_by, score, reason of pairs for the review queue.
    `counts`: pairs joined and to review, and the precision that the model expects of each, in percent.
    """

    people: sa.TableClause
    reasons: sa.TableClause
    candidates: sa.Select[Any]
    counts: dict[str, int]


def match(transaction: Transaction, rules: MatchRules, people: Told, as_of: datetime) -> Matched:
    """Join people by probability; the same data and model always give the same answer."""
    kept = seen(transaction, MODEL)
    with Engine(rules) as engine:
        tell(transaction, engine, people)
        model = engine.prepare(Model.from_json(kept) if kept else None)
        if model.to_json() != kept:
            remember(transaction, MODEL, model.to_json(), as_of)
        pairs = transaction.load("match_pair", engine.pairs(model))
        _keep(transaction, "match_profile", transaction.load("match_mark", engine.marks()), ("record_no", "mark"))
        counts = engine.counts()
    _keep(transaction, "match_link", _links(transaction, pairs, people), LINK)
    return _joined(transaction, pairs, people, counts)


def forget(transaction: Transaction) -> None:
    """Drop what was kept, for a project that matches no more."""
    if seen(transaction, MODEL) is not None:
        state = transaction.table("stage_state")
        transaction.execute(sa.delete(state).where(state.c.stage == MODEL))
        for name in ("match_link", "match_profile"):
            transaction.execute(sa.delete(transaction.table(name)))


LINK = ("low_record", "high_record", "score", "joined", "reason")


def _links(transaction: Transaction, pairs: sa.TableClause, people: Told) -> sa.TableClause:
    """Hold the pairs by their records' ids."""
    one, other = people.records.alias("one"), people.records.alias("other")
    return transaction.hold(
        "match_link_next",
        sa.select(
            one.c.record_id.label("low_record"),
            other.c.record_id.label("high_record"),
            sa.cast(pairs.c.score, sa.Numeric(18, 4)).label("score"),
            pairs.c.joined,
            pairs.c.reason,
        ).select_from(pairs.join(one, one.c.record_no == pairs.c.low).join(other, other.c.record_no == pairs.c.high)),
    )


def _keep(transaction: Transaction, name: str, rows: sa.TableClause, columns: tuple[str, ...]) -> None:
    """Make a stored table hold exactly these rows, writing only what differs."""
    table = transaction.table(name)
    key = table.info["key"]
    stored, wanted = sa.select(*(table.c[it] for it in columns)), sa.select(*(rows.c[it] for it in columns))
    fresh = transaction.hold(f"{name}_fresh", sa.except_(wanted, stored))
    there = sa.exists(sa.select(rows.c[key[0]]).where(*(rows.c[it] == table.c[it] for it in key)))
    changed = sa.exists(sa.select(fresh.c[key[0]]).where(*(fresh.c[it] == table.c[it] for it in key)))
    transaction.execute(sa.delete(table).where(sa.or_(sa.not_(there), changed)))
    transaction.execute(sa.insert(table).from_select(list(columns), sa.select(*(fresh.c[it] for it in columns))))


def _joined(transaction: Transaction, pairs: sa.TableClause, people: Told, counts: dict[str, int]) -> Matched:
    """Put the joined people together, and tell by which pair each of them came."""
    edges = transaction.hold("match_edge", sa.select(pairs.c.high, pairs.c.low).where(pairs.c.joined))
    whose = people.whose
    if transaction.count(edges):
        roots = components(transaction, edges, "likely")
        whose = transaction.hold(
            "matching",
            sa.select(whose.c.record_no, sa.func.coalesce(roots.c.root, whose.c.person).label("person")).select_from(
                whose.outerjoin(roots, roots.c.member == whose.c.person)
            ),
        )
    ends = sa.union_all(
        sa.select(pairs.c.high.label("record_no"), pairs.c.low.label("partner"), pairs.c.score).where(pairs.c.joined),
        sa.select(pairs.c.low, pairs.c.high, pairs.c.score).where(pairs.c.joined),
    ).subquery()
    place = sa.func.row_number().over(partition_by=ends.c.record_no, order_by=[ends.c.score.desc(), ends.c.partner])
    best = sa.select(ends.c.record_no, ends.c.partner, place.label("place")).subquery()
    reasons = transaction.hold(
        "match_reason",
        sa.select(best.c.record_no, sa.literal(KIND).label("type"), best.c.partner).where(best.c.place == 1),
    )
    return Matched(whose, reasons, _candidates(transaction, pairs, people, whose), counts)


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
    ids = (one.c.record_id, other.c.record_id)
    return (
        sa.select(
            sa.func.least(*ids).label("low_record"),
            sa.func.greatest(*ids).label("high_record"),
            sa.literal(KIND).label("found_by"),
            sa.cast(open_.c.score, sa.Numeric(18, 4)).label("score"),
            open_.c.reason,
        )
        .select_from(open_.join(one, one.c.record_no == open_.c.low).join(other, other.c.record_no == open_.c.high))
        .where(open_.c.low_person != open_.c.high_person)
    )
