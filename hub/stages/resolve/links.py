"""Which records share a value that counts: the pairs that may be one person, before names are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hub.stages.resolve import rules as hub_rules
from hub.stages.resolve.rules import HAND, Rules
from hub.warehouse import Transaction, constructs
from hub.warehouse.digest import digest

HASH = "email_hash"
"""The kind of the hashes of e-mail addresses."""


@dataclass(frozen=True)
class Values:
    """The values of some records. From here on a value is known by its `key`, a number: that joins for less.

    `given`: (type, value, record_no, blocked, false, key) per identifier; `false` ones are of no use for contact.
    `derived`: (rank, record_no, key, blocked) of those that no identifier gives: hashes, fields that count together.
    `told`: (type, value, record_no, key) selects what the derived ones say.
    `homes`: (record_no, home) per address; an incomplete one is no home.
    """

    given: sa.TableClause
    derived: sa.TableClause
    homes: sa.TableClause
    told: Sequence[sa.Select[Any]]


@dataclass(frozen=True)
class Links:
    """The links between records.

    `values`: what the records say.
    `ties`: (value_no, rank, record_no, lowest, highest) per record and value that it shares and that counts; `lowest`
    and `highest` are the record numbers at its ends.
    `crowds`: (type, value, key) of what too many records share.
    `edges`: (high, low), a pair of record numbers per record and value that it shares with a smaller one.
    `visits`: (high, low), the same for values that only attach visits.
    """

    values: Values
    ties: sa.TableClause
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

    `records` has record_id and record_no, `names` who they say they are, `verdicts` what `find_verdicts` does. Values
    that are blocked or shared by a crowd link nothing, and are counted. `aside` are (type, value, key) of which that is
    known from records beyond these.
    """
    values = find_values(transaction, records, names, rules, scoped)
    counted = _counted(transaction, values, verdicts, rules, aside)
    shared = transaction.hold(
        "shared_key",
        sa.select(
            counted.c.key,
            counted.c.rank,
            sa.func.min(counted.c.record_no).label("lowest"),
            sa.func.max(counted.c.record_no).label("highest"),
            sa.func.count().label("holders"),
        )
        .group_by(counted.c.key, counted.c.rank)
        .having(sa.func.count() > 1),
    )
    counts = shared.c.holders <= rules.limit(shared.c.rank)
    ties = transaction.hold(
        "tie",
        sa.select(
            counted.c.key.label("value_no"), counted.c.rank, counted.c.record_no, shared.c.lowest, shared.c.highest
        )
        .join_from(counted, shared, sa.and_(shared.c.key == counted.c.key, shared.c.rank == counted.c.rank))
        .where(counts),
    )
    crowding = transaction.hold("crowd_key", sa.select(shared.c.key, shared.c.lowest).where(sa.not_(counts)))
    return Links(
        values=values,
        ties=ties,
        crowds=_crowds(transaction, values, crowding, rules, aside),
        edges=_edges(transaction, "edge", ties, rules.links(ties.c.rank)),
        visits=_edges(transaction, "visit", ties, sa.not_(rules.links(ties.c.rank))),
        blocked=transaction.count(values.given, values.given.c.blocked),
    )


def _counted(
    transaction: Transaction, values: Values, verdicts: sa.TableClause, rules: Rules, aside: sa.TableClause | None
) -> sa.TableClause:
    """Hold (rank, record_no, key) of all values that may link, and of the pairs that somebody joined by hand."""
    given, derived = values.given, values.derived
    known = [sa.not_(given.c.key.in_(sa.select(aside.c.key)))] if aside is not None else []
    beyond = [sa.not_(derived.c.key.in_(sa.select(aside.c.key)))] if aside is not None else []
    rank = rules.rank(given.c.type).label("rank")
    by_hand = digest(sa.literal(HAND), verdicts.c.low, verdicts.c.high)
    return transaction.hold(
        "counted_key",
        sa.union_all(
            sa.select(rank, given.c.record_no, given.c.key).where(sa.not_(given.c.blocked), *known),
            sa.select(derived.c.rank, derived.c.record_no, derived.c.key).where(
                sa.not_(derived.c.blocked), *_tells_more(values, rules), *beyond
            ),
            *(
                sa.select(sa.literal(rules.place(HAND)), number, by_hand).where(verdicts.c.same)
                for number in (verdicts.c.low, verdicts.c.high)
            ),
        ),
    )


