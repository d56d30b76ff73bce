"""What is told to the engine: what the records of each person say, and what was decided by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub.stages.resolve.match.engine import Engine
from hub.stages.resolve.match.forms import formal_names, name_forms
from hub.warehouse import Transaction

if TYPE_CHECKING:
    import pyarrow as pa


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


def tell(transaction: Transaction, engine: Engine, people: Told) -> None:
    """Stream it all as Arrow; only who has a name takes part."""
    for name, statement in _statements(transaction, people).items():
        engine.load(name, _table(transaction, statement))
    keys = engine.given_names()
    engine.load("formal", _pairs(formal_names(keys, engine.rules.short_names), "name", "formal"))
    engine.load("name_form", _pairs(name_forms(engine.rules.short_names), "formal", "form"))


def _statements(transaction: Transaction, people: Told) -> dict[str, sa.Select[Any]]:
    names, values, crowds, whose = people.names, people.values, people.crowds, people.whose
    address, records = transaction.table("address"), people.records
    postcode = sa.func.replace(sa.func.upper(address.c.postcode), " ", "", type_=sa.Text())
    number = sa.func.concat_ws("-", address.c.house_number, address.c.house_letter, address.c.house_addition)
    low, high = whose.alias("low_whose"), whose.alias("high_whose")
    verdicts = people.verdicts
    link, profile = transaction.table("match_link"), transaction.table("match_profile")
    one, other = records.alias("one"), records.alias("other")
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
        "never": sa.select(
            sa.func.least(low.c.person, high.c.person, type_=sa.BigInteger()).label("low"),
            sa.func.greatest(low.c.person, high.c.person, type_=sa.BigInteger()).label("high"),
        )
        .select_from(
            verdicts.join(low, low.c.record_no == verdicts.c.low).join(high, high.c.record_no == verdicts.c.high)
        )
        .where(sa.not_(verdicts.c.same))
        .distinct(),
        "known": sa.select(profile.c.record_no.label("person"), profile.c.mark),
        "scored": sa.select(
            one.c.record_no.label("low"),
            other.c.record_no.label("high"),
            sa.cast(link.c.score, sa.Double()).label("score"),
            link.c.joined,
            sa.func.replace(link.c.reason, "fits several people; ", "", type_=sa.Text()).label("reason"),
        ).select_from(
            link.join(one, one.c.record_id == link.c.low_record).join(other, other.c.record_id == link.c.high_record)
        ),
    }


def _table(transaction: Transaction, statement: sa.Select[Any]) -> pa.Table:
    return transaction.arrow(statement).read_all()


def _pairs(pairs: Iterator[tuple[str, str]], *names: str) -> pa.Table:
    import pyarrow as pa

    columns = list(zip(*pairs, strict=True)) or [(), ()]
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
