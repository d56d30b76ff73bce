"""Consent in effect: what people's newest statements say, per channel and purpose. It fails closed.

No statement, an unclear one, or one without a moment is no consent. Where a person's records contradict each other
at the same moment, the refusal holds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import sqlalchemy as sa

CLOCKS_APART = timedelta(days=1)
"""A system's clock may run ahead of ours: a withdrawal counts from a day before its own moment."""


class Tables(Protocol):
    """Whatever gives the stored tables by their names: a transaction, or the schema."""

    def table(self, name: str) -> sa.Table:
        """Return a stored table."""
        ...


def in_effect(
    tables: Tables,
    people: sa.FromClause,
    purpose: str,
    as_of: datetime,
    records: sa.FromClause | None = None,
) -> sa.Select:
    """Give the consent in effect of `people` (which has person_id): person_id, channel, given, at, consent_key.

    `given` is never null; `consent_key` names the statement (`connection:key`) that proves it. Nobody has more than
    one row per channel; who never stated anything has none. `records` (record_id, person_id) says whose the records
    are, where not `source_record` is asked.
    """
    consent = tables.table("consent")
    record = tables.table("source_record") if records is None else records
    at = sa.func.coalesce(consent.c.at, consent.c.source_time)
    given = sa.func.coalesce(consent.c.given, sa.false())
    known = sa.or_(at <= as_of, sa.and_(sa.not_(given), at <= as_of + CLOCKS_APART))
    wanted = sa.select(people.c.person_id).distinct().subquery("wanted")
    stated = (
        sa.select(
            record.c.person_id,
            consent.c.channel,
            given.label("given"),
            at.label("at"),
            (consent.c.connection + ":" + consent.c.source_key).label("consent_key"),
        )
        .join(record, record.c.record_id == consent.c.record_id)
        .join(wanted, wanted.c.person_id == record.c.person_id)
        .where(consent.c.purpose == purpose, known)
        .cte(f"stated_on_{purpose}")
    )
    newest = (
        sa.select(stated.c.person_id, stated.c.channel, sa.func.max(stated.c.at).label("at"))
        .group_by(stated.c.person_id, stated.c.channel)
        .cte(f"newest_on_{purpose}")
    )
    return (
        sa.select(
            stated.c.person_id,
            stated.c.channel,
            sa.func.bool_and(stated.c.given, type_=sa.Boolean()).label("given"),
            sa.func.max(stated.c.at).label("at"),
            sa.func.min(stated.c.consent_key).label("consent_key"),
        )
        .join(
            newest,
            sa.and_(
                newest.c.person_id == stated.c.person_id,
                newest.c.channel == stated.c.channel,
                newest.c.at == stated.c.at,
            ),
        )
        .group_by(stated.c.person_id, stated.c.channel)
    )


def allowed(given: sa.ColumnElement[bool], purpose: str) -> sa.ColumnElement[bool]:
    """Say whether a message of a purpose may go: marketing needs consent; service only the absence of a refusal."""
    return sa.func.coalesce(given, sa.true() if purpose == "service" else sa.false())


def refusal(given: sa.ColumnElement[bool]) -> sa.ColumnElement[str]:
    """Say why it may not go."""
    return sa.case((given.is_(None), sa.literal("no consent")), else_=sa.literal("consent withdrawn"))
