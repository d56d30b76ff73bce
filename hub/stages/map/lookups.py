"""What is normalised once per distinct value: by the engine where it is certain, else by a library.

What a library gave is kept in `store.lookup_value`, so that the next run asks for new values only.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from hub.expressions import Lookup
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

_NOTHING = sa.cast(sa.null(), sa.Text())


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
    value, certain = lookup.fast(distinct.c.input) if lookup.fast else (_NOTHING, sa.false())
    decided = sa.func.coalesce(certain, sa.false(), type_=sa.Boolean())
    judged = sa.select(distinct.c.input, value.label("value"), decided.label("decided")).subquery()
    output = sa.case((judged.c.decided, judged.c.value), else_=_NOTHING)
    values = transaction.hold(lookup.name, sa.select(judged.c.input, output.label("output"), judged.c.decided))
    if transaction.count(values, sa.not_(values.c.decided)):
        _ask(transaction, lookup, values)


def _ask(transaction: Transaction, lookup: Lookup, values: sa.TableClause) -> None:
    """Fill in what the engine did not decide: by what is kept, after the library was asked what it has never seen."""
    stored = transaction.table("lookup_value")
    kept = (stored.c.function == text_constant(lookup.function), stored.c.input == values.c.input)
    _learn(
        transaction,
        lookup,
        sa.select(values.c.input).where(sa.not_(values.c.decided), sa.not_(sa.exists().where(*kept))),
    )
    filled = sa.update(values).values(output=stored.c.output)
    transaction.execute(filled.where(sa.not_(values.c.decided), *kept))


def _learn(transaction: Transaction, lookup: Lookup, query: sa.Select[tuple[str]]) -> None:
    """Ask the library for the values that it has never seen, and keep what it says."""
    import pyarrow as pa

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
