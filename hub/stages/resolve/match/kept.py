"""What is kept from run to run: the model, what was compared of each person, by what they were found, and the pairs.

With these a run compares those who changed, and reads of others only those who meet them in a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.project.matching import MatchRules
from hub.stages.resolve.match.decide import SEVERAL
from hub.stages.resolve.match.engine import Engine, recipe
from hub.stages.resolve.match.train import Model
from hub.warehouse import Transaction
from hub.warehouse.state import remember, seen

if TYPE_CHECKING:
    import pyarrow as pa

MODEL = "match_model"
"""The state under which the trained model is kept; its moment is when it was trained."""
TABLES = ("match_link", "match_profile", "match_key")


def kept_model(transaction: Transaction, rules: MatchRules) -> Model | None:
    """Give the model that is kept; None where it must be trained: none is there, its recipe or the people changed."""
    kept = seen(transaction, MODEL)
    if kept is None:
        return None
    model = Model.from_json(kept)
    grown = abs(named_records(transaction) - model.records)
    return model if model.made_for == recipe(rules) and grown <= rules.retrain * max(model.records, 1) else None


def keep_model(transaction: Transaction, model: Model, as_of: datetime) -> None:
    """Keep a model that was trained now."""
    remember(transaction, MODEL, model.to_json(), as_of)


def named_records(transaction: Transaction) -> int:
    """Count the records that tell a name: the measure of how the people have grown."""
    record = transaction.table("source_record")
    names = (record.c.given_name, record.c.initials, record.c.surname, record.c.partner_surname)
    return transaction.count(record, sa.or_(*(name != "" for name in names)))


def forget(transaction: Transaction) -> None:
    """Drop all of it, for a project that matches no more."""
    if seen(transaction, MODEL) is not None:
        state = transaction.table("stage_state")
        transaction.execute(sa.delete(state).where(state.c.stage == MODEL))
        for name in TABLES:
            transaction.execute(sa.delete(transaction.table(name)))


def profiles(transaction: Transaction, numbers: sa.Select[Any] | sa.CompoundSelect[Any]) -> pa.Table:
    """Give (person, said) of some people, by their numbers, as they were last compared."""
    profile = transaction.table("match_profile")
    told = sa.select(profile.c.record_no.label("person"), profile.c.said).where(profile.c.record_no.in_(numbers))
    return transaction.arrow(told).read_all()


@dataclass(frozen=True)
class Blocks:
    """Which blocks news touches: `touched` (key), those that somebody comes into, or leaves; and the `before` of them.

    `before`: (key) of those that were a crowd, of more than `limit` people.
    """

    touched: sa.TableClause
    before: sa.TableClause
    limit: int

    def turned(self, transaction: Transaction) -> sa.TableClause:
        """Hold (record_no) of all who stand in a block that became a crowd just now, or is none any more."""
        key = transaction.table("match_key")
        now = crowds(transaction, "match_crowd_now", sa.select(self.touched.c.key), self.limit)
        here, there = sa.select(now.c.key), sa.select(self.before.c.key)
        other = sa.union(sa.except_(here, there), sa.except_(there, here)).subquery()
        turned = transaction.hold("match_turned", sa.select(other.c.key))
        standing = sa.select(key.c.record_no).where(key.c.key.in_(sa.select(turned.c.key))).distinct()
        return transaction.hold("match_again", standing)


def blocks(transaction: Transaction, keys: sa.TableClause, near: sa.TableClause, limit: int) -> Blocks:
    """Note which blocks those who changed come into (`keys`) or may leave, being `near`; before it is kept."""
    key = transaction.table("match_key")
    theirs = sa.select(key.c.key).where(key.c.record_no.in_(sa.select(near.c.record_no)))
    touched = transaction.hold("match_touched", sa.union(sa.select(keys.c.key), theirs))
    return Blocks(touched, crowds(transaction, "match_crowd_before", sa.select(touched.c.key), limit), limit)


def crowds(transaction: Transaction, name: str, keys: sa.Select[Any], limit: int) -> sa.TableClause:
    """Hold (key) of the blocks, of some, in which more people stand than the limit allows."""
    key = transaction.table("match_key")
    many = sa.select(key.c.key).where(key.c.key.in_(keys)).group_by(key.c.key).having(sa.func.count() > limit)
    return transaction.hold(name, many)


def meeting(
    transaction: Transaction, keys: sa.TableClause, again: sa.TableClause, near: sa.TableClause, limit: int
) -> pa.Table:
    """Give (person, said) of those who are not near and meet in a block who changed, or is to be compared `again`.

    `keys` are those of who changed; crowds meet nobody.
    """
    key = transaction.table("match_key")
    theirs = sa.select(key.c.key).where(key.c.record_no.in_(sa.select(again.c.record_no)))
    asked = transaction.hold("match_asked", sa.union(sa.select(keys.c.key), theirs))
    crowd = crowds(transaction, "match_crowd_asked", sa.select(asked.c.key), limit)
    found = transaction.hold(
        "match_meeting",
        sa.union(
            sa.select(again.c.record_no),
            sa.select(key.c.record_no).where(
                key.c.key.in_(sa.select(asked.c.key)), key.c.key.not_in(sa.select(crowd.c.key))
            ),
        ),
    )
    beyond = sa.select(found.c.record_no).where(found.c.record_no.not_in(sa.select(near.c.record_no)))
    return profiles(transaction, beyond)


def keep_people(
    transaction: Transaction, engine: Engine, keys: sa.TableClause, looked_at: sa.TableClause | None
) -> sa.TableClause:
    """Keep what is compared of those who changed, and drop those who are there no more; hold (record_no) of the first.

    `looked_at` has the numbers of all records that were looked at; None: all. `keys` are those of who changed.
    """
    there = transaction.load("match_there", engine.there())
    fresh = transaction.load("match_fresh_profile", engine.profiles())
    stays = sa.select(there.c.record_no).where(sa.not_(there.c.changed))
    for name, rows in (("match_profile", fresh), ("match_key", keys)):
        table = transaction.table(name)
        near = [] if looked_at is None else [table.c.record_no.in_(sa.select(looked_at.c.record_no))]
        transaction.execute(sa.delete(table).where(*near, table.c.record_no.not_in(stays)))
        columns = [column.name for column in rows.c]
        transaction.execute(sa.insert(table).from_select(columns, sa.select(*rows.c)))
    return transaction.hold("match_changed", sa.select(there.c.record_no).where(there.c.changed))


def keep_links(transaction: Transaction, pairs: sa.TableClause, records: sa.TableClause) -> None:
    """Make the pairs of some records (record_id, record_no) exactly these, by number; write only what differs."""
    one, other = records.alias("one"), records.alias("other")
    wanted = transaction.hold(
        "match_link_next",
        sa.select(
            one.c.record_id.label("low_record"),
            other.c.record_id.label("high_record"),
            sa.cast(pairs.c.score, sa.Numeric(18, 4)).label("score"),
            pairs.c.joined,
            pairs.c.reason,
        ).select_from(pairs.join(one, one.c.record_no == pairs.c.low).join(other, other.c.record_no == pairs.c.high)),
    )
    stored, record = transaction.table("match_link"), transaction.table("source_record")
    columns = [column.name for column in wanted.c]
    fresh = transaction.hold("match_link_fresh", sa.except_(sa.select(*wanted.c), sa.select(*stored.c)))
    ends = (stored.c.low_record, stored.c.high_record)
    near = [it.in_(sa.select(records.c.record_id)) for it in ends]
    gone = [it.not_in(sa.select(record.c.record_id)) for it in ends]
    same = sa.and_(*(stored.c[name] == wanted.c[name] for name in columns))
    stays = sa.exists(sa.select(wanted.c.low_record).where(same))
    transaction.execute(sa.delete(stored).where(sa.or_(*near, *gone), sa.not_(stays)))
    transaction.execute(sa.insert(stored).from_select(columns, sa.select(*fresh.c)))


def scored(transaction: Transaction, records: sa.TableClause, changed: sa.TableClause) -> sa.Select[Any]:
    """Select (low, high, score, reason), by number, of the pairs that were scored before and still hold.

    Both are among the `records` (record_id, record_no), still stand for somebody, and none of them has `changed`.
    """
    profile = transaction.table("match_profile")
    holds = sa.select(profile.c.record_no).where(profile.c.record_no.not_in(sa.select(changed.c.record_no)))
    link, one, other = transaction.table("match_link"), records.alias("one"), records.alias("other")
    reason = sa.func.replace(link.c.reason, SEVERAL, "", type_=sa.Text())
    return (
        sa.select(
            one.c.record_no.label("low"),
            other.c.record_no.label("high"),
            sa.cast(link.c.score, sa.Double()).label("score"),
            reason.label("reason"),
        )
        .select_from(
            link.join(one, one.c.record_id == link.c.low_record).join(other, other.c.record_id == link.c.high_record)
        )
        .where(one.c.record_no.in_(holds), other.c.record_no.in_(holds))
    )


def counts(transaction: Transaction) -> dict[str, int]:
    """Count the pairs, with the precision that the model expects: the mean of their probabilities, in percent."""
    link = transaction.table("match_link")
    found: dict[str, int] = {}
    for name, expected, joined in (
        ("matched_pairs", "matched_expected_precision", link.c.joined),
        ("pairs_to_review", "review_expected_precision", sa.not_(link.c.joined)),
    ):
        (number, mean) = transaction.rows(sa.select(sa.func.count(), sa.func.avg(link.c.score)).where(joined))[0]
        found |= {name: int(number), expected: round(100 * float(mean or 0))}
    return found
