"""The difference between what an audience should hold and what its destination has acknowledged, in sets.

The audience is the segment's members who have given the consent that the sync asks for, are not suppressed, and have
a key. Only mapped fields count: a person who changed otherwise is no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hub.ledger import Ledger
from hub.project import Project
from hub.project.models import Sync
from hub.recipients import Marks
from hub.stages.activate.audience import audience_of
from hub.warehouse import Transaction

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Difference:
    """What to send: `upserts` (row_key, row_hash, known, fields as f0, f1 ...) and `removes` (row_key).

    Where the guard holds the sync, `held` says why, and only the removals of those who refuse are left to send.
    """

    upserts: pa.Table
    removes: pa.Table
    held: str = ""


def difference(
    transaction: Transaction, ledger: Ledger, marks: Marks, project: Project, sync: Sync, as_of: datetime
) -> Difference:
    """Compare as of a moment.

    The guard counts removals of those who left the segment, and of keys that are nobody's any more. It never holds
    back the removal of who withdrew consent or is suppressed.
    """
    audience = audience_of(transaction, ledger, marks, project, sync, as_of)
    belongs = transaction.hold("audience", audience.rows)
    state = transaction.table("audience_state")
    known = sa.select(state.c.row_key, state.c.row_hash).where(state.c.sync == sync.sync).subquery("known")
    gone = (
        sa.select(known.c.row_key)
        .outerjoin(belongs, belongs.c.row_key == known.c.row_key)
        .where(belongs.c.row_key.is_(None))
    )
    changed = (
        sa.select(belongs, known.c.row_key.is_not(None).label("known"))
        .outerjoin(known, known.c.row_key == belongs.c.row_key)
        .where(sa.or_(known.c.row_key.is_(None), known.c.row_hash != belongs.c.row_hash), belongs.c.in_segment)
    )
    refusing = transaction.arrow(gone.where(known.c.row_key.in_(audience.refusing))).read_all()
    removes = transaction.arrow(gone).read_all()
    upserts = transaction.arrow(changed).read_all()
    held = _guard(sync, removes.num_rows - refusing.num_rows, transaction.count(known), refusing.num_rows)
    return Difference(upserts.slice(0, 0), refusing, held) if held else Difference(upserts, removes)


def _guard(sync: Sync, left: int, known: int, refusing: int) -> str:
    if left <= sync.guards.removes * known:
        return ""
    but = f" but the removal of {refusing} who withdrew consent or are suppressed" if refusing else ""
    return (
        f"this run would remove {left} of {known} rows ({left / known:.0%}), more than the "
        f"{sync.guards.removes:.0%} that `guards: removes` allows; nothing was sent{but}. Look at the segment "
        f"'{sync.from_.segment}' and at the consent behind it; if they are right, raise the guard for one run"
    )
