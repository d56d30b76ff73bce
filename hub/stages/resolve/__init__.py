"""Resolve: say which records are the same person, and why, and choose the best value of each field.

Records that share a strong identifier are one person, over any number of steps. A person is named by the smallest
number among those records, so that a merge keeps the older name and a split gives the old names back. Devices only
attach anonymous visits (R3), and households only group (R6): neither merges people.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.ledger import Ledger
from hub.project import Project
from hub.report import Report
from hub.stages.resolve.agreement import Agreed, agree, agrees
from hub.stages.resolve.candidates import grey_pairs
from hub.stages.resolve.companies import find_companies
from hub.stages.resolve.components import components
from hub.stages.resolve.devices import attach
from hub.stages.resolve.golden import rewrite_people
from hub.stages.resolve.links import Links, find_links, reasons
from hub.stages.resolve.names import find_names
from hub.stages.resolve.rules import Rules, rules_of
from hub.stages.resolve.verdicts import find_verdicts, part
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.state import fingerprint, remember, seen

NUMBERS = "record_no"
"""The state that keeps the highest record number ever given: numbers of records that are gone never return."""


def resolve(warehouse: Warehouse, ledger: Ledger, project: Project, as_of: datetime) -> Report:
    """Give every record its number and its person, and every person a golden record and a household.

    Without news from the mapping, from hand or in the rules nothing is done; records whose person and reason stay the
    same are not written.
    """
    rules = rules_of(project.identity)
    by_hand = ledger.verdicts.current()
    with warehouse.begin() as transaction:
        said = (rules.version, project.identity.golden, by_hand.to_pylist(), project.schema["person"])
        mark = fingerprint(seen(transaction, "map"), *said)
        record = transaction.table("source_record")
        if seen(transaction, "resolve") == mark and not transaction.count(record, record.c.person_id.is_(None)):
            return Report("resolve", skipped=True)
        records = _numbered(transaction, as_of)
        names = find_names(transaction, records)
        verdicts = find_verdicts(transaction, records, by_hand)
        links = find_links(transaction, records, names, verdicts, rules, project.identity.scoped)
        resolved = _resolved(transaction, records, names, links, verdicts, rules)
        new, moved = _assign(transaction, records, resolved.people)
        _offer(transaction, resolved.candidates, as_of)
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
            **resolved.counts,
            "candidates": transaction.count(transaction.table("match_candidate")),
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
            record.c.person_id,
            record.c.linked_by,
            record.c.linked_to,
        ).select_from(record.outerjoin(numbers, numbers.c.record_id == record.c.record_id)),
    )


@dataclass(frozen=True)
class _Resolved:
    """(record_no, person_id, linked_by, partner) for every record, and what is told of how it came about."""

    people: sa.TableClause
    candidates: sa.Select[Any] | None
    counts: dict[str, int]


def _resolved(
    transaction: Transaction,
    records: sa.TableClause,
    names: sa.TableClause,
    links: Links,
    verdicts: sa.TableClause,
    rules: Rules,
) -> _Resolved:
    """Say whose each record is: who hangs together, who of them agree, what was decided by hand, whose visits."""
    roots = components(transaction, links.edges)
    agreed = agree(transaction, links, names, roots, rules)
    number = records.c.record_no
    reason = reasons(transaction, links, rules)
    whose = _whose(transaction, "hanging", records, roots, roots.c.member, roots.c.root)
    tied = [reason]
    if agreed is not None:
        whose = _whose(transaction, "agreeing", whose, agreed.people, agreed.people.c.record_no, agreed.people.c.person)
        tied.insert(0, agreed.reasons)
    parted = part(transaction, links, whose, verdicts, rules)
    if parted is not None:
        people, own = parted
        whose = _whose(transaction, "parting", whose, people, people.c.record_no, people.c.person)
        tied.insert(0, own)
    attached = attach(transaction, records, names, links, whose, rules)
    person = sa.func.coalesce(attached.c.person, whose.c.person)
    alone = person == number
    linked_by = sa.case(
        (alone, sa.null()), else_=sa.func.coalesce(attached.c.type, *(it.c.type for it in tied), type_=sa.Text())
    )
    partner = sa.case((alone, sa.null()), else_=sa.func.coalesce(attached.c.partner, *(it.c.partner for it in tied)))
    source = records.join(whose, whose.c.record_no == number).outerjoin(attached, attached.c.record_no == number)
    for it in tied:
        source = source.outerjoin(it, it.c.record_no == number)
    people = transaction.hold(
        "record_person",
        sa.select(
            records.c.record_id,
            number,
            person.label("person_id"),
            sa.type_coerce(linked_by, sa.Text()).label("linked_by"),
            sa.type_coerce(partner, sa.BigInteger()).label("partner"),
        ).select_from(source),
    )
    refused = _refused(transaction, agreed, rules) if agreed is not None else 0
    return _Resolved(
        people,
        grey_pairs(agreed.pairs, agreed.profiles, records, verdicts, rules) if agreed is not None else None,
        {
            "blocked_identifiers": links.blocked,
            "crowds": transaction.count(links.crowds),
            "refused_pairs": refused,
            "ambiguous_records": agreed.ambiguous if agreed is not None else 0,
            "parted_by_hand": transaction.count(parted[0]) if parted is not None else 0,
        },
    )


def _whose(
    transaction: Transaction,
    name: str,
    before: sa.TableClause,
    judged: sa.TableClause,
    member: sa.ColumnElement[int],
    person: sa.ColumnElement[int],
) -> sa.TableClause:
    """Hold (record_no, person): as judged, else as it was before, else everybody is alone."""
    number = before.c.record_no
    known = before.c.person if "person" in before.c else number
    return transaction.hold(
        name,
        sa.select(number, sa.func.coalesce(person, known).label("person")).select_from(
            before.outerjoin(judged, member == number)
        ),
    )


def _refused(transaction: Transaction, agreed: Agreed, rules: Rules) -> int:
    """Count the pairs that share a value and contradict each other."""
    pairs = agreed.pairs
    refused = sa.select(pairs.c.low, pairs.c.high).where(sa.not_(agrees(pairs, rules))).distinct().subquery()
    return transaction.count(refused)


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


def _offer(transaction: Transaction, candidates: sa.Select[Any] | None, as_of: datetime) -> None:
    """Keep the pairs that people should look at; those that were there already keep their moment."""
    stored = transaction.table("match_candidate")
    columns = ("low_record", "high_record", "found_by", "score", "reason")
    if candidates is None:
        transaction.execute(sa.delete(stored))
        return
    found = transaction.hold("candidate", candidates)
    same = sa.and_(*(stored.c[name].is_not_distinct_from(found.c[name]) for name in columns))
    transaction.execute(sa.delete(stored).where(~sa.exists(sa.select(found.c.low_record).where(same))))
    fresh = sa.select(*(found.c[name] for name in columns), sa.literal(as_of, sa.DateTime(timezone=True)))
    news = fresh.where(~sa.exists(sa.select(stored.c.low_record).where(same)))
    transaction.execute(sa.insert(stored).from_select([*columns, "as_of"], news))
