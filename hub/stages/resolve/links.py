"""Which records share a value that counts: the pairs that may be one person, before names are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hub.stages.resolve import rules as hub_rules
from hub.stages.resolve.rules import HAND, Rules
from hub.warehouse import Transaction, constructs


@dataclass(frozen=True)
class Links:
    """The links between records.

    `values`: (type, value, record_no, blocked, false) per identifier; `false` ones are of no use for contact either.
    `ties`: (value_no, rank, record_no, lowest, highest) per record and value that it shares and that counts: the number
    names the value within this run, `lowest` and `highest` are the record numbers at its ends.
    `derived`: (record_no, type, value) of those that no identifier gives: hashes, and fields that count together.
    `crowds`: (type, value) of what too many records share.
    `edges`: (high, low), a pair of record numbers per record and value that it shares with a smaller one.
    `visits`: (high, low), the same for values that only attach visits.
    """

    values: sa.TableClause
    ties: sa.TableClause
    derived: sa.TableClause
    crowds: sa.TableClause
    edges: sa.TableClause
    visits: sa.TableClause
    blocked: int


def find_links(
    transaction: Transaction,
    records: sa.TableClause,
    names: sa.TableClause,
    verdicts: sa.TableClause,
    rules: Rules,
    scoped: Sequence[str],
    aside: sa.TableClause | None = None,
) -> Links:
    """Join records over the values that they share, type by type.

    `records` has record_id and record_no, `names` what `find_names` holds, `verdicts` what `find_verdicts` does. Values
    that are blocked or shared by a crowd link nothing, and are counted. `aside` are (type, value) of which that is
    known from records beyond these.
    """
    given, derived = find_values(transaction, records, names, verdicts, rules, scoped)
    if aside is not None:
        known = sa.exists(sa.select(aside.c.type).where(aside.c.type == given.c.type, aside.c.value == given.c.value))
        transaction.execute(sa.update(given).where(known).values(crowded=True))
    shared = transaction.hold(
        "shared_value",
        sa.select(
            given.c.type,
            given.c.value,
            sa.func.row_number().over().label("value_no"),
            sa.func.min(given.c.record_no).label("lowest"),
            sa.func.max(given.c.record_no).label("highest"),
            sa.func.count().label("holders"),
        )
        .where(sa.not_(given.c.blocked), sa.not_(given.c.crowded))
        .group_by(given.c.type, given.c.value)
        .having(sa.func.count() > 1),
    )
    crowds = [sa.select(shared.c.type, shared.c.value).where(~_counts(shared, rules))]
    if rules.hash_as_address and hashes_given(transaction):
        hashed = sa.select(sa.literal("email_hash"), constructs.sha256_hex(shared.c.value))
        crowds.append(hashed.where(~_counts(shared, rules), shared.c.type == "email"))
    if aside is not None:
        crowds.append(sa.select(aside.c.type, aside.c.value))
    ties = _ties(transaction, given, shared, rules)
    return Links(
        values=given,
        ties=ties,
        derived=derived,
        crowds=transaction.hold("crowd", sa.union(*crowds)),
        edges=_edges(transaction, "edge", ties, rules.links(ties.c.rank)),
        visits=_edges(transaction, "visit", ties, sa.not_(rules.links(ties.c.rank))),
        blocked=transaction.count(given, given.c.blocked),
    )


def _ties(transaction: Transaction, given: sa.TableClause, shared: sa.TableClause, rules: Rules) -> sa.TableClause:
    """Hold (value_no, rank, record_no, lowest, highest): from here on values are numbers, which join for less."""
    same = sa.and_(shared.c.type == given.c.type, shared.c.value == given.c.value)
    return transaction.hold(
        "tie",
        sa.select(
            shared.c.value_no,
            rules.rank(given.c.type).label("rank"),
            given.c.record_no,
            shared.c.lowest,
            shared.c.highest,
        )
        .join_from(given, shared, same)
        .where(_counts(shared, rules)),
    )


def _edges(transaction: Transaction, name: str, ties: sa.TableClause, those: sa.ColumnElement[bool]) -> sa.TableClause:
    """Hold (high, low) of the records that some ties hold together."""
    return transaction.hold(
        name,
        sa.select(ties.c.record_no.label("high"), ties.c.lowest.label("low")).where(
            those, ties.c.lowest < ties.c.record_no
        ),
    )


def _counts(shared: sa.TableClause, rules: Rules) -> sa.ColumnElement[bool]:
    """Say whether a shared value links, or is a crowd's."""
    return shared.c.holders <= rules.limit(shared.c.type)


def holdings(transaction: Transaction, links: Links, rules: Rules, records: sa.TableClause) -> sa.TableClause:
    """Hold (value_no, rank, record_no) of the values that link, among some records."""
    ties = links.ties
    return transaction.hold(
        "holding",
        sa.select(ties.c.value_no, ties.c.rank, ties.c.record_no)
        .join_from(ties, records, records.c.record_no == ties.c.record_no)
        .where(rules.links(ties.c.rank)),
    )


