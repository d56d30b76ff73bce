"""Withdraw: what steps of a way began, and what must not go on after the way ended before its time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.stages.decide.tick import moment
from hub.warehouse import Transaction

INTERRUPTED = "the way through the scenario ended before its time"


def withdraw(transaction: Transaction, as_of: datetime) -> int:
    """Withdraw open tasks, end banners and hold back rows of ways that were stopped; return how many."""
    enrolment = transaction.table("enrolment")
    stopped = sa.select(enrolment.c.enrolment_id).where(enrolment.c.status == "stopped")
    task, banner, posted = (transaction.table(name) for name in ("task", "banner", "posted_row"))
    going_on: list[tuple[sa.Table, sa.ColumnElement[bool], dict[str, Any]]] = [
        (task, task.c.state == "open", {"state": "withdrawn", "reason": INTERRUPTED, "closed_at": as_of}),
        (banner, banner.c.until > moment(as_of), {"until": as_of}),
        (posted, posted.c.state == "waiting", {"state": "refused", "reason": INTERRUPTED, "settled_at": as_of}),
    ]
    number = 0
    for table, is_open, values in going_on:
        if transaction.count(table, is_open):
            ended = sa.update(table).where(is_open, table.c.enrolment_id.in_(stopped)).values(**values)
            number += transaction.execute(ended).rowcount
    return number
