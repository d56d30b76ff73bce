"""Objections to advertising by post: what the KvK register says blocks print.

A letter to a person at the address of an organisation where that person has a role is a letter to the organisation.
It may go when the register says that the organisation does not object, or does not know the organisation: unless it
objected when the register last found it. It
fails closed: while the register was not asked yet, could not answer or left it open, the letter does not go. Where
the project has no look-up, nothing is known and this rule holds nobody back.
"""

from __future__ import annotations

import sqlalchemy as sa

from hub.project import Project
from hub.register.entries import entries
from hub.warehouse import Transaction

OBJECTS = "the organisation at this address objects to advertising by post"
UNKNOWN = "it is not known yet whether the organisation at this address objects to advertising by post"


def objections(transaction: Transaction, project: Project, letters: sa.FromClause) -> sa.TableClause:
    """Hold (person_id, postcode, house_number, reason) of those among `letters` that must not be sent.

    `letters` has person_id, postcode and house_number.
    """
    if not project.lookups:
        nothing = sa.select(
            letters.c.person_id, letters.c.postcode, letters.c.house_number, sa.literal(OBJECTS).label("reason")
        ).where(sa.false())
        return transaction.hold("print_objection", nothing)
    entry = entries(transaction, project)
    role, record = transaction.table("role"), transaction.table("source_record")
    place = (_house(letters.c.postcode), _house(letters.c.house_number))
    here = sa.or_(
        sa.and_(_house(entry.c.own_postcode) == place[0], _house(entry.c.own_house_number) == place[1]),
        sa.and_(_house(entry.c.postcode) == place[0], _house(entry.c.house_number) == place[1]),
    )
    objected = sa.func.coalesce(entry.c.objected, sa.false())
    unknown_there = sa.and_(entry.c.status == "absent", sa.not_(objected))
    free = sa.or_(unknown_there, sa.and_(entry.c.status == "found", sa.not_(entry.c.non_mailing)))
    objecting = sa.func.bool_or(objected, type_=sa.Boolean())
    return transaction.hold(
        "print_objection",
        sa.select(
            letters.c.person_id,
            letters.c.postcode,
            letters.c.house_number,
            sa.case((objecting, sa.literal(OBJECTS)), else_=sa.literal(UNKNOWN)).label("reason"),
        )
        .select_from(letters)
        .join(record, record.c.person_id == letters.c.person_id)
        .join(role, role.c.record_id == record.c.record_id)
        .join(
            entry,
            sa.and_(entry.c.connection == role.c.connection, entry.c.organisation_key == role.c.organisation_key),
        )
        .where(here, sa.not_(sa.func.coalesce(free, sa.false())))
        .group_by(letters.c.person_id, letters.c.postcode, letters.c.house_number),
    )


def _house(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.func.upper(sa.func.replace(column, " ", ""), type_=sa.Text())
