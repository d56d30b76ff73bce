"""The difference between what a destination should hold and what it has acknowledged, in sets.

Only mapped fields count: a row that changed otherwise is no difference. What differs is kept as keys and hashes; the
fields of a row are read when its turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa

from hub.ledger import Ledger
from hub.project import Project
from hub.project.sync import Sync
from hub.recipients import Marks
from hub.stages.activate.audience import Audience, Counts, audience_of
from hub.warehouse import Transaction

Kind = Literal["new", "changed", "again", "left", "refused", "gone", "stray"]
WRITTEN: tuple[Kind, ...] = ("new", "changed", "again")
TAKEN_OUT: tuple[Kind, ...] = ("refused", "stray", "gone", "left")
"""What may differ: rows to write and rows to take out, in the order in which they are sent.

again    nothing changed; a resync sends it once more
refused  consent was withdrawn, or the address is suppressed
gone     the key is nobody's any more
stray    the destination holds it though it was taken out before
"""


@dataclass(frozen=True)
class Difference:
    """What to send: `changes` (place, kind, row_key, row_hash, remote_id, known, person_id, i0 ...), counted by kind.

    `place` numbers them from 1, so that they can be read in slices.
    `acknowledged` is how many rows the destination holds as far as it said.
    """

    changes: sa.TableClause
    audience: Audience
    by_kind: Mapping[Kind, int]
    acknowledged: int

    @property
    def counts(self) -> Counts:
        """Give the counts of the source."""
        return self.audience.counts

    @property
    def left(self) -> int:
        """Say how many rows are to be taken out although nobody refused."""
        return self.by_kind.get("left", 0) + self.by_kind.get("gone", 0) + self.by_kind.get("stray", 0)

    @property
    def changed(self) -> int:
        """Say how many rows differ, not counting those that refuse."""
        return self.by_kind.get("new", 0) + self.by_kind.get("changed", 0) + self.left

    @property
    def unchanged(self) -> int:
        """Say how many rows are there as they should be."""
        taken_out = self.left + self.by_kind.get("refused", 0) - self.by_kind.get("stray", 0)
        return self.acknowledged - taken_out - self.by_kind.get("changed", 0) - self.by_kind.get("again", 0)


def difference(
    transaction: Transaction,
    ledger: Ledger,
    marks: Marks,
    project: Project,
    sync: Sync,
    as_of: datetime,
    everything: bool = False,
    strays: sa.TableClause | None = None,
) -> Difference:
    """Compare as of a moment, in temporary tables of the transaction.

    With `everything`, rows that did not change are sent again. `strays` (row_key) stand at the destination although
    they are not acknowledged: those that nobody wants there are taken out.
    """
    audience = audience_of(transaction, ledger, marks, project, sync, as_of)
    rows = audience.rows
    state = transaction.table("audience_state")
    known = (
        sa.select(state.c.row_key, state.c.row_hash, state.c.remote_id)
        .where(state.c.sync == sync.sync)
        .subquery("known")
    )
    different = sa.union_all(
        _to_write(sync, rows, known, everything),
        _to_take_out(sync, rows, known, audience),
        *([_strays(rows, known, strays)] if strays is not None else []),
    ).subquery("different")
    changes = transaction.hold("changes", sa.select(sa.func.row_number().over().label("place"), different))
    transaction.let_go(*audience.held)
    counted = transaction.rows(sa.select(changes.c.kind, sa.func.count()).group_by(changes.c.kind))
    return Difference(changes, audience, {kind: int(number) for kind, number in counted}, transaction.count(known))


def only(
    transaction: Transaction, differs: Difference, limit: int | None = None, person_id: int | None = None
) -> sa.TableClause:
    """Narrow what is sent to the rows of one person, or the first so many in the order in which they go."""
    changes = differs.changes
    chosen = sa.select(changes)
    if person_id is not None:
        chosen = chosen.where(changes.c.person_id == person_id)
    if limit is not None:
        place = {kind: number for number, kind in enumerate((*TAKEN_OUT, *WRITTEN))}
        chosen = chosen.order_by(sa.case(place, value=changes.c.kind), changes.c.row_key).limit(limit)
    return transaction.hold("chosen_changes", chosen)


def digest(transaction: Transaction, differs: Difference) -> str:
    """Name a difference exactly: equal digests are the same rows with the same fields, to be treated alike."""
    changes = differs.changes
    found = sha256()
    asked = sa.select(changes.c.kind, changes.c.row_key, changes.c.row_hash).order_by(
        changes.c.kind, changes.c.row_key.collate("C")
    )
    for batch in transaction.arrow(asked):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            found.update(repr(row).encode())
    return found.hexdigest()


def _identity(rows: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    return [column for column in rows.c if column.name.startswith("i") and column.name[1:].isdigit()]


def _to_write(sync: Sync, rows: sa.FromClause, known: sa.Subquery, everything: bool) -> sa.Select[Any]:
    new = known.c.row_key.is_(None)
    changed = sa.false() if sync.mode == "add" else known.c.row_hash != rows.c.row_hash
    kind = sa.case((new, sa.literal("new")), (changed, sa.literal("changed")), else_=sa.literal("again"))
    found = (
        sa.select(
            kind.label("kind"),
            rows.c.row_key,
            rows.c.row_hash,
            known.c.remote_id,
            sa.not_(new).label("known"),
            rows.c.person_id,
            *_identity(rows),
        )
        .select_from(rows.outerjoin(known, known.c.row_key == rows.c.row_key))
        .where(rows.c.inside, rows.c.row_hash.is_not(None))
    )
    return found if everything else found.where(sa.or_(new, changed))


def _to_take_out(sync: Sync, rows: sa.FromClause, known: sa.Subquery, audience: Audience) -> sa.Select[Any]:
    refused = known.c.row_key.in_(audience.refusing)
    gone = sa.literal("gone" if sync.on_leaving == "keep" else "left")
    kind = sa.case((refused, sa.literal("refused")), else_=gone)
    return (
        _without_fields(kind, known.c.row_key, known.c.remote_id, sa.true(), rows)
        .select_from(known.outerjoin(rows, rows.c.row_key == known.c.row_key))
        .where(rows.c.row_key.is_(None))
    )


def _strays(rows: sa.FromClause, known: sa.Subquery, strays: sa.TableClause) -> sa.Select[Any]:
    found = _without_fields(sa.literal("stray"), strays.c.row_key, sa.null(), sa.false(), rows)
    return found.select_from(
        strays.outerjoin(rows, rows.c.row_key == strays.c.row_key).outerjoin(known, known.c.row_key == strays.c.row_key)
    ).where(rows.c.row_key.is_(None), known.c.row_key.is_(None))


def _without_fields(
    kind: sa.ColumnElement[str],
    row_key: sa.ColumnElement[str],
    remote_id: sa.ColumnElement[Any],
    known: sa.ColumnElement[bool],
    rows: sa.FromClause,
) -> sa.Select[Any]:
    nothing: Sequence[sa.ColumnElement[Any]] = [
        sa.cast(sa.null(), column.type).label(column.name) for column in (rows.c.person_id, *_identity(rows))
    ]
    return sa.select(
        kind.label("kind"),
        row_key,
        sa.cast(sa.null(), sa.Text()).label("row_hash"),
        sa.cast(remote_id, sa.Text()).label("remote_id"),
        known.label("known"),
        *nothing,
    )
