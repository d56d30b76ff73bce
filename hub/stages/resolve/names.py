"""Who a record says it is: the keys of its names, once per distinct name, and its date of birth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from hub.normalise.likeness import given_name_key, surname_key
from hub.warehouse import Transaction

NOBODYS_BIRTHDAYS = (date(1800, 1, 1), date(1900, 1, 1), date(1901, 1, 1), date(1970, 1, 1))
"""Dates that systems fill in where they know none."""


@dataclass(frozen=True)
class Names:
    """Who the records say they are.

    `records`: (record_no, given_name, surname, birth_date, gender, given_no, surname_no) of each record that says any
    of these. Names are keys for comparing (`hub.normalise.likeness`); initials stand in for a given name that is not
    told. The numbers tell the keys apart for less, within this run: `given_names` and `surnames` have the keys by
    number. That of initials is negative.
    """

    records: sa.TableClause
    given_names: Sequence[str]
    surnames: Sequence[str]


def find_names(transaction: Transaction, records: sa.TableClause) -> Names:
    """Find who the records say they are."""
    stored = transaction.table("source_record")
    given = sa.func.coalesce(sa.func.nullif(stored.c.given_name, ""), stored.c.initials)
    family = sa.func.concat_ws(" ", stored.c.surname, stored.c.partner_surname)
    family = sa.func.nullif(family, "")
    said = transaction.hold(
        "said_name",
        sa.select(
            records.c.record_no,
            given.label("given"),
            family.label("family"),
            sa.case((stored.c.birth_date.not_in(NOBODYS_BIRTHDAYS), stored.c.birth_date)).label("birth_date"),
            sa.case((stored.c.gender.in_(["F", "M"]), stored.c.gender)).label("gender"),
        )
        .join_from(stored, records, records.c.record_id == stored.c.record_id)
        .where(sa.or_(given.is_not(None), family.is_not(None), stored.c.birth_date.is_not(None))),
    )
    givens, given_names = _keys(transaction, said, "given", given_name_key)
    families, surnames = _keys(transaction, said, "family", surname_key)
    named = transaction.hold(
        "record_name",
        sa.select(
            said.c.record_no,
            givens.c.key.label("given_name"),
            families.c.key.label("surname"),
            said.c.birth_date,
            said.c.gender,
            givens.c.number.label("given_no"),
            families.c.number.label("surname_no"),
        ).select_from(
            said.outerjoin(givens, givens.c.said == said.c.given).outerjoin(families, families.c.said == said.c.family)
        ),
    )
    return Names(named, given_names, surnames)


def _keys(
    transaction: Transaction, said: sa.TableClause, column: str, key: Callable[[str], str | None]
) -> tuple[sa.TableClause, list[str]]:
    """Hold (said, key, number) for every distinct name in a column; return the keys by number."""
    import pyarrow as pa

    from hub.warehouse.arrow import numbers, texts

    query = sa.select(said.c[column]).where(said.c[column].is_not(None)).distinct()
    names = [name for batch in transaction.arrow(query) for name in batch.column(0).to_pylist()]
    keys = list(map(key, names))
    distinct = ["", *dict.fromkeys(found for found in keys if found is not None)]
    number_of = {name: -number if name.endswith(".") else number for number, name in enumerate(distinct)}
    table = pa.table(
        {
            "said": texts(names),
            "key": texts(keys),
            "number": numbers([None if found is None else number_of[found] for found in keys]),
        }
    )
    return transaction.load(f"{column}_key", table), distinct