def _tells_more(values: Values, rules: Rules) -> list[sa.ColumnElement[bool]]:
    """Say whether a derived value may link: a hash that no record gives says no more than its address does."""
    if not rules.hash_as_address:
        return []
    given, derived = values.given, values.derived
    hashes = sa.select(given.c.key).where(given.c.type == HASH)
    return [sa.or_(derived.c.rank != rules.place(HASH), derived.c.key.in_(hashes))]


def _crowds(
    transaction: Transaction, values: Values, crowding: sa.TableClause, rules: Rules, aside: sa.TableClause | None
) -> sa.TableClause:
    """Hold (type, value, key) of the values that crowds share: what they say is read from one of the crowd."""
    given = values.given
    one_of = sa.select(crowding.c.lowest)
    texts = [sa.select(given.c.type, given.c.value, given.c.record_no, given.c.key), *values.told]
    if not transaction.count(crowding):
        texts = texts[:1]
    parts = []
    for text in texts:
        said = text.subquery()
        parts.append(
            sa.select(said.c.type, said.c.value, said.c.key)
            .join_from(said, crowding, crowding.c.key == said.c.key)
            .where(said.c.record_no.in_(one_of))
        )
    if rules.hash_as_address and hashes_given(transaction):
        address = sa.and_(given.c.type == "email", given.c.key.in_(sa.select(crowding.c.key)))
        parts.append(sa.select(*hash_of(given.c.value)).where(address))
    if aside is not None:
        parts.append(sa.select(aside.c.type, aside.c.value, aside.c.key))
    return transaction.hold("crowd", sa.union(*parts))


def _edges(transaction: Transaction, name: str, ties: sa.TableClause, those: sa.ColumnElement[bool]) -> sa.TableClause:
    """Hold (high, low) of the records that some ties hold together."""
    return transaction.hold(
        name,
        sa.select(ties.c.record_no.label("high"), ties.c.lowest.label("low")).where(
            those, ties.c.lowest < ties.c.record_no
        ),
    )


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
    rules: Rules,
    scoped: Sequence[str],
) -> Values:
    """Find what may tie records together: identifiers, hashes of addresses, and fields that count together."""
    given = _identifiers(transaction, records, rules, scoped)
    homes = _homes(transaction, records)
    hashes, hashed = _hashes(transaction, given, rules)
    together, fields = _together(names, homes, rules)
    nothing = sa.select(sa.literal(0).label("rank"), given.c.record_no, given.c.key, given.c.blocked).where(sa.false())
    derived = transaction.hold("derived_key", sa.union_all(nothing, *hashes, *together))
    return Values(given, derived, homes, (*hashed, *fields))


def told_identifiers(identifier: sa.Table, rules: Rules) -> list[sa.ColumnElement[bool]]:
    """Say which identifiers are looked at; e-mail and phone may link nobody, and are contact data all the same."""
    known = {kind.name for kind in (*rules.kinds, *rules.attaching)}
    return [identifier.c.type.in_(sorted({*known, "email", "phone"})), identifier.c.value.is_not(None)]


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
    plain = (
        sa.select(identifier.c.type, identifier.c.value, records.c.record_no, false.label("false"))
        .join_from(identifier, records, records.c.record_id == identifier.c.record_id)
        .where(*told_identifiers(identifier, rules))
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
            digest(plain.c.type, plain.c.value).label("key"),
        ),
    )


def hashes_given(transaction: Transaction) -> bool:
    """Say whether any record gives a hash in place of an address: only then do addresses add theirs."""
    identifier = transaction.table("identifier")
    found = sa.select(identifier.c.type).where(identifier.c.type == HASH).limit(1)
    return transaction.scalar(found) is not None


