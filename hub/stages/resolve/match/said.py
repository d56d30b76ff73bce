"""What is told to the engine: what the records of each person say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hub.stages.resolve.match.engine import Engine
from hub.warehouse import Transaction


@dataclass(frozen=True)
class Told:
    """The people that the rules made, in the tables of the stage.

    `records`: record_id and record_no. `names`: record_no, given_name, surname, birth_date, gender. `values`: type,
    value, record_no, blocked, false, key. `crowds`: type, value, key. `whose`: record_no and person. `verdicts`: low,
    high and same, by record number.
    """

    records: sa.TableClause
    names: sa.TableClause
    values: sa.TableClause
    crowds: sa.TableClause
    whose: sa.TableClause
    verdicts: sa.TableClause


def tell(transaction: Transaction, engine: Engine, people: Told, looked_at: sa.TableClause | None) -> None:
    """Stream it all as Arrow, and what was kept of those who were looked at (record_no); None: of everybody."""
    for name, statement in _statements(transaction, people, looked_at).items():
        engine.load(name, transaction.arrow(statement).read_all())


def never(people: Told) -> sa.Select[Any]:
    """Select (low, high), by number, of the people of whom somebody decided that they are two."""
    whose, verdicts = people.whose, people.verdicts
    low, high = whose.alias("low_whose"), whose.alias("high_whose")
    ends = low.c.person, high.c.person
    return (
        sa.select(
            sa.func.least(*ends, type_=sa.BigInteger()).label("low"),
            sa.func.greatest(*ends, type_=sa.BigInteger()).label("high"),
        )
        .select_from(
            verdicts.join(low, low.c.record_no == verdicts.c.low).join(high, high.c.record_no == verdicts.c.high)
        )
        .where(sa.not_(verdicts.c.same))
        .distinct()
    )


def _statements(
    transaction: Transaction, people: Told, looked_at: sa.TableClause | None
) -> dict[str, sa.Select[Any] | sa.CompoundSelect[Any]]:
    names, values, crowds, whose = people.names, people.values, people.crowds, people.whose
    apart = never(people).subquery()
    address, records, profile = transaction.table("address"), people.records, transaction.table("match_profile")
    postcode = sa.func.replace(sa.func.upper(address.c.postcode), " ", "", type_=sa.Text())
    number = sa.func.concat_ws("-", address.c.house_number, address.c.house_letter, address.c.house_addition)
    known = sa.select(profile.c.record_no.label("person"), profile.c.said)
    if looked_at is not None:
        known = known.where(profile.c.record_no.in_(sa.select(looked_at.c.record_no)))
    return {
        "said_name": sa.select(
            whose.c.person, names.c.given_name, names.c.surname, names.c.birth_date, names.c.gender
        ).join_from(names, whose, whose.c.record_no == names.c.record_no),
        "said_value": sa.select(whose.c.person, values.c.type, values.c.value)
        .join_from(values, whose, whose.c.record_no == values.c.record_no)
        .where(
            values.c.type.in_(["email", "phone"]),
            sa.not_(values.c.blocked),
            sa.not_(values.c.false),
            values.c.key.not_in(sa.select(crowds.c.key)),
        )
        .distinct(),
        "said_home": sa.select(
            whose.c.person,
            sa.func.nullif(postcode, "").label("postcode"),
            sa.func.nullif(sa.func.lower(address.c.street), "").label("street"),
            sa.func.nullif(sa.func.lower(number), "").label("number"),
            sa.func.nullif(sa.func.lower(address.c.city), "").label("city"),
        )
        .select_from(
            address.join(records, records.c.record_id == address.c.record_id).join(
                whose, whose.c.record_no == records.c.record_no
            )
        )
        .distinct(),
        "said_apart": sa.union_all(
            sa.select(apart.c.low.label("person"), apart.c.high.label("other")), sa.select(apart.c.high, apart.c.low)
        ),
        "known": known,
    }
