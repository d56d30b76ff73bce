"""Records: their numbers, given once, and what is written on them of whose they are."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.warehouse import Transaction
from hub.warehouse.changes import Changes
from hub.warehouse.state import remember, seen

NUMBERS = "record_no"
"""The state that keeps the highest record number ever given: numbers of records that are gone never return."""


def new_numbers(transaction: Transaction, as_of: datetime) -> sa.TableClause:
    """Hold (record_id, number) of the records that have none: they go on counting, in the order of their ids."""
    record = transaction.table("source_record")
    last = int(seen(transaction, NUMBERS) or 0)
    place = sa.func.row_number().over(order_by=record.c.record_id)
    fresh = sa.select(record.c.record_id, (place + last).label("number")).where(record.c.record_no.is_(None))
    numbers = transaction.hold("new_number", fresh)
    added = transaction.count(numbers)
    if added:
        remember(transaction, NUMBERS, str(last + added), as_of)
    return numbers


def numbered(
    transaction: Transaction, numbers: sa.TableClause, among: sa.TableClause | None = None, name: str = "numbered"
) -> sa.TableClause:
    """Hold every record with its number, or those `among` some (record_no), and whose it was until now."""
    record = transaction.table("source_record")
    number = sa.func.coalesce(record.c.record_no, numbers.c.number)
    every = sa.select(
        record.c.record_id,
        number.label("record_no"),
        record.c.record_no.is_(None).label("fresh"),
        record.c.person_id,
        record.c.linked_by,
        record.c.linked_to,
    ).select_from(record.outerjoin(numbers, numbers.c.record_id == record.c.record_id))
    if among is not None:
        every = every.where(number.in_(sa.select(among.c.record_no)))
    return transaction.hold(name, every)


def assign(
    transaction: Transaction, records: sa.TableClause, people: sa.TableClause, changes: Changes
) -> tuple[int, sa.TableClause]:
    """Write number, person and reason where they differ; return how many records are new, and which ones moved.

    Who gains or loses a record by that is noted among the changes.
    """
    partner = records.alias("partner_record")
    differs = sa.or_(
        records.c.fresh,
        records.c.person_id.is_distinct_from(people.c.person_id),
        records.c.linked_by.is_distinct_from(people.c.linked_by),
        records.c.linked_to.is_distinct_from(partner.c.record_id),
    )
    news = transaction.hold(
        "record_news",
        sa.select(
            records.c.record_id,
            people.c.record_no,
            people.c.person_id,
            people.c.linked_by,
            partner.c.record_id.label("linked_to"),
            records.c.fresh,
            records.c.person_id.label("before"),
        )
        .select_from(
            records.join(people, people.c.record_no == records.c.record_no).outerjoin(
                partner, partner.c.record_no == people.c.partner
            )
        )
        .where(differs),
    )
    for whose in (news.c.person_id, news.c.before):
        changes.people(sa.select(whose).where(whose.is_not(None), news.c.person_id.is_distinct_from(news.c.before)))
    record = transaction.table("source_record")
    transaction.execute(
        sa.update(record)
        .values({name: news.c[name] for name in ("record_no", "person_id", "linked_by", "linked_to")})
        .where(record.c.record_id == news.c.record_id)
    )
    moved = transaction.hold(
        "moved_record",
        sa.select(news.c.record_no, news.c.before, news.c.person_id.label("after")).where(
            news.c.before.is_not(None), news.c.before != news.c.person_id
        ),
    )
    return transaction.count(news, news.c.fresh), moved
