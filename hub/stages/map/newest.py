"""Newest: which rows are older versions of a row, in the same load packages or in the store; or its echo, and no news.

The newest source time wins; without one a row counts as older than any. Among equals the later load package wins, then
the later row. So the result does not depend on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hub.stages.map.rows import Rows
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant


def mark_older(transaction: Transaction, rows: Rows, connection: str, stored: bool) -> None:
    """Find the rows that a newer version supersedes. `stored`: the store has rows of this connection already."""
    table = rows.table
    parts: list[sa.Select[Any]] = []
    good = table.c["_reason"].is_(None)
    one: sa.ColumnElement[int] = sa.literal_column("1")
    twice = transaction.hold(
        "map_twice",
        sa.select(table.c["_key"]).where(good).group_by(table.c["_key"]).having(sa.func.count() > one),
    )
    if transaction.count(twice):
        parts.append(_losers(table, [good, table.c["_key"].in_(sa.select(twice.c["_key"]))], [table.c["_key"]]))
    if stored:
        target = transaction.table(rows.translation.table.name)
        same = sa.and_(target.c.connection == text_constant(connection), target.c.source_key == table.c["_key"])
        older = sa.or_(table.c["_time"].is_(None), table.c["_time"] < target.c.source_time)
        parts.append(
            sa.select(table.c["_load"], table.c["_row"])
            .select_from(table.join(target, same))
            .where(good, target.c.source_time.is_not(None), older)
        )
    if rows.failed:
        repeated = [table.c["_reason"].is_not(None), table.c["_key"].is_not(None)]
        parts.append(_losers(table, repeated, [table.c["_key"], table.c["_reason"], table.c["_load"]]))
    if rows.echoes is not None:
        parts.append(sa.select(rows.echoes.c["_load"], rows.echoes.c["_row"]).where(rows.echoes.c.whole))
    if not parts:
        return
    query = sa.union(*parts).subquery()
    older_rows = transaction.hold("map_older", sa.select(query.c["_load"], query.c["_row"]))
    found = transaction.rows(
        sa.select(table.c["_load"], sa.func.count(), sa.func.count(table.c["_reason"]))
        .select_from(
            table.join(
                older_rows,
                sa.and_(older_rows.c["_load"] == table.c["_load"], older_rows.c["_row"] == table.c["_row"]),
            )
        )
        .group_by(table.c["_load"])
    )
    if found:
        rows.older = older_rows
        rows.superseded = {str(load): int(count) - int(failed) for load, count, failed in found}
        rows.superseded_failed = {str(load): int(failed) for load, _, failed in found}


def overtakes(
    time: sa.ColumnElement[Any],
    load: sa.ColumnElement[str],
    other_time: sa.ColumnElement[Any],
    other_load: sa.ColumnElement[str],
) -> sa.ColumnElement[bool]:
    """Say whether a version that passes is newer than another one that does not.

    Of times that are equal, or where the other one's can't be read, the later load package is the newer.
    """
    later = sa.cast(load, sa.Double()) > sa.cast(other_load, sa.Double())
    undated = sa.or_(other_time.is_(None), time == other_time)
    return sa.or_(time > other_time, sa.and_(undated, later))


def mark_overtaken(transaction: Transaction, rows: Rows, connection: str) -> None:
    """Find the failed rows of which a newer version is stored: nobody need mend them. Call it once that is stored.

    So quarantine holds the same whether versions come one by one, in any order, or all at once.
    """
    if not rows.failed:
        return
    table, target = rows.table, transaction.table(rows.translation.table.name)
    same = sa.and_(target.c.connection == text_constant(connection), target.c.source_key == table.c["_key"])
    newer = overtakes(target.c.source_time, target.c.load_id, table.c["_time"], table.c["_load"])
    failed = table.c["_reason"].is_not(None)
    overtaken = sa.select(table.c["_load"], table.c["_row"]).select_from(table.join(target, same)).where(failed, newer)
    known = [] if rows.older is None else [sa.select(rows.older.c["_load"], rows.older.c["_row"])]
    older = transaction.hold("map_overtaken", sa.union(overtaken, *known))
    here = sa.and_(older.c["_load"] == table.c["_load"], older.c["_row"] == table.c["_row"])
    counted = sa.select(table.c["_load"], sa.func.count()).select_from(table.join(older, here)).where(failed)
    rows.superseded_failed = {
        str(load): int(count) for load, count in transaction.rows(counted.group_by(table.c["_load"]))
    }
    rows.older = older


def _losers(
    table: sa.TableClause, conditions: Sequence[sa.ColumnElement[bool]], partition: Sequence[sa.ColumnElement[Any]]
) -> sa.Select[Any]:
    place = sa.func.row_number().over(partition_by=partition, order_by=newest_first(table)).label("place")
    ranked = sa.select(table.c["_load"], table.c["_row"], place).where(*conditions).subquery()
    return sa.select(ranked.c["_load"], ranked.c["_row"]).where(ranked.c.place > sa.literal_column("1"))


def newest_first(table: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """Order rows by the declared order, the winner first."""
    return [
        table.c["_time"].desc().nulls_last(),
        sa.cast(table.c["_load"], sa.Double()).desc(),
        table.c["_row"].desc(),
    ]


def oldest_first(table: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """Order rows the other way round."""
    return [table.c["_time"].asc().nulls_last(), sa.cast(table.c["_load"], sa.Double()).asc(), table.c["_row"].asc()]
