"""Connected components, in sets: which records hang together, however long the chain.

Each round, every record that has a smaller neighbour hooks onto its smallest one; hooks onto hooks are then shortened
until each points at a record that did not hook (pointer jumping doubles the distance each time); and the edges are
rewritten between those. Every round leaves at most half of the records that still have edges, and shortening takes
the logarithm of the longest path, so that a chain of 100,000 records costs some twenty joins.
"""

from __future__ import annotations

import sqlalchemy as sa

from hub.warehouse import Transaction


def components(transaction: Transaction, edges: sa.TableClause, name: str = "component") -> sa.TableClause:
    """Return (member, root) for every member of a component except its root, the smallest number in it.

    `edges` has the integer columns `high` and `low`, with `low < high` in every row; a pair may repeat. The temporary
    tables begin with `name`: a second call of the same name replaces the first one's result.
    """
    hooks: list[sa.TableClause] = []
    while True:
        hook = transaction.hold(
            f"{name}_{len(hooks)}",
            sa.select(edges.c.high.label("member"), sa.func.min(edges.c.low).label("root")).group_by(edges.c.high),
        )
        hook = shortened(transaction, hook, f"{name}_{len(hooks)}_short")
        hooks.append(hook)
        edges = _contracted(transaction, edges, hook, f"{name}_edges_{len(hooks)}")
        if not transaction.count(edges):
            break
    if len(hooks) == 1:
        return hook
    every = transaction.hold(f"{name}_all", sa.union_all(*(sa.select(hook.c.member, hook.c.root) for hook in hooks)))
    return shortened(transaction, every, f"{name}_all_short")


def shortened(transaction: Transaction, hook: sa.TableClause, name: str) -> sa.TableClause:
    """Make each row of (member, root) point at a root that is no member itself."""
    further = hook.alias("further")
    count = 0
    while transaction.count(hook.join(further, further.c.member == hook.c.root)):
        count += 1
        hook = transaction.hold(
            f"{name}_{count % 2}",
            sa.select(hook.c.member, sa.func.coalesce(further.c.root, hook.c.root).label("root")).select_from(
                hook.outerjoin(further, further.c.member == hook.c.root)
            ),
        )
        further = hook.alias("further")
    return hook


def _contracted(transaction: Transaction, edges: sa.TableClause, hook: sa.TableClause, name: str) -> sa.TableClause:
    """Rewrite edges between the roots of their ends; those within one tree vanish."""
    above, below = hook.alias("above"), hook.alias("below")
    high = sa.func.coalesce(above.c.root, edges.c.high)
    low = sa.func.coalesce(below.c.root, edges.c.low)
    return transaction.hold(
        name,
        sa.select(sa.func.greatest(high, low).label("high"), sa.func.least(high, low).label("low"))
        .select_from(
            edges.outerjoin(above, above.c.member == edges.c.high).outerjoin(below, below.c.member == edges.c.low)
        )
        .where(high != low)
        .distinct(),
    )
