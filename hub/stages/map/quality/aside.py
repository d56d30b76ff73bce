"""Aside: whether most of what came could be mapped, or went to quarantine.

A mapping that does not fit its source maps nothing and breaks nothing: every row is set aside with its reason, and the
run goes on without them. So that is told, whatever the project demands, and stops the connection where it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hub.project.quality import QualityCheck
from hub.stages.map.rows import Rows
from hub.warehouse import Transaction

MOSTLY = QualityCheck(rows="mapped", otherwise="warn")
"""The check that holds where a project has none of this kind."""
FEWEST = 10
"""Of so many rows it is told by default: fewer say little about a mapping."""


@dataclass(frozen=True)
class Came:
    """What came of one raw table for one target; `mostly` is the reason for which most rows were set aside."""

    raw_table: str
    rows: int
    aside: int
    mostly: str

    @property
    def share(self) -> float:
        """Give the share that is mapped."""
        return (self.rows - self.aside) / self.rows


def came(transaction: Transaction, rows: Rows) -> Came | None:
    """Count the new rows of one mapping, without those of which a newer version passed; None where there are none."""
    overtaken = sum(rows.superseded_failed.values())
    total, aside = sum(count.rows for count in rows.counts) - overtaken, rows.failed - overtaken
    return Came(rows.translation.mapped.mapping.from_, total, aside, _mostly(transaction, rows)) if total else None


def _mostly(transaction: Transaction, rows: Rows) -> str:
    if not rows.failed:
        return ""
    source, conditions = rows.set_aside()
    reason = rows.table.c["_reason"]
    counted = sa.select(reason).select_from(source).where(*conditions).group_by(reason)
    found = transaction.rows(counted.order_by(sa.func.count().desc(), reason).limit(1))
    return str(found[0][0]) if found else ""


def worst(of: Sequence[Came]) -> Came:
    """Choose the raw table of which the smallest share is mapped: a large one must not hide a small one."""
    return min(of, key=lambda one: (one.share, one.raw_table))
