"""Groups: where the reader of each message belonged when it was decided, written down once.

Who buys because of a message is a customer afterwards: counted by the group of today, every message to prospects would
have failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.people.scope import People
from hub.warehouse import Transaction

FRESH = timedelta(days=1)
"""Older messages than this are measured too late to tell where their readers belonged."""


def keep_groups(
    transaction: Transaction,
    people: People,
    groupings: Mapping[str, sa.ColumnElement[str]],
    outcomes: sa.TableClause,
    as_of: datetime,
) -> None:
    """Write down the groups of the readers of messages (decision_id, new) that are measured for the first time."""
    group, decision = transaction.table("message_group"), transaction.table("decision")
    record = transaction.table("source_record")
    for name, element in groupings.items():
        known = sa.select(group.c.decision_id).where(group.c.grouped_by == name)
        fresh = (
            sa.select(outcomes.c.decision_id, sa.literal(name), element)
            .join(decision, decision.c.decision_id == outcomes.c.decision_id)
            .join(record, record.c.record_id == decision.c.record_id)
            .join(people.relation, people.person_id == record.c.person_id)
            .where(outcomes.c.new, decision.c["at"] > as_of - FRESH, outcomes.c.decision_id.not_in(known))
        )
        transaction.execute(sa.insert(group).from_select(["decision_id", "grouped_by", "group_value"], fresh))
