"""Households: people of one family at one address (R6). They are a level of their own: nobody is merged.

At one address, people with one surname are one household, and so are couples of whom one carries the other's name:
as the partner's name, or behind a hyphen. Names are compared without capitals, accents and prefixes.
The head of a household is the person of it whom the hub has known longest; who lives alone, or nowhere, is one too.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hub.normalise.names import PREFIX_WORDS
from hub.people.survivorship import COMPLETE, filled
from hub.stages.resolve.components import components
from hub.warehouse import Transaction
from hub.warehouse.constructs import folded, matches, replace_all, text_constant

HOMES = ("home", "second_home", "third_home")
"""A family's name at an address: by the surname, by what stands behind its hyphen, and by the partner's name."""

_ELIDED = "|".join(word for word in PREFIX_WORDS if word.endswith("'"))
_SPACED = "|".join(word for word in PREFIX_WORDS if not word.endswith("'"))
_PREFIX = text_constant(f"^(?:(?:{_ELIDED}) *|(?:{_SPACED}) +)+")
_PLAIN = text_constant("[^ .'\u2019]*")


def with_household(
    transaction: Transaction, chosen: sa.FromClause, touched: sa.TableClause | None
) -> tuple[sa.Select[Any], sa.TableClause | None, sa.TableClause | None]:
    """Give the rows of `person`: golden records with the household of those who live somewhere.

    With `touched`, the rows are those of everybody whose household may be another now. The second result then holds
    the person_id of all of these, and the third the household_id of each household that these were in before.
    """
    if touched is None:
        return _with(chosen, _members(transaction, chosen)), None, None
    mates, left = _mates(transaction, chosen, touched)
    both = sa.union_all(sa.select(*chosen.c), sa.select(*(mates.c[column.name] for column in chosen.c)))
    everybody = both.subquery("everybody")
    settled = transaction.hold("settled_person", sa.union(sa.select(touched.c.person_id), sa.select(mates.c.person_id)))
    return _with(everybody, _members(transaction, everybody)), settled, left


def households(
    transaction: Transaction, settled: sa.TableClause | None, left: sa.TableClause | None
) -> tuple[sa.Select[Any], sa.Select[Any] | None]:
    """Select the households of the stored people, and the household_id of those to look at; None means all."""
    people = transaction.table("person")
    number = sa.func.concat_ws(" ", people.c.house_number, people.c.house_letter, people.c.house_addition)
    every = (
        sa.select(
            people.c.household_id,
            sa.func.min(people.c.surname).label("surname"),
            sa.func.min(people.c.postcode).label("postcode"),
            sa.func.min(number).label("house_number"),
            sa.func.count().label("members"),
        )
        .where(people.c.household_id.is_not(None))
        .group_by(people.c.household_id)
    )
    if settled is None or left is None:
        return every, None
    joined = sa.select(people.c.household_id).where(
        people.c.person_id.in_(sa.select(settled.c.person_id)), people.c.household_id.is_not(None)
    )
    within = transaction.hold("settled_household", sa.union(sa.select(left.c.household_id), joined))
    among = sa.select(within.c.household_id)
    return every.where(people.c.household_id.in_(among)), among


def _mates(
    transaction: Transaction, chosen: sa.FromClause, touched: sa.TableClause
) -> tuple[sa.TableClause, sa.TableClause]:
    """Hold everybody else of the households that the touched were in or may be in now; and what these are called.

    Whoever shares a family's name and address with one of the touched is in a household already, or lives alone as
    one: with all of those, no one who belongs to a new household is missing.
    """
    person = transaction.table("person")
    gone = sa.select(touched.c.person_id)
    homes = transaction.hold("touched_home", _homes(chosen))
    near_by = (here == there for here, there in zip(_house(person)[:2], _house(chosen)[:2], strict=True))
    near = transaction.hold(
        "neighbour_home",
        _homes(
            sa.select(person)
            .where(
                person.c.person_id.not_in(gone),
                sa.exists(sa.select(chosen.c.person_id)).where(*near_by),
            )
            .subquery("neighbour"),
            "household_id",
        ),
    )
    said = sa.union(*(sa.select(homes.c[name].label("home")).where(homes.c[name].is_not(None)) for name in HOMES))
    same = transaction.hold("shared_home", said)
    known = sa.select(same.c.home)
    joined = sa.select(near.c.household_id).where(sa.or_(*(near.c[name].in_(known) for name in HOMES)))
    before = sa.select(person.c.household_id).where(person.c.person_id.in_(gone), person.c.household_id.is_not(None))
    left = transaction.hold("left_household", sa.union(before, joined))
    mates = sa.select(person).where(
        person.c.household_id.in_(sa.select(left.c.household_id)), person.c.person_id.not_in(gone)
    )
    return transaction.hold("housemate", mates), left


def _homes(people: sa.FromClause, *further: str) -> sa.Select[Any]:
    """Select the names by which each of the people who live somewhere is of a family there (see `HOMES`)."""
    surname, partner = people.c.surname, people.c.partner_surname
    house = _house(people)
    names = [
        _family(sa.func.split_part(surname, "-", 1)),
        sa.case((surname.contains("-"), _family(sa.func.split_part(surname, "-", 2)))),
        _family(partner),
    ]
    homes = [
        sa.case((filled(name), sa.func.concat_ws(" ", name, *house))).label(label)
        for name, label in zip(names, HOMES, strict=True)
    ]
    return sa.select(people.c.person_id, *homes, *(people.c[name] for name in further)).where(
        *(filled(people.c[name]) for name in COMPLETE),
        filled(surname),
    )


def _house(people: sa.FromClause) -> list[sa.ColumnElement[str]]:
    """Give what tells a house, however it is written: `1234 ab` and `1234AB`, 9 A and 9 a."""
    postcode = sa.func.replace(sa.func.upper(people.c.postcode), " ", "", type_=sa.Text())
    number = (people.c[name] for name in ("house_number", "house_letter", "house_addition"))
    return [postcode, *(sa.func.lower(part, type_=sa.Text()) for part in number)]


def _family(name: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Give a surname as families are compared by: without capitals, accents, prefixes, dots and spaces."""
    plain = folded(name)
    straight = sa.func.replace(plain, "\u2019", "'", type_=sa.Text())
    bare = replace_all(replace_all(straight, _PREFIX, text_constant("")), text_constant("[ .']"), text_constant(""))
    return sa.case((matches(plain, _PLAIN), plain), else_=bare)


