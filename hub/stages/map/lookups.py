"""What is normalised once per distinct value: by the engine where it is certain, else by a library.

What a library gave is kept in `store.lookup_value`, so that the next run asks for new values only.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from hub.expressions import Lookup
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant


def fill(transaction: Transaction, source: sa.FromClause, lookups: Iterable[Lookup]) -> None:
    """Make the table of each lookup, for all values that the rows of `source` need."""
    for lookup in lookups:
        _fill(transaction, source, lookup)


def joined(source: sa.FromClause, lookups: Iterable[Lookup]) -> sa.FromClause:
    """Join the values to the rows."""
    for lookup in lookups:
        source = source.outerjoin(lookup.table, lookup.condition)
    return source


def _fill(transaction: Transaction, source: sa.FromClause, lookup: Lookup) -> None:
    rows = joined(source, lookup.depends)
    distinct = sa.select(lookup.input.label("input")).select_from(rows).where(lookup.needed).distinct().subquery()
    none = sa.cast(sa.null(), sa.Text())
    value, certain = lookup.fast(distinct.c.input) if lookup.fast else (none, sa.false())
    decided = sa.func.coalesce(certain, sa.false(), type_=sa.Boolean())
    output = sa.case((decided, value), else_=none)
    values = transaction.hold(
        "map_values", sa.select(distinct.c.input, output.label("output"), decided.label("decided"))
    )
    undecided = sa.not_(values.c.decided)
    if transaction.count(values, undecided):
        stored = transaction.table("lookup_value")
        known = sa.and_(
            undecided, stored.c.function == text_constant(lookup.function), stored.c.input == values.c.input
        )
        _ask(transaction, lookup, values.outerjoin(stored, known), values, sa.and_(undecided, stored.c.input.is_(None)))
        result = sa.select(values.c.input, sa.func.coalesce(values.c.output, stored.c.output).label("output"))
        transaction.hold(lookup.name, result.select_from(values.outerjoin(stored, known)))
    else:
        transaction.hold(lookup.name, sa.select(values.c.input, values.c.output))


def _ask(
    transaction: Transaction,
    lookup: Lookup,
    source: sa.FromClause,
    values: sa.TableClause,
    missing: sa.ColumnElement[bool],
) -> None:
    """Ask the library for the values that it has never seen, and keep what it says."""
    import pyarrow as pa

    query = sa.select(values.c.input).select_from(source).where(missing)
    inputs: list[str] = [value for batch in transaction.arrow(query) for value in batch.column(0).to_pylist()]
    if not inputs:
        return
    answers = pa.table(
        {
            "function": pa.array([lookup.function] * len(inputs), pa.string()),
            "input": pa.array(inputs, pa.string()),
            "output": pa.array([lookup.call(value) for value in inputs], pa.string()),
        }
    )
    loaded = transaction.load("map_answers", answers)
    stored = transaction.table("lookup_value")
    columns = ["function", "input", "output"]
    transaction.execute(sa.insert(stored).from_select(columns, sa.select(*(loaded.c[column] for column in columns))))
