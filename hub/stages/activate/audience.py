"""Who belongs in an audience, and who behind its keys must not be there: all people of a sync, in sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hub import consent
from hub.expressions import compile_expression
from hub.ledger import Ledger, Suppression
from hub.people.scope import People, person_scope
from hub.project import Project
from hub.project.models import Sync
from hub.recipients import ADDRESS, NEEDED, Marks, identifiers
from hub.warehouse import Transaction
from hub.warehouse.constructs import json_object


@dataclass(frozen=True)
class Audience:
    """`rows` (row_key, in_segment, row_hash, fields as f0, f1 ...) belong there; `refusing` (row_key) never may."""

    rows: sa.Select
    refusing: sa.Select


def audience_of(
    transaction: Transaction, ledger: Ledger, marks: Marks, project: Project, sync: Sync, as_of: datetime
) -> Audience:
    """Find both as of a moment.

    With `leaving: keep`, those who left the segment stay, for as long as they consent: they are there with
    in_segment false. Who is refusing has withdrawn consent, or has an address that is suppressed.
    """
    everybody = person_scope(transaction, project, as_of)
    stated = transaction.hold("stated", _stated(transaction, project, everybody, sync, as_of))
    unreachable = _suppressed(transaction, ledger, marks, sync, everybody, stated)
    stopped = stated.c.person_id.in_(sa.select(unreachable.c.person_id))
    belongs = sa.and_(stated.c.given, sa.not_(stopped))
    if sync.leaving == "remove":
        belongs = sa.and_(belongs, stated.c.in_segment)
    return Audience(
        _rows(sync, everybody, sa.select(stated).where(belongs).subquery("eligible")),
        sa.select(stated.c.row_key).where(sa.or_(sa.not_(stated.c.given), stopped)),
    )


def _stated(transaction: Transaction, project: Project, everybody: People, sync: Sync, as_of: datetime) -> sa.Select:
    """Give person_id, row_key, in_segment, given and at of all who have a key and ever stated yes or no."""
    membership = transaction.table("membership")
    members = sa.select(membership.c.person_id).where(membership.c.segment == sync.from_.segment).subquery("members")
    given = consent.in_effect(
        transaction, project.terms, transaction.table("person"), sync.consent.purpose, as_of, ahead=None
    ).subquery("given")
    row_key = sa.cast(compile_expression(sync.key, everybody.scope).element, sa.Text())
    return (
        sa.select(
            everybody.person_id.label("person_id"),
            row_key.label("row_key"),
            members.c.person_id.is_not(None).label("in_segment"),
            given.c.given.label("given"),
            given.c.at.label("at"),
        )
        .select_from(
            everybody.relation.join(given, given.c.person_id == everybody.person_id).outerjoin(
                members, members.c.person_id == everybody.person_id
            )
        )
        .where(given.c.channel == sync.consent.channel, sa.func.trim(row_key) != "")
    )


def _rows(sync: Sync, everybody: People, eligible: sa.Subquery) -> sa.Select:
    """Give one row per key: a key that people share goes once, with the fields of the first of them in the segment."""
    fields = {name: compile_expression(text, everybody.scope).element for name, text in sync.fields.items()}
    chosen = (
        sa.select(
            eligible.c.row_key,
            sa.func.bool_or(eligible.c.in_segment, type_=sa.Boolean()).label("in_segment"),
            sa.func.coalesce(
                sa.func.min(sa.case((eligible.c.in_segment, eligible.c.person_id))), sa.func.min(eligible.c.person_id)
            ).label("person_id"),
        )
        .group_by(eligible.c.row_key)
        .subquery("chosen")
    )
    pairs: list[Any] = []
    for name, element in fields.items():
        pairs += [sa.literal(name), element]
    return sa.select(
        chosen.c.row_key,
        chosen.c.in_segment,
        sa.func.md5(json_object(*pairs), type_=sa.Text()).label("row_hash"),
        *(element.label(f"f{place}") for place, element in enumerate(fields.values())),
    ).select_from(everybody.relation.join(chosen, chosen.c.person_id == everybody.person_id))


def _suppressed(
    transaction: Transaction, ledger: Ledger, marks: Marks, sync: Sync, everybody: People, stated: sa.TableClause
) -> sa.TableClause:
    """Give person_id of those who said yes and whose address of the sync's channel is suppressed."""
    import pyarrow as pa

    found: list[int] = []
    channel = next((known for known in ADDRESS if known == sync.consent.channel), None)
    known = ledger.suppressions.everything() if channel is not None else {}
    if channel is not None and known:
        relation = everybody.relation
        needed = relation.c[NEEDED[channel][0]]
        people = (
            sa.select(stated.c.person_id, stated.c.at, *(relation.c[name] for name in ADDRESS[channel]))
            .join(relation, everybody.person_id == stated.c.person_id)
            .where(stated.c.given, needed.is_not(None), stated.c.in_segment if sync.leaving == "remove" else sa.true())
        )
        for batch in transaction.arrow(people):
            hashes = [marks.of(channel, given) for given in identifiers(channel, batch)]
            for place, mark in enumerate(hashes):
                if mark in known and _stopped(known[mark], sync, batch.column("at")[place].as_py()):
                    found.append(batch.column("person_id")[place].as_py())
    return transaction.load("suppressed_people", pa.table({"person_id": pa.array(found, pa.int64())}))


def _stopped(suppressions: Sequence[Suppression], sync: Sync, given_at: datetime | None) -> bool:
    return any(entry.stops(sync.consent.purpose, given_at) for entry in suppressions)
