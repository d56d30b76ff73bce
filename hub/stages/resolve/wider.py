"""Widen: who turns out to be likely one with the news is looked at too, with all that it hangs together with."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from hub.stages.resolve.match import Compared
from hub.stages.resolve.news import News
from hub.warehouse import Transaction


def every_number(transaction: Transaction, news: News) -> sa.TableClause:
    """Hold (record_no) of all records that are looked at, and of those that are gone."""
    parts = (sa.select(it.c.record_no) for it in (news.records, news.gone))
    return transaction.hold("looked_at_record", sa.union(*parts))


def widen(transaction: Transaction, news: News, compared: Compared) -> News:
    """Add whoever hangs together with who was compared, or is in a fresh pair; the same news where nobody does.

    One step is enough: what a record hung together with before includes whom it was likely one with.
    """
    fresh, changed = compared.fresh, compared.changed
    near, kept = sa.select(news.records.c.record_no), transaction.table("resolved_record")
    ends = sa.union(sa.select(changed.c.record_no), sa.select(fresh.c.low), sa.select(fresh.c.high)).subquery()
    beyond = transaction.hold("beyond_the_news", sa.select(ends.c.record_no).where(ends.c.record_no.not_in(near)))
    if not transaction.count(beyond):
        return news
    theirs = sa.select(kept.c.component).where(kept.c.record_no.in_(sa.select(beyond.c.record_no)))
    hanging = sa.select(kept.c.record_no).where(kept.c.component.in_(theirs))
    return replace(news, records=transaction.hold("wider_record", sa.union(near, hanging)))
