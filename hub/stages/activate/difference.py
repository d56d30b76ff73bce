"""The difference between what an audience should hold and what its destination has acknowledged, in sets.

The audience is the segment's members who have given the consent that the sync asks for and have a key. Only mapped
fields count: a person who changed otherwise is no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hub import consent
from hub.errors import HubError
from hub.expressions import compile_expression
from hub.people.scope import person_scope
from hub.project import Project
from hub.project.models import Sync
from hub.warehouse import Transaction
from hub.warehouse.constructs import json_object

if TYPE_CHECKING:
    import pyarrow as pa


class GuardError(HubError):
    """A sync would do something that a person has to look at first."""


@dataclass(frozen=True)
class Difference:
    """What to send: `upserts` (row_key, row_hash, known, fields as f0, f1 ...) and `removes` (row_key)."""

    upserts: pa.Table
    removes: pa.Table

    @property
    def empty(self) -> bool:
        """Say whether the destination holds what it should."""
        return not (self.upserts.num_rows or self.removes.num_rows)


def difference(transaction: Transaction, project: Project, sync: Sync, as_of: datetime) -> Difference:
    """Compare as of a moment. Raises GuardError when more would be removed than the sync's guard allows."""
    audience = transaction.hold("audience", _audience(transaction, project, sync, as_of))
    state = transaction.table("audience_state")
    known = sa.select(state.c.row_key, state.c.row_hash).where(state.c.sync == sync.sync).subquery("known")
    gone = (
        sa.select(known.c.row_key)
        .outerjoin(audience, audience.c.row_key == known.c.row_key)
        .where(audience.c.row_key.is_(None))
    )
    removes = transaction.arrow(gone).read_all()
    _guard(sync, removes.num_rows, transaction.count(known))
    changed = (
        sa.select(audience, known.c.row_key.is_not(None).label("known"))
        .outerjoin(known, known.c.row_key == audience.c.row_key)
        .where(sa.or_(known.c.row_key.is_(None), known.c.row_hash != audience.c.row_hash), audience.c.in_segment)
    )
    return Difference(transaction.arrow(changed).read_all(), removes)


def _audience(transaction: Transaction, project: Project, sync: Sync, as_of: datetime) -> sa.Select:
    """Give row_key, row_hash, in_segment and the fields of everybody who belongs there.

    With `leaving: keep`, those who left the segment stay, for as long as they consent: they are there with
    in_segment false.
    """
    everybody = person_scope(transaction, project, as_of)
    membership = transaction.table("membership")
    members = sa.select(membership.c.person_id).where(membership.c.segment == sync.from_.segment).subquery("members")
    given = consent.in_effect(transaction, transaction.table("person"), sync.consent.purpose, as_of).subquery("given")
    row_key = sa.cast(compile_expression(sync.key, everybody.scope).element, sa.Text())
    fields = {name: compile_expression(text, everybody.scope).element for name, text in sync.fields.items()}
    in_segment = members.c.person_id.is_not(None)
    rows = (
        sa.select(everybody.person_id.label("person_id"), row_key.label("row_key"), in_segment.label("in_segment"))
        .select_from(
            everybody.relation.join(given, given.c.person_id == everybody.person_id).outerjoin(
                members, members.c.person_id == everybody.person_id
            )
        )
        .where(given.c.channel == sync.consent.channel, given.c.given, sa.func.trim(row_key) != "")
    )
    if sync.leaving == "remove":
        rows = rows.where(in_segment)
    eligible = transaction.hold("eligible", rows)
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


def _guard(sync: Sync, removes: int, known: int) -> None:
    if removes and removes > sync.guards.removes * known:
        raise GuardError(
            f"this run would remove {removes} of {known} rows ({removes / known:.0%}), more than the "
            f"{sync.guards.removes:.0%} that `guards: removes` allows; nothing was sent. Look at the segment "
            f"'{sync.from_.segment}' and at the consent behind it; if they are right, raise the guard for one run"
        )
