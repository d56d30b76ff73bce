"""What follows when records change person: old numbers, memberships and consent.

Facts belong to records and need nothing. What is kept by a person's number has to move with the people, in the
transaction that moves them, so that nobody ever reads a person who is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.law import Terms
from hub.stages.resolve.aliases import rename
from hub.stages.resolve.memberships import move_memberships
from hub.stages.resolve.refusals import keep_refusals
from hub.warehouse import Transaction


@dataclass(frozen=True)
class Followed:
    """How many people are gone (merged into others), how many were split off, how many refusals were kept."""

    merged: int
    split: int
    refusals: int


def follow(transaction: Transaction, terms: Terms, moved: sa.TableClause, as_of: datetime) -> Followed:
    """Let everything follow the records that changed person.

    `moved` has one row per record that had a person and has another one now: record_no, before, after (both are
    numbers of people). Call it when `source_record` tells the new person of every record.
    """
    if not transaction.count(moved):
        return Followed(0, 0, 0)
    renamed = rename(transaction, moved, as_of)
    move_memberships(transaction, moved, renamed)
    return Followed(
        transaction.count(renamed.gone),
        transaction.count(renamed.born),
        keep_refusals(transaction, terms, moved, as_of),
    )
