"""What libraries normalise: once per distinct value, kept in `store.lookup_value`, joined to the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from hub.expressions import Lookup
from hub.warehouse import Transaction


def fill(transaction: Transaction, source: sa.FromClause, lookups: Sequence[Lookup]) -> None:
    """Compute the values that the rows of `source` need and that are not known yet."""
    for position, lookup in enumerate(lookups):
        stored = transaction.table("lookup_value")
        wanted = sa.select(lookup.input.label("input")).select_from(source).where(lookup.needed).distinct().subquery()
        known = sa.select(stored.c.input).where(stored.c.function == lookup.function)
        missing = sa.select(wanted.c.input).where(wanted.c.input.not_in(known))
        _compute(transaction, lookup, missing, f"map_lookup_{position}")


def joined(source: sa.FromClause, lookups: Iterable[Lookup]) -> sa.FromClause:
    """Join the known values to the rows."""
    for lookup in lookups:
        source = source.outerjoin(lookup.table, lookup.condition)
    return source


def _compute(transaction: Transaction, lookup: Lookup, missing: sa.Select[Any], name: str) -> None:
    import pyarrow as pa

    inputs: list[str] = [value for batch in transaction.arrow(missing) for value in batch.column(0).to_pylist()]
    if not inputs:
        return
    data = pa.table(
        {
            "function": pa.array([lookup.function] * len(inputs), pa.string()),
            "input": pa.array(inputs, pa.string()),
            "output": pa.array([lookup.call(value) for value in inputs], pa.string()),
        }
    )
    loaded = transaction.load(name, data)
    stored = transaction.table("lookup_value")
    columns = ["function", "input", "output"]
    transaction.execute(sa.insert(stored).from_select(columns, sa.select(*(loaded.c[column] for column in columns))))
