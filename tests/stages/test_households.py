"""Who lives together, and that looking only at the people who were touched gives the same: on both engines."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.project.identity import BUILT_IN_SCOPED, IdentityFile
from hub.stages.resolve.golden import rewrite_people
from hub.stages.resolve.links import find_links
from hub.stages.resolve.names import find_names
from hub.stages.resolve.rules import rules_of
from hub.stages.resolve.verdicts import find_verdicts
from hub.warehouse import Transaction, Warehouse
from tests.stages.world import NOON, fact, project, record, resolve, rows

HOME = {"street": "Dorpsstraat", "house_number": "9", "postcode": "1234AB", "city": "Ede", "country": "NL"}


def together(warehouse: Warehouse, *people: dict[str, Any]) -> list[set[int]]:
    """Let people live at one address, and give who shares a household, by their place in the list from 1."""
    for number, names in enumerate(people, 1):
        record(warehouse, f"crm:{number}", **names)
        fact(warehouse, "address", f"crm:{number}", str(number), **HOME)
    resolve(warehouse, project(), NOON)
    found: dict[int, set[int]] = {}
    for person_id, household_id in rows(warehouse, "person", "person_id", "household_id"):
        found.setdefault(household_id, set()).add(person_id)
    return [found[household_id] for household_id in sorted(found, key=lambda it: it or 0)]


def test_r6_a_family_is_told_by_its_name_whatever_its_capitals_accents_and_prefix(warehouse: Warehouse) -> None:
    assert together(
        warehouse,
        {"surname": "Güneş"},
        {"surname": "GUNES"},
        {"surname": "Vries", "prefix": "de"},
        {"surname": "de Vries"},
        {"surname": "D\u2019Hondt"},
        {"surname": "Hondt", "prefix": "d'"},
    ) == [{1, 2}, {3, 4}, {5, 6}]


def test_r6_a_couple_of_whom_one_carries_the_others_name_is_one_household(warehouse: Warehouse) -> None:
    assert together(
        warehouse,
        {"surname": "Boer"},
        {"surname": "Vries", "prefix": "de"},
        {"surname": "Jansen", "partner_surname": "de Vries"},
        {"surname": "Jansen"},
        {"surname": "Smit-Boer"},
        {"surname": "Bakker"},
    ) == [{1, 5}, {2, 3, 4}, {6}]


def test_r6_one_house_is_one_house_however_it_is_written(warehouse: Warehouse) -> None:
    written = ({"postcode": "1234AB"}, {"postcode": "1234 ab"}, {"house_letter": "B"}, {"house_letter": "b"})
    for number, address in enumerate(written, 1):
        record(warehouse, f"crm:{number}", surname="Valk", given_name=["Anna", "Bert", "Cor", "Dirk"][number - 1])
        fact(warehouse, "address", f"crm:{number}", str(number), **{**HOME, **address})
        resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "person_id", "household_id") == [(1, 1), (2, 1), (3, 3), (4, 3)]


@pytest.mark.parametrize("name", [None, "", ".", "-", "'"])
def test_r6_people_without_a_name_are_nobodys_family(warehouse: Warehouse, name: str | None) -> None:
    assert together(warehouse, {"surname": name}, {"surname": name}) == [{1, 2}]
    assert rows(warehouse, "person", "household_id") == [(None,), (None,)]
    assert rows(warehouse, "household", "household_id") == []


def test_r6_a_move_changes_the_household_that_is_left_and_the_one_that_is_joined(warehouse: Warehouse) -> None:
    for number, house in (("1", "9"), ("2", "9"), ("3", "11")):
        record(warehouse, f"crm:{number}", surname="Valk")
        fact(warehouse, "address", f"crm:{number}", number, **{**HOME, "house_number": house})
    resolve(warehouse, project(), NOON)
    with warehouse.begin() as transaction:
        address = transaction.table("address")
        transaction.execute(sa.update(address).values(house_number="11").where(address.c.source_key == "1"))
        assert rewrite_people(transaction, links(transaction), project(), touched(transaction, {1})) == 3
    assert rows(warehouse, "person", "person_id", "household_id") == [(1, 1), (2, 2), (3, 1)]
    assert rows(warehouse, "household", "household_id", "house_number", "members") == [(1, "11", 2), (2, "9", 1)]


NAMES = st.sampled_from([None, "Valk", "Boer", "Smit", "Valk-Boer"])
PEOPLE = st.lists(
    st.tuples(st.integers(1, 4), NAMES, NAMES, st.sampled_from(["9", "11", None]), st.integers(1, 3)),
    min_size=1,
    max_size=8,
)
RULES: dict[str, Any] = {"fields": {"surname": "most frequent", "given_name": ["crm", "longest"], "email": "longest"}}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=PEOPLE, after=PEOPLE, rules=st.sampled_from([{}, RULES]))
def test_looking_at_those_who_were_touched_gives_what_looking_at_everybody_gives(
    warehouse: Warehouse, before: list[Any], after: list[Any], rules: dict[str, Any]
) -> None:
    its = project(identity={"golden": rules})
    with warehouse.begin() as transaction:
        write(transaction, before)
        rewrite_people(transaction, links(transaction), its)
        write(transaction, after)
        owners = touched_by(before, after)
        rewrite_people(transaction, links(transaction), its, touched(transaction, owners))
        found = stored(transaction)
        assert rewrite_people(transaction, links(transaction), its) == 0
        assert stored(transaction) == found


def owned(said: list[Any]) -> dict[int, int]:
    """Give the person of each record: the smallest number among the records of one group."""
    first: dict[int, int] = {}
    return {number: first.setdefault(group, number) for number, (group, *_) in enumerate(said, 1)}


def touched_by(before: list[Any], after: list[Any]) -> set[int]:
    """Give everybody who has, or had, a record that says something else or is somebody else's now."""
    old, new = (
        {number: (person, said[number - 1]) for number, person in owned(said).items()} for said in (before, after)
    )
    changed = {number for number in old.keys() | new.keys() if old.get(number) != new.get(number)}
    return {its[number][0] for its in (old, new) for number in changed & its.keys()}


