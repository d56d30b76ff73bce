"""The golden record: for each field the best value among a person's records, by the rules of identity.yaml."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hub.people.survivorship import (
    ADDRESS,
    CONTACT,
    Choice,
    Key,
    addresses,
    best_address_first,
    choices,
    newest_last,
    own_fields,
    unless_empty,
    weigh,
)
from hub.project import Project
from hub.schema.tables import POSTAL
from hub.stages.resolve.households import households, with_household
from hub.stages.resolve.links import Links
from hub.stages.resolve.rewrite import rewrite
from hub.warehouse import Transaction, constructs


def rewrite_people(
    transaction: Transaction, links: Links, project: Project, touched: sa.TableClause | None = None
) -> int:
    """Give people their golden records and households; return how many persons are new or different.

    `touched` has the person_id of everybody whose records changed, came or went, also of those who are gone; None
    means everybody. Who shares a household with them, or did, is looked at too: the result is that of everybody.
    """
    chosen = golden(transaction, links, project, touched)
    people, settled, left = with_household(transaction, chosen, touched)
    within = sa.select(settled.c.person_id) if settled is not None else None
    changed = rewrite(transaction, "person", people, within)
    rewrite(transaction, "household", *households(transaction, settled, left))
    return changed


def golden(
    transaction: Transaction, links: Links, project: Project, touched: sa.TableClause | None = None
) -> sa.Subquery:
    """Give one row per person with the columns of `person` but the household; of those `touched` only, where given.

    Each field is chosen by its rules among the values that are not empty; fields that belong together come from one
    record. E-mail and phone are identifiers that are neither false nor a crowd's. The address is a complete one where
    there is one, rather one to live at than one to deliver or bill to, and then by its rules.
    """
    every = choices(project.schema, project.identity.golden)
    of_records = [choice for choice in every if choice.leader != ADDRESS]
    record = _records(transaction, touched)
    rows, keys = weigh(_said(transaction, links, record, touched), of_records)
    given = _given(transaction, record)
    best = [column for choice in of_records for column in _best(choice, keys[choice.leader], rows, given)]
    people = transaction.hold(
        "golden",
        sa.select(
            rows.c.person_id,
            sa.func.min(sa.case((rows.c.record_no == rows.c.person_id, rows.c.record_id))).label("record_id"),
            *best,
            sa.func.count().label("records"),
        ).group_by(rows.c.person_id),
    )
    address = _address(transaction, every[-1], touched)
    columns = {**dict(address.c.items()), **dict(people.c.items())}
    return (
        sa.select(*(columns[it.name] for it in transaction.table("person").c if it.name in columns))
        .select_from(people.outerjoin(address, address.c.person_id == people.c.person_id))
        .subquery("chosen")
    )


def _said(
    transaction: Transaction, links: Links, record: sa.FromClause, touched: sa.TableClause | None
) -> sa.FromClause:
    """Give what each record says, with its contact and its rank: newer is greater, then the smaller number."""
    place = sa.func.row_number().over(order_by=newest_last(record))
    ranked = transaction.hold("ranked_record", sa.select(record.c.record_no, place.label("rank")))
    contact = _contact(links, record if touched is not None else None)
    fields = [name for name in own_fields(transaction.schema) if name in record.c]
    provenance = ("person_id", "record_no", "record_id", "connection", "source_time", "verified")
    return (
        sa.select(
            *(record.c[name] for name in provenance),
            ranked.c.rank,
            *(unless_empty(record.c[name]) for name in fields),
            *(contact.c[name] for name in CONTACT),
        )
        .select_from(
            record.join(ranked, ranked.c.record_no == record.c.record_no).outerjoin(
                contact, contact.c.record_no == record.c.record_no
            )
        )
        .subquery("said")
    )


def _records(transaction: Transaction, touched: sa.TableClause | None) -> sa.FromClause:
    record = transaction.table("source_record")
    if touched is None:
        return record
    return transaction.hold(
        "touched_record", sa.select(record).where(record.c.person_id.in_(sa.select(touched.c.person_id)))
    )


def _contact(links: Links, among: sa.FromClause | None) -> sa.Subquery:
    """Select the e-mail address and phone number of each record that may be used."""
    values, crowds = links.values.given, links.crowds
    usable = [sa.not_(values.c.false), values.c.key.not_in(sa.select(crowds.c.key)), values.c.type.in_(CONTACT)]
    if among is not None:
        usable.append(values.c.record_no.in_(sa.select(among.c.record_no)))
    return (
        sa.select(
            values.c.record_no,
            *(sa.func.min(values.c.value).filter(values.c.type == kind).label(kind) for kind in CONTACT),
        )
        .where(*usable)
        .group_by(values.c.record_no)
        .subquery("contact")
    )


def _given(transaction: Transaction, record: sa.FromClause) -> set[str]:
    """Name the fields that some record gives; the others need no work."""
    fields = [name for name in own_fields(transaction.schema) if name in record.c]
    (counts,) = transaction.rows(sa.select(*(sa.func.count(record.c[name]).label(name) for name in fields)))
    return {name for name, count in zip(fields, counts, strict=True) if count} | set(CONTACT)


def _best(choice: Choice, keys: Any, rows: sa.FromClause, given: set[str]) -> list[sa.ColumnElement[Any]]:
    """Choose the value of each field of a choice."""
    leader = rows.c[choice.leader]
    found: list[sa.ColumnElement[Any]] = []
    for name in choice.fields:
        column = rows.c[name]
        if name not in given or choice.leader not in given:
            found.append(sa.cast(sa.null(), column.type).label(name))
        elif name == choice.leader:
            found.append(_at_greatest(column, keys).label(name))
        else:
            found.append(_along(column, leader, keys).label(name))
    return found


def _at_greatest(value: sa.ColumnElement[Any], keys: list[Key]) -> sa.ColumnElement[Any]:
    columns = [key.column for key in keys]
    return constructs.arg_max(value, *columns) if len(columns) == 1 else constructs.latest(value, *columns)


def _along(column: sa.ColumnElement[Any], leader: sa.ColumnElement[Any], keys: list[Key]) -> sa.ColumnElement[Any]:
    """Take the field from the record that gives the leader, even where that record leaves it empty."""
    written = column if isinstance(column.type, sa.Text) else sa.cast(column, sa.Text())
    value = sa.case((leader.is_not(None), sa.func.coalesce(written, "")), else_=sa.null())
    chosen = sa.func.nullif(_at_greatest(sa.type_coerce(value, sa.Text()), keys), "", type_=sa.Text())
    return chosen if isinstance(column.type, sa.Text) else sa.cast(chosen, column.type)


def _address(transaction: Transaction, choice: Choice, touched: sa.TableClause | None) -> sa.TableClause:
    """Hold the best address per person."""
    lived = addresses(transaction.schema)
    if touched is not None:
        lived = lived.where(lived.selected_columns.person_id.in_(sa.select(touched.c.person_id)))
    rows, keys = weigh(lived.subquery("lived"), [choice])
    place = sa.func.row_number().over(partition_by=rows.c.person_id, order_by=best_address_first(rows, keys[ADDRESS]))
    placed = sa.select(rows.c.person_id, *(rows.c[column.name] for column in POSTAL), place.label("place")).subquery()
    return transaction.hold(
        "best_address", sa.select(*(c for c in placed.c if c.name != "place")).where(placed.c.place == 1)
    )
