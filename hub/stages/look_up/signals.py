"""Signals: what changed between two answers about a company, for the people who have a role there (R5).

    organisation_renamed       the name in the register is another one
    organisation_taken_over    it has another owner
    organisation_new_branch    it has more branches; value: how many more
    organisation_grown         it has more employees; value: how many more
    organisation_ended         it does not exist any more
    organisation_non_mailing   it objects to advertising by post from now on (value 1), or no longer (value 0)

They are rows of `activity`, dated by the answer that showed the change, so that scenarios start from them as from
anything else that happens.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.project import Project
from hub.register import entries
from hub.report import Report
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.changes import Changes
from hub.warehouse.state import fingerprint, remember, seen

COMPARED = ("name", "owner", "branches", "employees", "active", "non_mailing")
STAGE = "look_up"


def signals(warehouse: Warehouse, project: Project, as_of: datetime) -> Report:
    """Write the signals that are new; each is written once. Without news from the mapping nothing is done."""
    with warehouse.begin() as transaction:
        mark = fingerprint(seen(transaction, "map"), [connection.name for connection in project.lookups])
        if not project.lookups or seen(transaction, STAGE) == mark:
            return Report(STAGE, skipped=True)
        activity = transaction.table("activity")
        new = transaction.hold("new_signal", _new(transaction, project))
        count = transaction.count(new)
        if count:
            names = [column.name for column in new.c]
            changes = Changes(transaction, "map")
            changes.rows(activity, sa.select(new))
            transaction.execute(sa.insert(activity).from_select(names, sa.select(new)))
            # signals are facts like those that `map` brings: what depends on facts must look again
            news = fingerprint(seen(transaction, "map"), STAGE, as_of)
            remember(transaction, "map", news, as_of)
            changes.vouch(as_of)
            mark = fingerprint(news, [connection.name for connection in project.lookups])
        remember(transaction, STAGE, mark, as_of)
    return Report(STAGE, rows_in=count, rows_out=count, counts={"signals": count}, skipped=not count)


def _new(transaction: Transaction, project: Project) -> sa.Select[Any]:
    changes = _changes(transaction, project)
    entry, role = entries(transaction, project), transaction.table("role")
    activity = transaction.table("activity")
    kinds = sa.union_all(*(_signal(changes, *kind) for kind in _kinds(changes))).subquery("signal")
    key = kinds.c.type + sa.literal(":") + kinds.c.source_key + sa.literal(":") + role.c.record_id
    told = (
        sa.select(
            kinds.c.connection,
            key.label("source_key"),
            kinds.c.at.label("source_time"),
            kinds.c.load_id,
            role.c.record_id,
            kinds.c.type,
            kinds.c.at,
            kinds.c.name.label("subject"),
            sa.cast(kinds.c.value, sa.Numeric(18, 4)).label("value"),
        )
        .select_from(kinds)
        .join(entry, sa.and_(entry.c.register == kinds.c.connection, entry.c.kvk == kinds.c.kvk))
        .join(
            role,
            sa.and_(role.c.connection == entry.c.connection, role.c.organisation_key == entry.c.organisation_key),
        )
        .where(role.c.record_id.is_not(None))
        .distinct()
        .subquery("told")
    )
    known = sa.and_(activity.c.connection == told.c.connection, activity.c.source_key == told.c.source_key)
    return sa.select(told).where(sa.not_(sa.exists(sa.select(activity.c.source_key).where(known))))


def _changes(transaction: Transaction, project: Project) -> sa.TableClause:
    """Hold each answer beside the one before about the same company; one question asked in two ways is one company."""
    profile = transaction.table("organisation_profile")

    def before(name: str) -> sa.ColumnElement[Any]:
        """Give a value of the answer before."""
        company, order = [profile.c.connection, profile.c.kvk], [profile.c.looked_up_at, profile.c.source_key]
        return sa.func.lag(profile.c[name]).over(partition_by=company, order_by=order).label(f"before_{name}")

    return transaction.hold(
        "register_change",
        sa.select(
            profile.c.connection,
            profile.c.source_key,
            profile.c.load_id,
            profile.c.kvk,
            profile.c.looked_up_at.label("at"),
            *(profile.c[name] for name in COMPARED),
            *(before(name) for name in COMPARED),
        ).where(
            profile.c.status == "found",
            profile.c.kvk.is_not(None),
            profile.c.connection.in_([connection.name for connection in project.lookups]),
        ),
    )


def _kinds(changes: sa.TableClause) -> list[tuple[str, sa.ColumnElement[bool], sa.ColumnElement[Any]]]:
    c, nothing = changes.c, sa.cast(sa.null(), sa.Integer())
    return [
        ("organisation_renamed", c.name != c.before_name, nothing),
        ("organisation_taken_over", c.owner != c.before_owner, nothing),
        ("organisation_new_branch", c.branches > c.before_branches, c.branches - c.before_branches),
        ("organisation_grown", c.employees > c.before_employees, c.employees - c.before_employees),
        ("organisation_ended", sa.and_(sa.not_(c.active), c.before_active), nothing),
        (
            "organisation_non_mailing",
            c.non_mailing != c.before_non_mailing,
            sa.case((c.non_mailing, 1), else_=0),
        ),
    ]


def _signal(
    changes: sa.TableClause, kind: str, happened: sa.ColumnElement[bool], value: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    c = changes.c
    return sa.select(
        c.connection,
        c.source_key,
        c.load_id,
        c.kvk,
        c.at,
        c.name,
        sa.literal(kind).label("type"),
        value.label("value"),
    ).where(happened)