def write(transaction: Transaction, said: list[Any]) -> None:
    """Make the store say this and nothing else, with the records' people as resolve would leave them."""
    person = owned(said)
    for name in ("source_record", "identifier", "address"):
        transaction.execute(sa.delete(transaction.table(name)))
    for number, (_, surname, partner, house, word) in enumerate(said, 1):
        its = {"connection": "crm" if number % 2 else "shop", "source_key": str(number), "record_id": f"r:{number}"}
        given = {"surname": surname, "partner_surname": partner, "given_name": "x" * word}
        transaction.execute(
            sa.insert(transaction.table("source_record")).values(
                **its, record_no=number, person_id=person[number], **given
            )
        )
        transaction.execute(
            sa.insert(transaction.table("identifier")).values(**its, type="email", value=f"{'y' * word}{number}@a.nl")
        )
        if house is not None:
            transaction.execute(
                sa.insert(transaction.table("address")).values(**its, **{**HOME, "house_number": house})
            )


def links(transaction: Transaction) -> Any:
    """Give the links of the stored records."""
    stored_record = transaction.table("source_record")
    records = transaction.hold("every_record", sa.select(stored_record.c.record_id, stored_record.c.record_no))
    names = find_names(transaction, records).records
    none = pa.schema([("low", pa.string()), ("high", pa.string()), ("same", pa.bool_())]).empty_table()
    verdicts = find_verdicts(transaction, records, none)
    return find_links(transaction, records, names, verdicts, rules_of(IdentityFile()), BUILT_IN_SCOPED)


def touched(transaction: Transaction, people: set[int]) -> sa.TableClause:
    """Hold these people as touched."""
    nobody = sa.select(sa.cast(sa.null(), sa.BigInteger()).label("person_id")).where(sa.false())
    some = (sa.select(sa.cast(sa.literal(it), sa.BigInteger()).label("person_id")) for it in sorted(people))
    return transaction.hold("touched", sa.union_all(nobody, *some))


def stored(transaction: Transaction) -> list[list[Any]]:
    """Give everything that is stored of people and households."""
    tables = (transaction.table("person"), transaction.table("household"))
    return [sorted((tuple(row) for row in transaction.rows(sa.select(table))), key=repr) for table in tables]
