"""What is normalised once per distinct value: by the engine where it is certain, else by a library.

The engine decides row by row, in steps that are each computed once. What it leaves open is asked of a library: once per
distinct value ever seen, as what a library gave is kept in `store.lookup_value`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from hub.expressions import Lookup, Step
from hub.expressions.scope import Element
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant

_NOTHING = sa.cast(sa.null(), sa.Text())


def stepped(source: sa.FromClause, steps: Sequence[Step]) -> sa.FromClause:
    """Add the column of each step to a relation; those that need no other one come in one layer, and so on."""
    level: dict[str, int] = {}
    for step in steps:
        needed = (part.name for part in sa.sql.visitors.iterate(step.element) if isinstance(part, sa.ColumnClause))
        level[step.name] = 1 + max((level.get(name, 0) for name in needed), default=0)
    for number in range(1, max(level.values(), default=0) + 1):
        new = [step.element.label(step.name) for step in steps if level[step.name] == number]
        source = sa.select(*source.c, *new).select_from(source).subquery()
    return source


def deciding(lookups: Iterable[Lookup]) -> list[Step]:
    """Give the steps in which the engine decides: the `output` of each lookup, and `open_` where it can't say."""
    return [step for lookup in lookups for step in _deciding(lookup)]


def open_(lookup: Lookup) -> Element:
    """Give the column that says where the engine has not decided."""
    return sa.column(f"{lookup.name}_open", sa.Boolean())


def _deciding(lookup: Lookup) -> Iterator[Step]:
    # where nothing is needed the input becomes null, which every function passes by: inside a CASE each would be
    # computed as often as it stands there
    given = Step(f"{lookup.name}_given", sa.case((lookup.needed, lookup.input)))
    yield given
    parts: list[Step] = []

    def once(element: Element) -> Element:
        parts.append(Step(f"{lookup.name}_{len(parts)}", element))
        return parts[-1].column

    value, certain = lookup.fast(given.column, once) if lookup.fast else (_NOTHING, sa.false())
    yield from parts
    sure = Step(f"{lookup.name}_sure", sa.func.coalesce(certain, sa.false(), type_=sa.Boolean()))
    yield sure
    yield Step(lookup.output.name, sa.case((sure.column, value), else_=_NOTHING))
    yield Step(open_(lookup).name, sa.and_(given.column.is_not(None), sa.not_(sure.column)))


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
    value, certain = lookup.fast(distinct.c.input, _itself) if lookup.fast else (_NOTHING, sa.false())
    decided = sa.func.coalesce(certain, sa.false(), type_=sa.Boolean())
    judged = sa.select(distinct.c.input, value.label("value"), decided.label("decided")).subquery()
    output = sa.case((judged.c.decided, judged.c.value), else_=_NOTHING)
    columns = [judged.c.input.label(f"{lookup.name}_input"), output.label(lookup.output.name), judged.c.decided]
    values = transaction.hold(lookup.name, sa.select(*columns))
    if transaction.count(values, sa.not_(values.c.decided)):
        _ask(transaction, lookup, values)


def _itself(element: Element) -> Element:
    return element


def _ask(transaction: Transaction, lookup: Lookup, values: sa.TableClause) -> None:
    """Fill in what the engine did not decide: by what is kept, after the library was asked what it has never seen."""
    stored = transaction.table("lookup_value")
    given = values.c[f"{lookup.name}_input"]
    kept = (stored.c.function == text_constant(lookup.function), stored.c.input == given)
    _learn(
        transaction,
        lookup,
        sa.select(given).where(sa.not_(values.c.decided), sa.not_(sa.exists().where(*kept))),
    )
    filled = sa.update(values).values({lookup.output.name: stored.c.output})
    transaction.execute(filled.where(sa.not_(values.c.decided), *kept))


def _learn(transaction: Transaction, lookup: Lookup, query: sa.Select[tuple[str]]) -> None:
    """Ask the library for the values that it has never seen, and keep what it says."""
    import pyarrow as pa

    from hub.warehouse.arrow import texts

    inputs: list[str] = [value for batch in transaction.arrow(query) for value in batch.column(0).to_pylist()]
    if not inputs:
        return
    answers = pa.table(
        {
            "function": texts([lookup.function] * len(inputs)),
            "input": texts(inputs),
            "output": texts([lookup.call(value) for value in inputs]),
        }
    )
    loaded = transaction.load("map_answers", answers)
    stored = transaction.table("lookup_value")
    columns = ["function", "input", "output"]
    transaction.execute(sa.insert(stored).from_select(columns, sa.select(*(loaded.c[column] for column in columns))))