def _members(transaction: Transaction, people: sa.FromClause) -> sa.FromClause:
    """Give (person_id, household_id) of those who live somewhere: the smallest person_id of the household."""
    living = transaction.hold("living", _homes(people))
    named = sa.func.coalesce(*(living.c[name] for name in HOMES))
    shared = (
        sa.select(named.label("home"), sa.func.min(living.c.person_id).label("first"))
        .where(named.is_not(None))
        .group_by(named)
        .subquery("shared")
    )
    alone = sa.select(living.c.person_id, shared.c.first.label("household_id")).join_from(
        living, shared, shared.c.home == named
    )
    several = sa.and_(named.is_not(None), sa.or_(living.c.second_home.is_not(None), living.c.third_home.is_not(None)))
    if not transaction.count(living, several):
        return alone.subquery("member")
    return _through_partners(transaction, living, transaction.hold("single_member", alone))


def _through_partners(transaction: Transaction, living: sa.TableClause, member: sa.TableClause) -> sa.FromClause:
    """Join the households that people with several names tie together."""
    every = transaction.hold(
        "named_home",
        sa.union_all(
            *(
                sa.select(member.c.household_id, living.c[name].label("home"))
                .join_from(living, member, member.c.person_id == living.c.person_id)
                .where(living.c[name].is_not(None))
                for name in HOMES
            )
        ),
    )
    first = (
        sa.select(every.c.home, sa.func.min(every.c.household_id).label("household_id"))
        .group_by(every.c.home)
        .subquery("first_at_home")
    )
    edges = transaction.hold(
        "household_edge",
        sa.select(every.c.household_id.label("high"), first.c.household_id.label("low"))
        .join_from(every, first, first.c.home == every.c.home)
        .where(first.c.household_id < every.c.household_id)
        .distinct(),
    )
    roots = components(transaction, edges)
    return (
        sa.select(member.c.person_id, sa.func.coalesce(roots.c.root, member.c.household_id).label("household_id"))
        .select_from(member.outerjoin(roots, roots.c.member == member.c.household_id))
        .subquery("member")
    )


def _with(people: sa.FromClause, member: sa.FromClause) -> sa.Select[Any]:
    head = sa.func.coalesce(member.c.household_id == people.c.person_id, sa.true(), type_=sa.Boolean())
    return sa.select(*people.c, member.c.household_id, head.label("household_head")).select_from(
        people.outerjoin(member, member.c.person_id == people.c.person_id)
    )
