"""Companies: which records of organisations are about one company (R5). They are a level of their own (R6).

A KvK number names a company. A branch or VAT number leads to the company whose records give it beside one KvK
number; a VAT number that several companies give, as a fiscal unity does, leads to none of them. Where no KvK number
is known, records with one VAT number are one company. A name or an address never makes two records one.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hub.people.survivorship import COMPLETE, filled, unless_empty
from hub.schema.tables import POSTAL
from hub.stages.resolve.rewrite import rewrite
from hub.warehouse import Transaction, constructs

FIELDS = ("name", "kvk", "vat", "sector", "employees")
"""Each is the newest value that is not empty; the address is the newest one, complete where there is one."""


def find_companies(transaction: Transaction) -> int:
    """Give every organisation its company, and every company its row; return how many there are."""
    organisation = transaction.table("organisation")
    if not transaction.scalar(sa.select(sa.exists(sa.select(organisation.c.source_key)))):
        transaction.execute(sa.delete(transaction.table("company")))
        return 0
    _assign(transaction, organisation)
    rewrite(transaction, "company", _companies(transaction, organisation))
    return transaction.count(transaction.table("company"))


def _assign(transaction: Transaction, organisation: sa.Table) -> None:
    """Write the company of each record where it differs."""
    branch, vat = _owner(organisation, organisation.c.branch), _owner(organisation, organisation.c.vat)
    company = sa.func.coalesce(
        _numbered("kvk", organisation.c.kvk),
        _numbered("kvk", branch.c.kvk),
        _numbered("kvk", vat.c.kvk),
        _numbered("vat", organisation.c.vat),
        _numbered("branch", organisation.c.branch),
        organisation.c.connection + ":" + organisation.c.source_key,
    )
    about = transaction.hold(
        "organisation_company",
        sa.select(organisation.c.connection, organisation.c.source_key, company.label("company_id"))
        .select_from(
            organisation.outerjoin(branch, branch.c.number == organisation.c.branch).outerjoin(
                vat, vat.c.number == organisation.c.vat
            )
        )
        .where(organisation.c.company_id.is_distinct_from(company)),
    )
    transaction.execute(
        sa.update(organisation)
        .values(company_id=about.c.company_id)
        .where(organisation.c.connection == about.c.connection, organisation.c.source_key == about.c.source_key)
    )


def _owner(organisation: sa.Table, number: sa.Column[Any]) -> sa.Subquery:
    """Select (number, kvk) of the numbers that are given beside one KvK number and no other."""
    kvk = organisation.c.kvk
    return (
        sa.select(number.label("number"), sa.func.min(kvk).label("kvk"))
        .where(filled(number), filled(kvk))
        .group_by(number)
        .having(sa.func.min(kvk) == sa.func.max(kvk))
        .subquery(f"owner_of_{number.name}")
    )


def _numbered(kind: str, number: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.case((filled(number), f"{kind}:" + number))


def _companies(transaction: Transaction, organisation: sa.Table) -> sa.Select[Any]:
    """Select the rows of `company`."""
    complete = sa.and_(*(filled(organisation.c[name]) for name in COMPLETE))
    newest = [organisation.c.source_time.asc().nulls_first(), organisation.c.connection, organisation.c.source_key]
    said = (
        sa.select(
            organisation.c.company_id,
            organisation.c.branch,
            *(unless_empty(organisation.c[name]) for name in FIELDS),
            *(sa.func.coalesce(organisation.c[column.name], "").label(column.name) for column in POSTAL),
            sa.func.row_number().over(order_by=newest).label("rank"),
            sa.func.row_number().over(order_by=[complete.asc(), *newest]).label("address_rank"),
        )
    ).subquery("said")
    company = (
        sa.select(
            said.c.company_id,
            *(constructs.arg_max(said.c[name], said.c.rank).label(name) for name in FIELDS),
            *(_of_best_address(said, column.name) for column in POSTAL),
            sa.func.count(sa.func.nullif(said.c.branch, "").distinct()).label("branches"),
            sa.func.count().label("records"),
        )
        .group_by(said.c.company_id)
        .subquery("chosen")
    )
    people = _people(transaction, organisation)
    return sa.select(*company.c, sa.func.coalesce(people.c.people, 0).label("people")).select_from(
        company.outerjoin(people, people.c.company_id == company.c.company_id)
    )


def _of_best_address(said: sa.FromClause, name: str) -> sa.ColumnElement[Any]:
    return sa.func.nullif(constructs.arg_max(said.c[name], said.c.address_rank), "", type_=sa.Text()).label(name)


def _people(transaction: Transaction, organisation: sa.Table) -> sa.Subquery:
    """Select (company_id, people): how many persons have a role at each company."""
    role, record = transaction.table("role"), transaction.table("source_record")
    here = sa.and_(organisation.c.connection == role.c.connection, organisation.c.source_key == role.c.organisation_key)
    return (
        sa.select(organisation.c.company_id, sa.func.count(record.c.person_id.distinct()).label("people"))
        .select_from(role.join(record, record.c.record_id == role.c.record_id).join(organisation, here))
        .group_by(organisation.c.company_id)
        .subquery("people")
    )
