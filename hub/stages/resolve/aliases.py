"""Old numbers of people: whoever was merged into another is found again by the number he had (R42).

A person's number is the smallest record number among his records, so a merge takes the larger number out of use and a
split gives it back. An old number leads to the person who has the record in which it lives on: the record of that
number itself, or, once that is gone from its system, the smallest of the records that the person had. So every chain
has one link, and a split that takes that record along takes the number along.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.warehouse import Transaction


@dataclass(frozen=True)
class Renamed:
    """The numbers that went out of use, and those that came into use.

    `gone`: (person_id, record_no, now_person_id): the record in which a number lives on, and whose that is.
    `born`: (person_id): whoever was taken out of another.
    `led`: (person_id, before, now_person_id, record_no, since): numbers out of use that led to somebody who lost
    records, and where they lead now; those that came into use lead to themselves.
    """

    gone: sa.TableClause
    born: sa.TableClause
    led: sa.TableClause


def rename(transaction: Transaction, moved: sa.TableClause, as_of: datetime) -> Renamed:
    """Keep `person_alias` true after records moved: (record_no, before, after)."""
    alias = transaction.table("person_alias")
    gone = transaction.hold("gone_person", _gone(transaction, moved))
    born = transaction.hold(
        "born_person", sa.select(moved.c.record_no.label("person_id")).where(moved.c.record_no == moved.c.after)
    )
    led = transaction.hold("led_elsewhere", _led_elsewhere(transaction, moved, gone))
    for people in (gone, born, led):
        transaction.execute(sa.delete(alias).where(alias.c.person_id.in_(sa.select(people.c.person_id))))
    since = sa.literal(as_of, sa.DateTime(timezone=True))
    names = ["person_id", "now_person_id", "record_no", "since"]
    transaction.execute(
        sa.insert(alias).from_select(
            names, sa.select(*(led.c[name] for name in names)).where(led.c.person_id != led.c.now_person_id)
        )
    )
    transaction.execute(sa.insert(alias).from_select(names, sa.select(*(gone.c[name] for name in names[:-1]), since)))
    return Renamed(gone, born, led)


def _gone(transaction: Transaction, moved: sa.TableClause) -> sa.Select[tuple[int, int, int]]:
    """Select the people who are nobody any more, and where each lives on."""
    record = transaction.table("source_record")
    own = record.alias("own")
    heir = (
        sa.select(
            moved.c.before.label("person_id"),
            sa.func.coalesce(sa.func.min(own.c.record_no), sa.func.min(moved.c.record_no)).label("record_no"),
        )
        .select_from(moved.outerjoin(own, own.c.record_no == moved.c.before))
        .where(own.c.person_id.is_distinct_from(moved.c.before))
        .group_by(moved.c.before)
        .subquery("heir")
    )
    return sa.select(heir.c.person_id, heir.c.record_no, record.c.person_id.label("now_person_id")).join_from(
        heir, record, record.c.record_no == heir.c.record_no
    )


def _led_elsewhere(transaction: Transaction, moved: sa.TableClause, gone: sa.TableClause) -> sa.Select[tuple[object]]:
    """Select the old numbers that led to a person who lost records, as they are to lead now."""
    alias, record = transaction.table("person_alias"), transaction.table("source_record")
    still, heir = record.alias("still"), record.alias("heir_record")
    lives_on = sa.func.coalesce(still.c.record_no, gone.c.record_no, alias.c.record_no)
    touched = alias.c.now_person_id.in_(sa.select(moved.c.before))
    return (
        sa.select(
            alias.c.person_id,
            alias.c.now_person_id.label("before"),
            sa.func.coalesce(heir.c.person_id, alias.c.now_person_id).label("now_person_id"),
            lives_on.label("record_no"),
            alias.c.since,
        )
        .select_from(
            alias.outerjoin(still, still.c.record_no == alias.c.record_no)
            .outerjoin(gone, gone.c.person_id == alias.c.now_person_id)
            .outerjoin(heir, heir.c.record_no == lives_on)
        )
        .where(touched)
    )
