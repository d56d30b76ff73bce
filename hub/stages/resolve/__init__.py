"""Resolve: say which records are the same person, and why, and choose the best value of each field.

Records that share a strong identifier are one person, over any number of steps. A person is named by the smallest
number among those records, so that a merge keeps the older name and a split gives the old names back. Devices only
attach anonymous visits (R3), and households only group (R6): neither merges people.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hub.project import Project
from hub.report import Report
from hub.stages.resolve import rules
from hub.stages.resolve.companies import find_companies
from hub.stages.resolve.components import components
from hub.stages.resolve.devices import attach
from hub.stages.resolve.golden import rewrite_people
from hub.stages.resolve.links import Links, find_links
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

NUMBERS = "record_no"
"""The state that keeps the highest record number ever given: numbers of records that are gone never return."""


def resolve(warehouse: Warehouse, project: Project, as_of: datetime) -> Report:
    """Give every record its number and its person, and every person a golden record and a household.

    Without news from the mapping nothing is done; records whose person and reason stay the same are not written.
    """
    with warehouse.begin() as transaction:
        mark = fingerprint(seen(transaction, "map"), rules.VERSION, project.schema["person"], project.identity.golden)
        record = transaction.table("source_record")
        if seen(transaction, "resolve") == mark and not transaction.count(record, record.c.person_id.is_(None)):
            return Report("resolve", skipped=True)
        records = _numbered(transaction, as_of)
        links = find_links(transaction, records)
        people = _people(transaction, records, links)
        new, moved = _assign(transaction, records, people)
        changed = rewrite_people(transaction, links, project)
        companies = find_companies(transaction)
        count = transaction.count(records)
        persons = transaction.count(transaction.table("person"))
        remember(transaction, "resolve", mark, as_of)
        counts = {
            "persons": persons,
            "merged": count - persons,
            "new_records": new,
            "moved_records": moved,
            "changed_persons": changed,
            "households": transaction.count(transaction.table("household")),
            "companies": companies,
            "blocked_identifiers": links.blocked,
            "crowds": transaction.count(links.crowds),
        }
    return Report("resolve", rows_in=count, rows_out=count, counts=counts)


def _numbered(transaction: Transaction, as_of: datetime) -> sa.TableClause:
    """Hold every record with its number: new ones go on counting, in the order of their ids."""
    record = transaction.table("source_record")
    last = int(seen(transaction, NUMBERS) or 0)
    fresh = sa.select(
        record.c.record_id, (sa.func.row_number().over(order_by=record.c.record_id) + last).label("number")
    ).where(record.c.record_no.is_(None))
    numbers = transaction.hold("new_number", fresh)
    added = transaction.count(numbers)
    if added:
        remember(transaction, NUMBERS, str(last + added), as_of)
    return transaction.hold(
        "numbered",
        sa.select(
            record.c.record_id,
            sa.func.coalesce(record.c.record_no, numbers.c.number).label("record_no"),
            record.c.record_no.is_(None).label("fresh"),
            sa.or_(record.c.surname.is_not(None), record.c.given_name.is_not(None)).label("named"),
            record.c.person_id,
            record.c.linked_by,
            record.c.linked_to,
        ).select_from(record.outerjoin(numbers, numbers.c.record_id == record.c.record_id)),
    )


def _people(transaction: Transaction, records: sa.TableClause, links: Links) -> sa.TableClause:
    """Hold (record_no, person_id, linked_by, partner) for every record."""
    roots = components(transaction, links.edges)
    attached = attach(transaction, records, links, roots)
    number = records.c.record_no
    person = sa.func.coalesce(attached.c.person_id, roots.c.root, number)
    reason = links.reasons
    alone = person == number
    linked_by = sa.case((alone, sa.null()), (attached.c.person_id.is_not(None), rules.WEAK), else_=reason.c.type)
    partner = sa.case((alone, sa.null()), else_=sa.func.coalesce(attached.c.partner, reason.c.partner))
    return transaction.hold(
        "record_person",
        sa.select(
            records.c.record_id,
            number,
            person.label("person_id"),
            sa.type_coerce(linked_by, sa.Text()).label("linked_by"),
            sa.type_coerce(partner, sa.BigInteger()).label("partner"),
        ).select_from(
            records.outerjoin(roots, roots.c.member == number)
            .outerjoin(attached, attached.c.record_no == number)
            .outerjoin(reason, reason.c.record_no == number)
        ),
    )


def _assign(transaction: Transaction, records: sa.TableClause, people: sa.TableClause) -> tuple[int, int]:
    """Write number, person and reason where they differ; return how many records are new and how many moved."""
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
            sa.and_(sa.not_(records.c.fresh), records.c.person_id.is_distinct_from(people.c.person_id)).label("moved"),
        )
        .select_from(
            records.join(people, people.c.record_no == records.c.record_no).outerjoin(
                partner, partner.c.record_no == people.c.partner
            )
        )
        .where(differs),
    )
    record = transaction.table("source_record")
    transaction.execute(
        sa.update(record)
        .values({name: news.c[name] for name in ("record_no", "person_id", "linked_by", "linked_to")})
        .where(record.c.record_id == news.c.record_id)
    )
    return transaction.count(news, news.c.fresh), transaction.count(news, news.c.moved)