FAR_NUMBER = 1 << 40
"""More than any record number: added to those that come second."""


def reasons(transaction: Transaction, links: Links, rules: Rules) -> sa.TableClause:
    """Hold (record_no, type, partner): the value that ties a record to another, where all who share it are one."""
    ties = links.ties
    query = _packed(ties.c.record_no, ties.c.rank, ties.c.lowest, ties.c.highest).where(rules.links(ties.c.rank))
    return _unpacked(transaction, "reason", query, rules)


def _packed(
    number: sa.ColumnElement[int],
    rank: sa.ColumnElement[int],
    lowest: sa.ColumnElement[int],
    highest: sa.ColumnElement[int],
) -> sa.Select[tuple[int, int]]:
    """Select each record's best reason as one integer: `min` prefers the smallest partner, then the telling type."""
    partner = sa.case((lowest < number, lowest), else_=highest + FAR_NUMBER)
    packed = sa.func.min(partner * 64 + rank)
    return sa.select(number.label("record_no"), packed.label("packed")).group_by(number)


def _unpacked(transaction: Transaction, name: str, query: sa.Select[tuple[int, int]], rules: Rules) -> sa.TableClause:
    """Hold (record_no, type, partner) of packed reasons."""
    best = query.subquery()
    return transaction.hold(
        name,
        sa.select(
            best.c.record_no,
            rules.kind(best.c.packed.bitwise_and(63)).label("type"),
            best.c.packed.bitwise_rshift(6).bitwise_and(FAR_NUMBER - 1).label("partner"),
        ),
    )


def own_reasons(
    transaction: Transaction, name: str, held: sa.TableClause, people: sa.TableClause, rules: Rules
) -> sa.TableClause:
    """Hold (record_no, type, partner): the value that ties a record to another of the same person.

    `held` is what `holdings` holds of these people, `people` gives (record_no, person).
    """
    same = [people.c.person, held.c.value_no]
    owned = (
        sa.select(
            held.c.rank,
            held.c.record_no,
            sa.func.min(held.c.record_no).over(partition_by=same).label("lowest"),
            sa.func.max(held.c.record_no).over(partition_by=same).label("highest"),
        )
        .join_from(held, people, people.c.record_no == held.c.record_no)
        .subquery()
    )
    query = _packed(owned.c.record_no, owned.c.rank, owned.c.lowest, owned.c.highest)
    return _unpacked(transaction, name, query.where(owned.c.lowest < owned.c.highest), rules)


# values --------------------------------------------------------------------------------------------------------------


def find_values(
    transaction: Transaction,
    records: sa.TableClause,
    names: sa.TableClause,
    verdicts: sa.TableClause,
    rules: Rules,
    scoped: Sequence[str],
) -> tuple[sa.TableClause, sa.TableClause]:
    """Hold (type, value, record_no, blocked, false, crowded) per identifier, set of fields and pair by hand.

    Returned beside: (record_no, type, value) of those that are no identifiers, and not by hand. Hashes of addresses
    that only addresses give are among these alone.
    """
    plain = _identifiers(transaction, records, rules, scoped)
    parts = [*_hashes(transaction, plain), *_together(transaction, names, records, rules)]
    columns = ("type", "value", "record_no", "blocked", "false", "crowded")
    nothing = sa.select(*(plain.c[name] for name in columns)).where(sa.false())
    derived = transaction.hold("derived_value", sa.union_all(nothing, *parts))
    own, beyond = (sa.select(*(it.c[name] for name in columns)) for it in (plain, derived))
    every = sa.union_all(own, beyond.where(_tells_more(transaction, derived, rules)), *_by_hand(verdicts))
    return transaction.hold("counted_value", every), derived


def _tells_more(transaction: Transaction, derived: sa.TableClause, rules: Rules) -> sa.ColumnElement[bool]:
    """Say whether a derived value may link: a hash that no record gives says no more than its address does."""
    if not rules.hash_as_address:
        return sa.true()
    identifier = transaction.table("identifier")
    hashes = sa.select(identifier.c.value).where(identifier.c.type == "email_hash", identifier.c.value.is_not(None))
    return sa.or_(derived.c.type != "email_hash", derived.c.blocked, derived.c.value.in_(hashes))


def blocked_identifier(identifier: sa.Table, rules: Rules, scoped: Sequence[str]) -> sa.ColumnElement[bool]:
    """Say whether an identifier points at nobody, or at several people."""
    false = hub_rules.placeholder(rules, identifier.c.type, identifier.c.value, scoped)
    return sa.or_(false, hub_rules.shared_mailbox(identifier.c.type, identifier.c.value))


