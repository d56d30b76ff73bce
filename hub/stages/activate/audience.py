"""Who belongs in an audience, and who behind its keys must not be there: all rows of a sync, in sets."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.expressions import Name, compile_expression
from hub.expressions.scope import Compiled
from hub.ledger import Ledger, Suppression
from hub.people.coming_back import last_seen, mark_of, return_of
from hub.people.scope import People, person_scope
from hub.people.synced import Synced, synced
from hub.project import Project
from hub.project.sync import PERSON, Sync
from hub.recipients import ADDRESS, NEEDED, Marks
from hub.stages.activate.listed import listed_people
from hub.stages.activate.stretches import stretches
from hub.warehouse import Transaction
from hub.warehouse.constructs import earliest, text_constant, utc

BETWEEN, NOTHING = "\x1f", "\x1e"
"""What stands between the values that a hash is over, and for a value that is not there."""
SO_MANY = 50
"""Engines take about a hundred arguments in one call."""
PART = 250_000
"""The statements of about so many people are looked through at once."""
PARTS = 10
"""But no more than so many times."""


@dataclass(frozen=True)
class Counts:
    """Rows of the source: all that are inside, those refused for consent, and those without a key or with a shared one.

    All of them are counted before anything is sent.
    """

    source: int
    refused: int
    no_key: int
    shared: int


@dataclass(frozen=True)
class Audience:
    """The rows of a sync as of a moment, in temporary tables: `held`.

    `rows` (row_key, inside, row_hash, person_id, i0 ...) belong there; inside is false for who has left and stays.
    A row without a hash shares its key with others that differ: it neither goes nor leaves. `refusing` (row_key) must
    not be there, whatever holds the sync.
    """

    rows: sa.FromClause
    refusing: sa.Select[Any]
    held: tuple[sa.TableClause, ...]
    counts: Counts
    source: Synced
    fields: dict[str, Compiled]
    comes_back: bool = False
    """Whether what is written is read again with the destination's own rows."""

    def with_fields(self, changes: sa.TableClause) -> sa.Select[Any]:
        """Select rows of `changes` with their fields as f0, f1 ..., and `written`: marks of what comes back."""
        own = [changes.c[f"i{place}"] == it for place, it in enumerate(self.source.identity)]
        fields = [it.element.label(f"f{place}") for place, it in enumerate(self.fields.values())]
        used = frozenset().union(*(it.names for it in self.fields.values()))
        if self.comes_back:
            marks = (mark_of(Name(it.element, it.type)) for it in self.fields.values())
            fields.append(reduce(operator.add, marks, text_constant("")).label("written"))
        names = ("row_key", "row_hash", "remote_id", "known")
        return sa.select(*(changes.c[name] for name in names), *fields).select_from(
            changes.join(self.source.relation(used), sa.and_(*own))
        )


def audience_of(
    transaction: Transaction, ledger: Ledger, marks: Marks, project: Project, sync: Sync, as_of: datetime
) -> Audience:
    """Find who belongs there as of a moment.

    Where who leaves is kept, those who left stay for as long as they consent. Who is refusing has withdrawn consent, or
    has an address that is suppressed or listed in a do-not-contact register.
    """
    everybody = person_scope(transaction, project, as_of)
    source = synced(transaction, project, everybody, sync, as_of)
    fields = {name: compile_expression(text, source.scope) for name, text in sync.fields.items()}
    for name in sync.versions:
        fields[name] = replace(fields[name], element=_last_seen(transaction, sync, fields[name]))
    candidates = transaction.hold("candidates", _candidates(transaction, project, sync, source, fields, as_of))
    stopping = (
        _suppressed(transaction, ledger, marks, sync, everybody, candidates),
        listed_people(transaction, ledger, project, sync, everybody, candidates, as_of),
    )
    may: sa.ColumnElement[bool] = candidates.c.may
    refuses: sa.ColumnElement[bool] = candidates.c.refuses
    for stopped in stopping:
        if stopped is None:
            continue
        barred = candidates.c.person_id.in_(sa.select(stopped.c.person_id))
        may, refuses = sa.and_(may, sa.not_(barred)), sa.or_(refuses, barred)
    query = _rows(sync, source, candidates, may)
    held: tuple[sa.TableClause, ...] = (candidates,)
    rows: sa.FromClause = query.subquery("audience")
    if not sync.never_shared:
        rows = transaction.hold("audience", query)
        held = (candidates, rows)
    return Audience(
        rows,
        sa.select(candidates.c.row_key).where(refuses, candidates.c.row_key.is_not(None)),
        held,
        _count(transaction, candidates, rows, may),
        source,
        fields,
        return_of(project, sync) is not None,
    )


