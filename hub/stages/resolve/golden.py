"""The golden record: for each field the best value among a person's records."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hub.schema.tables import POSTAL
from hub.stages.resolve.links import Links
from hub.warehouse import Transaction, constructs

SURNAME = ("prefix", "surname", "partner_prefix", "partner_surname", "partner_first")
"""Taken together from one record: `van` of one system and `Jansen` of another make no name."""

DERIVED = ("person_id", "record_id", "email", "phone", "household_id", "records")
HOUSE = ("postcode", "house_number", "house_letter", "house_addition")


def golden(transaction: Transaction, links: Links) -> sa.Select[Any]:
    """Select one row per person with the columns of `person`.

    Each field is the newest value that is not empty (by the system's own time; the smaller record number decides
    between equals); the surname comes with its prefix and partner's name from one record. E-mail and phone are the
    newest identifiers that are neither false nor a crowd's. The address is the newest complete one, or else the
    newest; an address to live at goes before one to deliver or bill to.
    """
    record = transaction.table("source_record")
    place = sa.func.row_number().over(order_by=[record.c.source_time.asc().nulls_first(), record.c.record_no.desc()])
    ranked = transaction.hold("ranked_record", sa.select(record.c.record_no, place.label("rank")))
    contact = _contact(links)
    elsewhere = {*DERIVED, *(column.name for column in POSTAL)}
    fields = [column.name for column in transaction.table("person").c if column.name not in elsewhere]
    rank = ranked.c.rank
    best = _chosen(transaction, [record.c[name] for name in fields if name in record.c], rank)
    people = transaction.hold(
        "golden",
        sa.select(
            record.c.person_id,
            sa.func.min(sa.case((record.c.record_no == record.c.person_id, record.c.record_id))).label("record_id"),
            *best,
            _best(contact.c.email, rank),
            _best(contact.c.phone, rank),
            sa.func.count().label("records"),
        )
        .select_from(
            record.join(ranked, ranked.c.record_no == record.c.record_no).outerjoin(
                contact, contact.c.record_no == record.c.record_no
            )
        )
        .group_by(record.c.person_id),
    )
    return _with_household(transaction, people, _address(transaction))


def households(people: sa.Table) -> sa.Select[Any]:
    """Select the households of all persons: people with one surname at one address (R6: nobody is merged)."""
    number = sa.func.concat_ws(" ", people.c.house_number, people.c.house_letter, people.c.house_addition)
    return (
        sa.select(
            people.c.household_id,
            sa.func.min(people.c.surname).label("surname"),
            sa.func.min(people.c.postcode).label("postcode"),
            sa.func.min(number).label("house_number"),
            sa.func.count().label("members"),
        )
        .where(people.c.household_id.is_not(None))
        .group_by(people.c.household_id)
    )


def _contact(links: Links) -> sa.Subquery:
    """Select the e-mail address and phone number of each record that may be used."""
    values, crowds = links.values, links.crowds
    crowded = sa.and_(crowds.c.type == values.c.type, crowds.c.value == values.c.value)
    return (
        sa.select(
            values.c.record_no,
            sa.func.min(values.c.value).filter(values.c.type == "email").label("email"),
            sa.func.min(values.c.value).filter(values.c.type == "phone").label("phone"),
        )
        .select_from(values.outerjoin(crowds, crowded))
        .where(sa.not_(values.c.false), crowds.c.value.is_(None), values.c.type.in_(["email", "phone"]))
        .group_by(values.c.record_no)
        .subquery("contact")
    )


def _address(transaction: Transaction) -> sa.TableClause:
    """Hold the best address per person."""
    address, record = transaction.table("address"), transaction.table("source_record")
    complete = sa.and_(*(_filled(address.c[name]) for name in ("street", "house_number", "postcode", "city")))
    passing = sa.func.coalesce(address.c.kind, "").in_(["delivery", "billing"])
    place = sa.func.row_number().over(
        partition_by=record.c.person_id,
        order_by=[
            complete.desc(),
            passing.asc(),
            address.c.source_time.desc().nulls_last(),
            record.c.record_no,
            address.c.source_key,
        ],
    )
    numbered = (
        sa.select(
            record.c.person_id,
            complete.label("complete"),
            *(sa.func.nullif(address.c[column.name], "").label(column.name) for column in POSTAL),
            place.label("place"),
        )
        .join_from(address, record, record.c.record_id == address.c.record_id)
        .subquery()
    )
    return transaction.hold(
        "best_address", sa.select(*(c for c in numbered.c if c.name != "place")).where(numbered.c.place == 1)
    )


def _with_household(transaction: Transaction, people: sa.TableClause, address: sa.TableClause) -> sa.Select[Any]:
    """Select the rows of `person`: golden records with address, and the household of those who live somewhere."""
    home = sa.func.concat_ws(
        " ", sa.func.lower(sa.func.trim(people.c.surname)), *(address.c[name] for name in HOUSE)
    ).label("home")
    living = transaction.hold(
        "living",
        sa.select(people.c.person_id, home)
        .join_from(people, address, address.c.person_id == people.c.person_id)
        .where(address.c.complete, _filled(people.c.surname)),
    )
    shared = (
        sa.select(living.c.home, sa.func.min(living.c.person_id).label("household_id"))
        .group_by(living.c.home)
        .subquery()
    )
    member = (
        sa.select(living.c.person_id, shared.c.household_id)
        .join_from(living, shared, shared.c.home == living.c.home)
        .subquery()
    )
    given = {**dict(address.c.items()), **dict(people.c.items()), "household_id": member.c.household_id}
    columns = [column.name for column in transaction.table("person").c if column.name in given]
    return sa.select(*(given[name].label(name) for name in columns)).select_from(
        people.outerjoin(address, address.c.person_id == people.c.person_id).outerjoin(
            member, member.c.person_id == people.c.person_id
        )
    )


def _filled(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(column.is_not(None), column != "")


def _chosen(
    transaction: Transaction, fields: list[sa.Column[Any]], rank: sa.ColumnElement[Any]
) -> list[sa.ColumnElement[Any]]:
    """Choose the best value of each field; those that no record has need no work."""
    record = transaction.table("source_record")
    (counts,) = transaction.rows(sa.select(*(sa.func.count(column).label(column.name) for column in fields)))
    best: list[sa.ColumnElement[Any]] = []
    for column, count in zip(fields, counts, strict=True):
        if not count:
            best.append(sa.cast(sa.null(), column.type).label(column.name))
        elif column.name in SURNAME:
            best.append(_best_of_named(column, rank, _filled(record.c.surname)))
        else:
            best.append(_best(column, rank))
    return best


def _best(column: sa.ColumnElement[Any], rank: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    value = sa.func.nullif(column, "", type_=column.type) if isinstance(column.type, sa.Text) else column
    return constructs.arg_max(value, rank).label(column.name)


def _best_of_named(
    column: sa.ColumnElement[Any], rank: sa.ColumnElement[Any], named: sa.ColumnElement[bool]
) -> sa.ColumnElement[Any]:
    """Take the field from the newest record with a surname, even where that record leaves it empty."""
    nothing: Any = False if isinstance(column.type, sa.Boolean) else ""
    value = sa.case((named, sa.func.coalesce(column, nothing)), else_=sa.null())
    chosen = constructs.arg_max(sa.type_coerce(value, column.type), rank)
    return sa.func.nullif(chosen, nothing, type_=column.type).label(column.name)
