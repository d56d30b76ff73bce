"""Refusals outlive a merge: when people become one, the strictest consent holds until the person is asked again.

Between statements of one person the newest counts. But where one person refused and another agreed later, and both
turn out to be one, nobody ever took the refusal back: so it is stated again, by the hub, at the moment of the merge.
From then on the newest statement counts as ever: a yes that is given after the merge lifts it. The statement belongs
to the record of the refusal that it repeats, so that a split takes it along, and the other part has its consent back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.law import Terms
from hub.ledger import EVERY_CHANNEL
from hub.warehouse import Transaction

CONNECTION = "hub"
"""The hub's own name, as the system that a statement comes from."""

TEXT = "refused before the merge with a person who had agreed"


def keep_refusals(transaction: Transaction, terms: Terms, moved: sa.TableClause, as_of: datetime) -> int:
    """State refusals again that a merge would overrule; return how many.

    `moved` has record_no, before and after of the records that changed person.
    """
    record, stored = transaction.table("source_record"), transaction.table("consent")
    sides = transaction.hold(
        "merge_side",
        sa.select(
            record.c.record_id,
            sa.func.coalesce(moved.c.before, record.c.person_id).label("person_id"),
            record.c.person_id.label("now_person_id"),
        )
        .select_from(record.outerjoin(moved, moved.c.record_no == record.c.record_no))
        .where(record.c.person_id.in_(sa.select(moved.c.after))),
    )
    several = (
        sa.select(sides.c.now_person_id.label("person_id"))
        .group_by(sides.c.now_person_id)
        .having(sa.func.min(sides.c.person_id) != sa.func.max(sides.c.person_id))
    )
    merged = transaction.hold("merged_person", several)
    if not transaction.count(merged):
        return 0
    purposes = transaction.rows(
        sa.select(stored.c.purpose)
        .join(sides, sides.c.record_id == stored.c.record_id)
        .where(stored.c.purpose.is_not(None))
        .distinct()
        .order_by(stored.c.purpose)
    )
    return sum(_keep(transaction, terms, sides, merged, str(row.purpose), as_of) for row in purposes)


def _keep(
    transaction: Transaction,
    terms: Terms,
    sides: sa.TableClause,
    merged: sa.TableClause,
    purpose: str,
    as_of: datetime,
) -> int:
    def stated(people: sa.TableClause, records: sa.TableClause | None = None) -> sa.Select[Any]:
        return consent.in_effect(transaction, terms, people, purpose, as_of, records, soft_opt_in=True)

    before = transaction.hold("consent_before", stated(sides, sides))
    after = transaction.hold("consent_after", stated(merged))
    stored = transaction.table("consent")
    moment = sa.literal(as_of, sa.DateTime(timezone=True))
    place = sa.func.row_number().over(
        partition_by=[sides.c.now_person_id, before.c.channel],
        order_by=[before.c.at.desc(), stored.c.connection, stored.c.source_key],
    )
    overruled = (
        sa.select(
            sides.c.record_id,
            before.c.channel,
            (stored.c.connection + ":" + stored.c.source_key).label("refusal"),
            place.label("place"),
        )
        .select_from(before)
        .join(sides, sides.c.person_id == before.c.person_id)
        .join(after, sa.and_(after.c.person_id == sides.c.now_person_id, after.c.channel == before.c.channel))
        .join(
            stored,
            sa.and_(
                stored.c.record_id == sides.c.record_id,
                sa.or_(stored.c.channel == before.c.channel, stored.c.channel == EVERY_CHANNEL),
            ),
        )
        .where(
            sa.not_(before.c.given),
            after.c.given,
            stored.c.purpose == purpose,
            sa.not_(sa.func.coalesce(stored.c.given, sa.false())),
            sa.func.coalesce(stored.c.at, stored.c.source_time, moment) == before.c.at,
        )
        .subquery("overruled")
    )
    kept = transaction.hold("kept_refusal", sa.select(overruled).where(overruled.c.place == 1))
    number = transaction.count(kept)
    if number:
        key = sa.literal(f"merged:{as_of:%Y%m%dT%H%M%S}:{purpose}:") + kept.c.channel + ":" + kept.c.record_id
        row: dict[str, sa.ColumnElement[Any]] = {
            "connection": sa.literal(CONNECTION),
            "source_key": key,
            "source_time": moment,
            "record_id": kept.c.record_id,
            "channel": kept.c.channel,
            "purpose": sa.literal(purpose),
            "given": sa.false(),
            "at": moment,
            "text": sa.literal(TEXT),
            "basis": sa.literal("consent"),
            "evidence": sa.literal("consent ") + kept.c.refusal,
        }
        transaction.execute(sa.insert(stored).from_select(list(row), sa.select(*row.values())))
    return number