def _candidates(
    transaction: Transaction, project: Project, sync: Sync, source: Synced, fields: dict[str, Compiled], as_of: datetime
) -> sa.Select[Any]:
    """Give everybody who is inside, or has stated something: row_key, inside, may, refuses, at, row_hash, identity.

    A key of blanks is no key: null.
    """
    key = compile_expression(sync.row_key, source.scope)
    text: sa.ColumnElement[str] = sa.cast(key.element, sa.Text())
    if key.type == "text":
        text = sa.case((sa.func.trim(key.element) != text_constant(""), key.element))
    relation = source.relation(source.used.union(key.names, *(it.names for it in fields.values())))
    may: sa.ColumnElement[bool] = sa.true() if source.held is None else source.held
    refuses: sa.ColumnElement[bool] = sa.false()
    at: sa.ColumnElement[Any] = sa.cast(sa.null(), sa.DateTime(timezone=True))
    wanted: sa.ColumnElement[bool] = source.inside if sync.on_leaving != "keep" else sa.true()
    if sync.consent is not None:
        assert source.person_id is not None, "the project's check lets consent go with people only"
        needed = sync.consent
        given = _asked(transaction, project, needed.channel, needed.purpose, as_of)
        relation = relation.outerjoin(given, given.c.person_id == source.person_id)
        may, at = consent.allowed(given.c.given, needed.purpose), given.c.at
        refuses = sa.func.coalesce(sa.not_(given.c.given), sa.false(), type_=sa.Boolean())
        wanted = sa.or_(wanted, given.c.person_id.is_not(None))
    return (
        sa.select(
            text.label("row_key"),
            source.inside.label("inside"),
            may.label("may"),
            refuses.label("refuses"),
            at.label("at"),
            _hash(sync, fields).label("row_hash"),
            sa.cast(sa.null() if source.person_id is None else source.person_id, sa.BigInteger()).label("person_id"),
            *(it.label(f"i{place}") for place, it in enumerate(source.identity)),
        )
        .select_from(relation)
        .where(wanted)
    )


def _last_seen(transaction: Transaction, sync: Sync, field: Compiled) -> sa.ColumnElement[Any]:
    """Say up to which version of the row the hub has read it; what it wrote itself and read again counts as read."""
    target = PERSON if sync.from_.table == "source_record" else str(sync.from_.table)
    return last_seen(transaction, target, field.element.table)


def _asked(transaction: Transaction, project: Project, channel: str, purpose: str, as_of: datetime) -> sa.TableClause:
    """Give what everybody has stated, for all syncs of a run that read from one transaction."""

    def parts() -> list[sa.Select[Any]]:
        asked = consent.answers(transaction, project.terms, channel, purpose, as_of, ahead=None)
        number, whose = transaction.table("person").c.person_id, asked.selected_columns.person_id
        bounds = sa.select(sa.func.min(number), sa.func.max(number), sa.func.count(number))
        ((first, last, people),) = transaction.rows(bounds)
        return [asked.where(within) for within in stretches(whose, first or 0, last or 0, people, PART, PARTS)]

    return transaction.hold_once(f"asked_{channel}_{purpose}", parts)


def _hash(sync: Sync, fields: dict[str, Compiled]) -> sa.ColumnElement[str]:
    """Hash the mapped fields with their names and where they go: a sync that changes in these is news."""
    head = BETWEEN.join((sync.to.connection, sync.to.object, *fields))
    texts = [sa.literal(head, sa.Text()), *(_text(it) for name, it in fields.items() if name not in sync.versions)]
    while len(texts) > 1:
        texts = [
            sa.func.concat_ws(text_constant(BETWEEN), *texts[start : start + SO_MANY], type_=sa.Text())
            for start in range(0, len(texts), SO_MANY)
        ]
    return sa.func.md5(texts[0], type_=sa.Text())