def _identifiers(
    transaction: Transaction, records: sa.TableClause, rules: Rules, scoped: Sequence[str]
) -> sa.TableClause:
    identifier = transaction.table("identifier")
    false = hub_rules.placeholder(rules, identifier.c.type, identifier.c.value, scoped)
    known = [kind.name for kind in (*rules.kinds, *rules.attaching)]
    # e-mail and phone may link nothing in a project: they are contact data all the same
    plain = (
        sa.select(identifier.c.type, identifier.c.value, records.c.record_no, false.label("false"))
        .join_from(identifier, records, records.c.record_id == identifier.c.record_id)
        .where(identifier.c.type.in_(sorted({*known, "email", "phone"})), identifier.c.value.is_not(None))
        .subquery()
    )
    shared = hub_rules.shared_mailbox(plain.c.type, plain.c.value)
    return transaction.hold(
        "identifier_value",
        sa.select(
            plain.c.type,
            plain.c.value,
            plain.c.record_no,
            sa.or_(plain.c.false, shared, plain.c.type.not_in(known)).label("blocked"),
            plain.c.false,
            sa.false().label("crowded"),
        ),
    )


def hashes_given(transaction: Transaction) -> bool:
    """Say whether any record gives a hash in place of an address: only then do addresses add theirs."""
    identifier = transaction.table("identifier")
    found = sa.select(identifier.c.type).where(identifier.c.type == "email_hash").limit(1)
    return transaction.scalar(found) is not None


def _hashes(transaction: Transaction, values: sa.TableClause) -> list[sa.Select[tuple[object, ...]]]:
    """Give the hashes of e-mail addresses, where records have hashes; those of blocked addresses block theirs."""
    if not hashes_given(transaction):
        return []
    hashed = transaction.hold(
        "hashed_email",
        sa.select(
            sa.literal("email_hash").label("type"),
            constructs.sha256_hex(values.c.value).label("value"),
            values.c.record_no,
            values.c.blocked,
            values.c.false,
            values.c.crowded,
        ).where(values.c.type == "email"),
    )
    of_blocked = sa.select(hashed.c.value).where(hashed.c.blocked)
    transaction.execute(
        sa.update(values).where(values.c.type == "email_hash", values.c.value.in_(of_blocked)).values(blocked=True)
    )
    both = sa.and_(
        values.c.type == "email_hash", values.c.value == hashed.c.value, values.c.record_no == hashed.c.record_no
    )
    return [sa.select(*hashed.c).where(~sa.exists(sa.select(values.c.type).where(both)))]


def _together(
    transaction: Transaction, names: sa.TableClause, records: sa.TableClause, rules: Rules
) -> list[sa.Select[tuple[object, ...]]]:
    """Give the values of the fields that link when all are equal; where one is not known there is none."""
    homes = _homes(transaction, records) if any("address" in fields for fields in rules.together) else None
    columns: dict[str, sa.ColumnElement[str]] = {
        "given_name": sa.case((names.c.given_name.not_like("%."), names.c.given_name), else_=sa.null()),
        "initial": sa.func.substr(names.c.given_name, 1, 1),
        "surname": names.c.surname,
        "birth_date": sa.cast(names.c.birth_date, sa.Text()),
    }
    if homes is not None:
        columns["address"] = homes.c.home
    found: list[sa.Select[tuple[object, ...]]] = []
    for fields in rules.together:
        value = sa.func.concat_ws("|", *(columns[name] for name in fields), type_=sa.Text())
        known = [columns[name].is_not(None) for name in fields]
        source: sa.FromClause = names
        if "address" in fields and homes is not None:
            source = names.join(homes, homes.c.record_no == names.c.record_no)
        found.append(
            sa.select(sa.literal("+".join(fields)), value, names.c.record_no, sa.false(), sa.false(), sa.false())
            .select_from(source)
            .where(*known)
        )
    return found


def _by_hand(verdicts: sa.TableClause) -> list[sa.Select[tuple[object, ...]]]:
    """Give each pair that somebody joined by hand a value that only those two share."""
    pair = sa.func.concat_ws("|", verdicts.c.low, verdicts.c.high, type_=sa.Text())
    return [
        sa.select(sa.literal(HAND), pair, number, sa.false(), sa.false(), sa.false()).where(verdicts.c.same)
        for number in (verdicts.c.low, verdicts.c.high)
    ]


def _homes(transaction: Transaction, records: sa.TableClause) -> sa.TableClause:
    """Hold (record_no, home): each record's complete addresses as one text."""
    address = transaction.table("address")
    number = sa.func.concat_ws("-", address.c.house_number, address.c.house_letter, address.c.house_addition)
    postcode = sa.func.replace(sa.func.upper(address.c.postcode), " ", "")
    home = sa.func.concat_ws(" ", postcode, sa.func.lower(number), type_=sa.Text())
    return transaction.hold(
        "record_home",
        sa.select(records.c.record_no, home.label("home"))
        .join_from(address, records, records.c.record_id == address.c.record_id)
        .where(address.c.postcode != "", address.c.house_number != "")
        .distinct(),
    )
