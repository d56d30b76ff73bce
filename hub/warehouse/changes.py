"""Changes: which facts are other ones than when traits were last computed, so that a day costs what it changed.

A stage that writes facts notes the rows here, in the transaction that writes them, and in the end vouches that nothing
went unnoted: it puts its mark down a second time. Notes are believed only while both marks are the same. Whatever
else changes a stage's mark (an erasure, an older version of the hub) thereby ends it, until everybody was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub.schema.actions import FILLED_BY_DECIDE
from hub.warehouse.constructs import text_constant
from hub.warehouse.state import remember, seen
from hub.warehouse.warehouse import Transaction

WRITERS = ("map", "resolve")
"""The stages that note what they change."""

UNNOTED = FILLED_BY_DECIDE | {"consent", "preference", "identifier", "source_record", "organisation"}
"""Tables that others write too: nothing is noted of them, and what reads them has to be computed for everybody."""

FEW = 1000
"""So many notes are kept, however few records there are."""

_VOUCHED = "vouched:"
_NOTES = "changed_fact"
_COLUMNS = ("table_name", "connection", "source_key", "record_id")


class Changes:
    """What one stage changes of the facts, in one transaction; `known` while all of it is noted."""

    def __init__(self, transaction: Transaction, stage: str) -> None:
        self._transaction = transaction
        self._stage = stage
        mark = seen(transaction, stage)
        self.known = mark is not None and mark == seen(transaction, _VOUCHED + stage)

    def rows(self, table: sa.Table, query: sa.Select[Any]) -> None:
        """Note rows (connection, source_key, and record_id of who has some) that are new, or are about to change."""
        if not self._noted(table.name):
            return
        rows, shape = query.subquery("noted"), self._transaction.schema[table.name]
        no_text = sa.cast(sa.null(), sa.Text())
        # whose a row is says enough, unless other rows refer to it
        of_row = [rows.c.connection, rows.c.source_key] if self._referred(table.name) else [no_text, no_text]
        owner = rows.c.record_id if shape.personal and "record_id" in rows.c else no_text
        columns = (text_constant(table.name), *of_row, owner)
        notes = self._transaction.table(_NOTES)
        self._transaction.execute(sa.insert(notes).from_select(_COLUMNS, sa.select(*columns).distinct()))

    def differing(self, table: sa.Table, fresh: sa.FromClause) -> None:
        """Note what a merge of rows changes: rows that are new or say something else, and whose they were."""
        if not self._noted(table.name):
            return
        # that a row came again, with the same in it, is no change
        said = [column.name for column in fresh.c if column.name not in {"connection", "source_key", "load_id"}]
        same_row = sa.and_(table.c.connection == fresh.c.connection, table.c.source_key == fresh.c.source_key)
        differs = sa.or_(
            table.c.source_key.is_(None), *(table.c[name].is_distinct_from(fresh.c[name]) for name in said)
        )
        key = [fresh.c.connection, fresh.c.source_key]
        theirs = [fresh.c.record_id] if "record_id" in fresh.c else []
        self.rows(table, sa.select(*key, *theirs).select_from(fresh.outerjoin(table, same_row)).where(differs))
        if theirs:
            moved = table.c.record_id.is_distinct_from(fresh.c.record_id)
            self.rows(table, sa.select(*key, table.c.record_id).select_from(fresh.join(table, same_row)).where(moved))

    def people(self, query: sa.Select[Any]) -> None:
        """Note people (person_id) who have other records than before."""
        if self.known:
            notes = self._transaction.table(_NOTES)
            self._transaction.execute(sa.insert(notes).from_select(["person_id"], query))

    def lose(self) -> None:
        """Give up, where so much changes that looking at everybody is simpler; notes made so far say nothing."""
        if self.known:
            self.known = False
            forget(self._transaction)

    def vouch(self, as_of: datetime) -> None:
        """Say that all is noted, once the stage has remembered its mark; notes outgrow the records never by far."""
        if not self.known:
            return
        notes, record = self._transaction.table(_NOTES), self._transaction.table("source_record")
        if self._transaction.count(notes) > max(FEW, self._transaction.count(record)):
            self.lose()
            return
        _vouch(self._transaction, self._stage, as_of)

    def _noted(self, name: str) -> bool:
        return self.known and name not in UNNOTED and (self._transaction.schema[name].personal or self._referred(name))

    def _referred(self, name: str) -> bool:
        """Say whether rows of people refer to rows of a table, so that traits may read it through them."""
        return any(
            column.references == name
            for table in self._transaction.schema.mapped
            if table.personal
            for column in table.columns
        )


def all_noted(transaction: Transaction) -> bool:
    """Say whether the notes tell of everything that has changed since `look_anew`."""
    return all(Changes(transaction, stage).known for stage in WRITERS)


def look_anew(transaction: Transaction, as_of: datetime) -> None:
    """Begin to note: all that was written until now has been looked at."""
    forget(transaction)
    for stage in WRITERS:
        if seen(transaction, stage) is not None:
            _vouch(transaction, stage, as_of)


def forget(transaction: Transaction) -> None:
    """Let go of all notes: whoever asks then has to look at everybody."""
    state = transaction.table("stage_state")
    transaction.execute(sa.delete(transaction.table(_NOTES)))
    transaction.execute(sa.delete(state).where(state.c.stage.in_([_VOUCHED + stage for stage in WRITERS])))


def people_noted(
    transaction: Transaction, table: str, rows: sa.FromClause, through: Sequence[tuple[str, str]]
) -> sa.CompoundSelect[Any]:
    """Select the people (person_id) whose rows of a table may differ.

    `rows` are those rows with their person_id, connection and columns of references; `through` says which table each
    of those columns refers to.
    """
    notes, record = transaction.table(_NOTES), transaction.table("source_record")
    parts = [
        sa.select(notes.c.person_id).where(notes.c.person_id.is_not(None)),
        sa.select(record.c.person_id)
        .join(notes, notes.c.record_id == record.c.record_id)
        .where(notes.c.table_name == text_constant(table), record.c.person_id.is_not(None)),
    ]
    for column, target in through:
        here = (notes.c.connection == rows.c.connection, notes.c.source_key == rows.c[column])
        noted = sa.exists(sa.select(notes.c.source_key).where(notes.c.table_name == text_constant(target), *here))
        parts.append(sa.select(rows.c.person_id).where(noted))
    return sa.union(*parts)


def _vouch(transaction: Transaction, stage: str, as_of: datetime) -> None:
    remember(transaction, _VOUCHED + stage, str(seen(transaction, stage)), as_of)