def hash_of(address: sa.ColumnElement[str]) -> tuple[sa.Label[str], sa.Label[str], sa.Label[int]]:
    """Give type, value and key of an address's hash."""
    kind, value = sa.literal(HASH), constructs.sha256_hex(address)
    return kind.label("type"), value.label("value"), digest(kind, value).label("key")


def _hashes(
    transaction: Transaction, given: sa.TableClause, rules: Rules
) -> tuple[list[sa.Select[Any]], list[sa.Select[Any]]]:
    """Select the hashes of e-mail addresses, where records have hashes; those of blocked addresses block theirs.

    Selected are (rank, record_no, key, blocked), and what they say.
    """
    rank = rules.place(HASH)
    if rank is None or not hashes_given(transaction):
        return [], []
    kind, value, key = hash_of(given.c.value)
    hashed = transaction.hold(
        "hashed_email",
        sa.select(sa.literal(rank).label("rank"), given.c.record_no, key, given.c.blocked).where(
            given.c.type == "email"
        ),
    )
    of_blocked = sa.select(hashed.c.key).where(hashed.c.blocked)
    transaction.execute(sa.update(given).where(given.c.type == HASH, given.c.key.in_(of_blocked)).values(blocked=True))
    own = given.alias("own_hash")
    both = sa.and_(own.c.type == HASH, own.c.key == hashed.c.key, own.c.record_no == hashed.c.record_no)
    told = sa.select(kind, value, given.c.record_no, key).where(given.c.type == "email")
    return [sa.select(*hashed.c).where(~sa.exists(sa.select(own.c.type).where(both)))], [told]


def _together(
    names: sa.TableClause, homes: sa.TableClause, rules: Rules
) -> tuple[list[sa.Select[Any]], list[sa.Select[Any]]]:
    """Select the fields that link when all are equal; where one is not known there is none.

    Selected are (rank, record_no, key, blocked), and what they say.
    """
    columns: dict[str, sa.ColumnElement[Any]] = {
        "given_name": sa.case((names.c.given_name.not_like("%."), names.c.given_name), else_=sa.null()),
        "initial": sa.func.substr(names.c.given_name, 1, 1, type_=sa.Text()),
        "surname": names.c.surname,
        "birth_date": names.c.birth_date,
        "address": homes.c.home,
    }
    keys: list[sa.Select[Any]] = []
    texts: list[sa.Select[Any]] = []
    for fields in rules.together:
        kind = "+".join(fields)
        key = digest(sa.literal(kind), *(columns[name] for name in fields)).label("key")
        living = "address" in fields
        source = names.join(homes, homes.c.record_no == names.c.record_no) if living else names
        known = [columns[name].is_not(None) for name in fields]
        rank, not_blocked = sa.literal(rules.place(kind)).label("rank"), sa.false().label("blocked")
        values = sa.select(rank, names.c.record_no, key, not_blocked).select_from(source).where(*known)
        keys.append(values.distinct() if living else values)  # two addresses of a record may be one home
        said = sa.func.concat_ws("|", *(sa.cast(columns[name], sa.Text()) for name in fields), type_=sa.Text())
        texts.append(
            sa.select(sa.literal(kind).label("type"), said.label("value"), names.c.record_no, key)
            .select_from(source)
            .where(*known)
        )
    return keys, texts


def _homes(transaction: Transaction, records: sa.TableClause) -> sa.TableClause:
    """Hold (record_no, home): each address of a record as one text, where it is complete."""
    address = transaction.table("address")
    number = sa.func.concat_ws("-", address.c.house_number, address.c.house_letter, address.c.house_addition)
    postcode = sa.func.replace(sa.func.upper(address.c.postcode), " ", "")
    home = sa.func.concat_ws(" ", postcode, sa.func.lower(number), type_=sa.Text())
    complete = sa.and_(address.c.postcode != "", address.c.house_number != "")
    return transaction.hold(
        "record_home",
        sa.select(records.c.record_no, sa.case((complete, home)).label("home")).join_from(
            address, records, records.c.record_id == address.c.record_id
        ),
    )
