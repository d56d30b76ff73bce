"""Rewrite: make a stored table hold what was computed, writing only what differs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hub.warehouse import Transaction


def rewrite(transaction: Transaction, name: str, query: sa.Select[Any], within: sa.Select[Any] | None = None) -> int:
    """Make a stored table hold exactly these rows by its key, and return how many were new or different.

    With `within`, only the stored rows with those keys are looked at: the query must give nothing beyond them.
    """
    table = transaction.table(name)
    (key,) = table.info["key"]
    columns = [column.name for column in query.selected_columns]
    if within is None and not transaction.scalar(sa.select(sa.exists(sa.select(table.c[key])))):
        transaction.execute(sa.insert(table).from_select(columns, query))
        return transaction.count(table)
    looked_at = table.c[key].in_(within) if within is not None else sa.true()
    rows = transaction.hold(f"next_{name}", query)
    stored = sa.select(*(table.c[column] for column in columns)).where(looked_at)
    news = transaction.hold(f"{name}_news", sa.except_(sa.select(rows), stored))
    kept = sa.exists(sa.select(rows.c[key]).where(rows.c[key] == table.c[key]))
    changed = sa.exists(sa.select(news.c[key]).where(news.c[key] == table.c[key]))
    transaction.execute(sa.delete(table).where(looked_at, sa.or_(sa.not_(kept), changed)))
    transaction.execute(sa.insert(table).from_select(columns, sa.select(news)))
    return transaction.count(news)
