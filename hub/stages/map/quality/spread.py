"""Spread: how often each value of a column comes, and how far a new load is from earlier ones.

The measure is the population stability index (PSI), as credit scoring uses it: the sum over values of
(share now - share before) x ln(share now / share before), shares no smaller than 0.0001. Below 0.1 nothing happened,
above 0.25 it is another population. Numbers are taken by powers of two (0, 1-2, 2-4, 4-8 ...), so that cents that
became euros show, and a price that rose does not. Values with less than 1% before and less than 5% now are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import Any

import sqlalchemy as sa

from hub.schema import Type
from hub.stages.map.rows import Rows
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

SMALLEST = 0.0001
OTHER = ""
"""The value that stands for all values that are not counted one by one."""
FREQUENT = 10
"""A value is counted by itself once so many rows of one load have it: no single person shows."""
VALUES = 50
FEWEST_NEW = 200
FEWEST_BEFORE = 1000
LOADS_BEFORE = 3
LOADS_KEPT = 30


def keep_spread(
    transaction: Transaction, rows: Rows, connection: str, name: str, type_: Type, loads: Iterable[str]
) -> None:
    """Count the values of a column in the new load packages, and write them down."""
    table, target = rows.table, rows.translation.mapped.target
    value = _bucket(table.c[f"c_{name}"], type_)
    among = [text_constant(load_id) for load_id in loads]
    counted = transaction.hold(
        "map_spread",
        sa.select(table.c["_load"].label("load"), value.label("value"), sa.func.count().label("rows"))
        .where(table.c[f"c_{name}"].is_not(None), table.c["_load"].in_(among))
        .group_by(table.c["_load"], value),
    )
    stored = transaction.table("quality_spread")
    here = [
        stored.c.connection == text_constant(connection),
        stored.c.target == text_constant(target),
        stored.c.field == text_constant(name),
    ]
    transaction.execute(sa.delete(stored).where(*here, stored.c.load_id.in_(among)))
    earlier = sa.select(stored.c.value).where(*here)
    place = sa.func.row_number().over(order_by=[sa.func.max(counted.c.rows).desc(), counted.c.value])
    ranked = sa.select(counted.c.value, place.label("place")).group_by(counted.c.value)
    shown = ranked.having(
        sa.or_(
            sa.func.max(counted.c.rows) >= sa.literal_column(str(FREQUENT)),
            counted.c.value.in_(earlier),
        )
    ).subquery()
    chosen = [value for (value,) in transaction.rows(sa.select(shown.c.value).where(shown.c.place <= VALUES))]
    label = sa.case(
        (counted.c.value.in_([text_constant(value) for value in chosen]), counted.c.value), else_=text_constant(OTHER)
    )
    new = sa.select(
        text_constant(connection),
        text_constant(target),
        text_constant(name),
        counted.c.load,
        label,
        sa.cast(sa.func.sum(counted.c.rows), sa.BigInteger()),
    ).group_by(counted.c.load, label)
    columns = ["connection", "target", "field", "load_id", "value", "rows"]
    transaction.execute(sa.insert(stored).from_select(columns, new))
    kept = sorted(
        (load_id for (load_id,) in transaction.rows(sa.select(stored.c.load_id).where(*here).distinct())), key=float
    )
    if kept[:-LOADS_KEPT]:
        gone = [text_constant(load_id) for load_id in kept[:-LOADS_KEPT]]
        transaction.execute(sa.delete(stored).where(*here, stored.c.load_id.in_(gone)))


def _bucket(column: sa.ColumnElement[object], type_: Type) -> sa.ColumnElement[str]:
    if type_ not in ("integer", "number"):
        return sa.cast(column, sa.Text())
    zero: sa.ColumnElement[Any] = sa.literal_column("0")
    size: sa.ColumnElement[Any] = sa.func.nullif(
        sa.cast(sa.func.abs(column), sa.Double()), sa.literal_column("0"), type_=sa.Double()
    )
    power = sa.cast(
        sa.cast(sa.func.floor(sa.func.ln(size) / sa.func.ln(sa.literal_column("2.0"))), sa.BigInteger()), sa.Text()
    )
    return sa.case(
        (column == zero, text_constant("0")),
        (column < zero, text_constant("-2^") + power),
        else_=text_constant("2^") + power,
    )


def spreads(transaction: Transaction, connection: str, target: str, name: str) -> dict[str, dict[str, int]]:
    """Read how often each value came, by load package in their order."""
    stored = transaction.table("quality_spread")
    query = sa.select(stored.c.load_id, stored.c.value, stored.c.rows).where(
        stored.c.connection == text_constant(connection),
        stored.c.target == text_constant(target),
        stored.c.field == text_constant(name),
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for load_id, value, rows in transaction.rows(query):
        found[load_id][value] = int(rows)
    return {load_id: found[load_id] for load_id in sorted(found, key=float)}


def drift(now: Sequence[Mapping[str, int]], before: Sequence[Mapping[str, int]]) -> float | None:
    """Give the PSI of new loads against earlier ones; None where either is too little to tell."""
    new, old = _together(now), _together(before)
    rows, rows_before = sum(new.values()), sum(old.values())
    if rows < FEWEST_NEW or rows_before < FEWEST_BEFORE or len(before) < LOADS_BEFORE:
        return None
    shown = {
        value
        for value in new.keys() | old.keys()
        if value != OTHER and (old[value] >= 0.01 * rows_before or new[value] >= 0.05 * rows)
    }
    shares = [(new[value] / rows, old[value] / rows_before) for value in sorted(shown)]
    shares.append((1 - sum(one for one, _ in shares), 1 - sum(other for _, other in shares)))
    floored = [(max(one, SMALLEST), max(other, SMALLEST)) for one, other in shares]
    return sum((one - other) * log(one / other) for one, other in floored)


def _together(loads: Iterable[Mapping[str, int]]) -> defaultdict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for load in loads:
        for value, rows in load.items():
            found[value] += rows
    return found