def _text(field: Compiled) -> sa.ColumnElement[str]:
    element = field.element
    if field.type == "timestamp":
        element = utc(element)
    return sa.func.coalesce(sa.cast(element, sa.Text()), text_constant(NOTHING), type_=sa.Text())


def _rows(sync: Sync, source: Synced, candidates: sa.TableClause, may: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Give one row per key, of those who are inside where anybody is."""
    names = [f"i{place}" for place in range(len(source.identity))]
    belongs = sa.and_(may, candidates.c.row_key.is_not(None))
    if sync.on_leaving != "keep":
        belongs = sa.and_(belongs, candidates.c.inside)
    if sync.never_shared:
        chosen = [candidates.c[name] for name in ("row_key", "inside", "row_hash", "person_id", *names)]
        return sa.select(*chosen, sa.literal_column("1", sa.BigInteger()).label("sharing")).where(belongs)
    inside = candidates.c.inside
    order = [candidates.c[name] for name in names]

    def first(name: str) -> sa.ColumnElement[Any]:
        return earliest(sa.case((inside, candidates.c[name])), *order).label(name)

    row_hash: sa.ColumnElement[Any] = first("row_hash")
    if sync.shared_key == "invalid":
        given = sa.case((inside, candidates.c.row_hash))
        row_hash = sa.case((sa.func.min(given) == sa.func.max(given), sa.func.min(given))).label("row_hash")
    return (
        sa.select(
            candidates.c.row_key,
            sa.func.bool_or(inside, type_=sa.Boolean()).label("inside"),
            row_hash,
            first("person_id"),
            *(first(name) for name in names),
            sa.func.count().filter(inside).label("sharing"),
        )
        .where(belongs)
        .group_by(candidates.c.row_key)
    )


def _count(
    transaction: Transaction, candidates: sa.TableClause, rows: sa.FromClause, may: sa.ColumnElement[bool]
) -> Counts:
    inside = candidates.c.inside

    def number(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count().filter(sa.and_(inside, *conditions))

    no_key = candidates.c.row_key.is_(None)
    (counted,) = transaction.rows(sa.select(number(), number(sa.not_(may)), number(may, no_key)))
    differing = sa.select(sa.func.sum(rows.c.sharing)).where(rows.c.inside, rows.c.row_hash.is_(None))
    source, refused, unnamed = (int(counted[place]) for place in range(3))
    return Counts(source, refused, unnamed, int(transaction.scalar(differing) or 0))


def _suppressed(
    transaction: Transaction,
    ledger: Ledger,
    marks: Marks,
    sync: Sync,
    everybody: People,
    candidates: sa.TableClause,
) -> sa.TableClause | None:
    """Give person_id of those who may go and whose address of the sync's channel is suppressed."""
    import pyarrow as pa

    from hub.warehouse.arrow import numbers, rows_of

    consent_asked = sync.consent
    channel = next((it for it in ADDRESS if consent_asked is not None and it == consent_asked.channel), None)
    known = ledger.suppressions.everything() if channel is not None else {}
    if consent_asked is None or channel is None or not known:
        return None
    found: list[int] = []
    relation = everybody.relation
    people = (
        sa.select(candidates.c.person_id, candidates.c.at, *(relation.c[name] for name in ADDRESS[channel]))
        .distinct()
        .join(relation, everybody.person_id == candidates.c.person_id)
        .where(candidates.c.may, relation.c[NEEDED[channel][0]].is_not(None))
    )
    if sync.on_leaving != "keep":
        people = people.where(candidates.c.inside)
    for batch in transaction.arrow(people):
        hits = [(place, mark) for place, mark in enumerate(marks.of(channel, batch)) if mark in known]
        rows = rows_of(batch.select(["person_id", "at"]).take(numbers([place for place, _ in hits])))
        for row, (_, mark) in zip(rows, hits, strict=True):
            if _stopped(known[mark], consent_asked.purpose, row["at"]):
                found.append(row["person_id"])
    return transaction.load("suppressed_people", pa.table({"person_id": numbers(found)}))


def _stopped(suppressions: Sequence[Suppression], purpose: str, given_at: datetime | None) -> bool:
    return any(entry.stops(purpose, given_at) for entry in suppressions)
