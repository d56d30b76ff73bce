"""Which records share a value that counts, and the reason that each record is given for its link."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from hub.stages.resolve import rules
from hub.warehouse import Transaction, constructs

_FAR = 1 << 40
"""More than any record number: added to partners that come second."""


@dataclass(frozen=True)
class Links:
    """The links between records.

    `values`: (type, value, record_no, blocked, false) per identifier; `false` ones are of no use for contact either.
    `crowds`: (type, value) of what too many records share.
    `edges`: (high, low), a pair of record numbers per record and value that it shares with a smaller one.
    `reasons`: (record_no, type, partner): the identifier that ties a record to another.
    """

    values: sa.TableClause
    crowds: sa.TableClause
    edges: sa.TableClause
    reasons: sa.TableClause
    blocked: int


def find_links(transaction: Transaction, records: sa.TableClause) -> Links:
    """Join records over the identifiers that they share, type by type.

    `records` has record_id and record_no. Values that are blocked or shared by a crowd link nothing, and are counted.
    """
    given = _values(transaction, records)
    shared = transaction.hold(
        "shared_value",
        sa.select(
            given.c.type,
            given.c.value,
            sa.func.min(given.c.record_no).label("lowest"),
            sa.func.max(given.c.record_no).label("highest"),
            sa.func.count().label("holders"),
        )
        .where(sa.not_(given.c.blocked), given.c.type != rules.WEAK)
        .group_by(given.c.type, given.c.value)
        .having(sa.func.count() > 1),
    )
    ties = given.join(shared, sa.and_(shared.c.type == given.c.type, shared.c.value == given.c.value))
    counts = shared.c.holders <= rules.CROWD
    smaller = shared.c.lowest < given.c.record_no
    edges = transaction.hold(
        "edge",
        sa.select(given.c.record_no.label("high"), shared.c.lowest.label("low"))
        .select_from(ties)
        .where(counts, smaller),
    )
    # One integer holds partner and type, so that one `min` prefers the smallest partner, then the most telling type.
    rank = sa.case({name: position for position, name in enumerate(rules.STRONG)}, value=given.c.type)
    partner = sa.case((smaller, shared.c.lowest), else_=shared.c.highest + _FAR)
    packed = sa.func.min(partner * 8 + rank).label("packed")
    best = sa.select(given.c.record_no, packed).select_from(ties).where(counts).group_by(given.c.record_no).subquery()
    reasons = transaction.hold(
        "reason",
        sa.select(
            best.c.record_no,
            sa.case(dict(enumerate(rules.STRONG)), value=best.c.packed.bitwise_and(7)).label("type"),
            best.c.packed.bitwise_rshift(3).bitwise_and(_FAR - 1).label("partner"),
        ),
    )
    return Links(
        values=given,
        crowds=transaction.hold("crowd", sa.select(shared.c.type, shared.c.value).where(~counts)),
        edges=edges,
        reasons=reasons,
        blocked=transaction.count(given, given.c.blocked),
    )


def _values(transaction: Transaction, records: sa.TableClause) -> sa.TableClause:
    """Hold (type, value, record_no, blocked, false) per identifier; where hashes are given, e-mails add theirs."""
    identifier = transaction.table("identifier")
    false = rules.placeholder(identifier.c.type, identifier.c.value)
    blocked = sa.or_(false, rules.shared_mailbox(identifier.c.type, identifier.c.value))
    plain = (
        sa.select(
            identifier.c.type,
            identifier.c.value,
            records.c.record_no,
            blocked.label("blocked"),
            false.label("false"),
        )
        .join_from(identifier, records, records.c.record_id == identifier.c.record_id)
        .where(identifier.c.type.in_([*rules.STRONG, rules.WEAK]), identifier.c.value.is_not(None))
    )
    values = transaction.hold("identifier_value", plain)
    if not transaction.scalar(sa.select(values.c.type).where(values.c.type == "email_hash").limit(1)):
        return values
    hashed = transaction.hold(
        "hashed_email",
        sa.select(
            sa.literal("email_hash").label("type"),
            constructs.sha256_hex(values.c.value).label("value"),
            values.c.record_no,
            values.c.blocked,
            values.c.false,
        ).where(values.c.type == "email"),
    )
    of_blocked = sa.select(hashed.c.value).where(hashed.c.blocked)
    given = sa.select(
        values.c.type,
        values.c.value,
        values.c.record_no,
        sa.or_(values.c.blocked, sa.and_(values.c.type == "email_hash", values.c.value.in_(of_blocked))).label(
            "blocked"
        ),
        values.c.false,
    )
    both = sa.and_(
        values.c.type == "email_hash", values.c.value == hashed.c.value, values.c.record_no == hashed.c.record_no
    )
    added = sa.select(hashed.c.type, hashed.c.value, hashed.c.record_no, hashed.c.blocked, hashed.c.false).where(
        ~sa.exists(sa.select(values.c.type).where(both))
    )
    return transaction.hold("identifier_value_with_hashes", sa.union_all(given, added))
