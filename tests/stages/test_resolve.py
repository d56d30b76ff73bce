"""Who is the same person, and why: on DuckDB and on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import sha256

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.schema import BUILT_IN, Column, Schema
from hub.stages.resolve.components import components
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, add, fact, one, project, record, resolve, rows

MONDAY, TUESDAY, WEDNESDAY = (datetime(2026, 11, day, tzinfo=UTC) for day in (16, 17, 18))


def people(warehouse: Warehouse) -> list[set[str]]:
    """Give the record ids of each person, by person id."""
    found: dict[int, set[str]] = {}
    for person_id, record_id in rows(warehouse, "source_record", "person_id", "record_id"):
        found.setdefault(person_id, set()).add(record_id)
    return [found[person_id] for person_id in sorted(found)]


def news(warehouse: Warehouse, mark: str) -> None:
    """Say that the mapping brought something."""
    with warehouse.begin() as transaction:
        remember(transaction, "map", mark, NOON)


def test_records_that_share_an_identifier_are_one_person_over_any_number_of_steps(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="anna@example.nl", phone="+31612345678")
    record(warehouse, "erp:1", phone="+31612345678", customer_number="shop:7")
    record(warehouse, "shop:7", customer_number="shop:7", email="anna.de.wit@example.nl")
    record(warehouse, "shop:8", customer_number="shop:8", email="bert@example.nl")
    report = resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"crm:1", "erp:1", "shop:7"}, {"shop:8"}]
    assert report.rows_in == report.rows_out == 4
    assert (report.counts["persons"], report.counts["merged"], report.counts["new_records"]) == (2, 2, 4)


def test_the_same_value_of_different_types_links_nothing(warehouse: Warehouse) -> None:
    record(warehouse, "a:1", customer_number="31612345678")
    record(warehouse, "b:1", loyalty_card="31612345678")
    resolve(warehouse, project(), NOON)
    assert len(people(warehouse)) == 2


def test_every_link_names_the_identifier_and_the_record_that_shares_it(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="anna@example.nl", phone="+31612345678")
    record(warehouse, "erp:1", phone="+31612345678")
    record(warehouse, "shop:7", email="anna@example.nl", phone="+31612345678")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "source_record", "record_id", "linked_by", "linked_to") == [
        ("crm:1", None, None),
        ("erp:1", "phone", "crm:1"),
        ("shop:7", "email", "crm:1"),
    ]


def test_a_record_that_shares_only_with_later_ones_names_one_of_those(warehouse: Warehouse) -> None:
    record(warehouse, "a:1", email="one@example.nl")
    record(warehouse, "b:1", phone="+31612345678")
    record(warehouse, "c:1", email="one@example.nl", phone="+31612345678")
    resolve(warehouse, project(), NOON)
    assert one(warehouse, "source_record", {"record_id": "b:1"}, "person_id", "linked_by", "linked_to") == (
        1,
        "phone",
        "c:1",
    )


def test_record_numbers_follow_the_ids_and_go_on_where_they_stopped(warehouse: Warehouse) -> None:
    record(warehouse, "crm:2")
    record(warehouse, "crm:1")
    resolve(warehouse, project(), NOON)
    record(warehouse, "crm:0")
    report = resolve(warehouse, project(), NOON)
    assert rows(warehouse, "source_record", "record_id", "record_no") == [("crm:0", 3), ("crm:1", 1), ("crm:2", 2)]
    assert report.counts["new_records"] == 1


def test_the_number_of_a_record_that_is_gone_is_never_given_again(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1")
    resolve(warehouse, project(), NOON)
    with warehouse.begin() as transaction:
        transaction.execute(sa.delete(transaction.table("source_record")))
    record(warehouse, "crm:2")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "source_record", "record_no") == [(2,)]
    assert rows(warehouse, "person", "person_id") == [(2,)]


def test_a_merge_keeps_the_older_person_and_moves_only_the_younger_ones_records(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="anna@example.nl")
    record(warehouse, "shop:1", phone="+31612345678")
    resolve(warehouse, project(), NOON)
    record(warehouse, "z:1", email="anna@example.nl", phone="+31612345678")
    report = resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"crm:1", "shop:1", "z:1"}]
    assert report.counts["moved_records"] == 1
    assert rows(warehouse, "person", "person_id", "record_id", "records") == [(1, "crm:1", 3)]


def test_a_split_gives_both_people_their_old_ids_back(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="anna@example.nl")
    record(warehouse, "shop:1", email=["anna@example.nl", "bert@example.nl"])
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"crm:1", "shop:1"}]
    with warehouse.begin() as transaction:
        identifier = transaction.table("identifier")
        transaction.execute(
            sa.delete(identifier).where(identifier.c.record_id == "shop:1", identifier.c.value == "anna@example.nl")
        )
    news(warehouse, "corrected")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "source_record", "record_id", "person_id", "linked_by") == [
        ("crm:1", 1, None),
        ("shop:1", 2, None),
    ]
    assert rows(warehouse, "person", "person_id", "email") == [(1, "anna@example.nl"), (2, "bert@example.nl")]


def test_without_news_nothing_is_done(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="anna@example.nl")
    news(warehouse, "first")
    assert not resolve(warehouse, project(), NOON).skipped
    assert resolve(warehouse, project(), NOON).skipped
    news(warehouse, "second")
    again = resolve(warehouse, project(), NOON)
    assert not again.skipped
    assert (again.counts["changed_persons"], again.counts["moved_records"]) == (0, 0)


@pytest.mark.parametrize("value", ["", "-", "0000000000", "onbekend", "Test@Test.nl", "info@bedrijf.nl", "shop:0"])
def test_blocked_values_link_nobody(warehouse: Warehouse, value: str) -> None:
    kind = "email" if "@" in value else "customer_number" if ":" in value else "phone"
    record(warehouse, "crm:1", **{kind: value})
    record(warehouse, "crm:2", **{kind: value})
    report = resolve(warehouse, project(), NOON)
    assert len(people(warehouse)) == 2
    assert report.counts["blocked_identifiers"] == 2


def test_a_shared_mailbox_may_be_written_to_but_a_false_address_is_no_address(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="info@bakkerij.nl")
    record(warehouse, "crm:2", email="test@test.nl")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "person_id", "email") == [(1, "info@bakkerij.nl"), (2, None)]


def test_a_phone_of_forty_records_is_one_person_and_of_forty_one_a_crowd(warehouse: Warehouse) -> None:
    for number in range(40):
        record(warehouse, f"crm:{number:02}", phone="+31201234567")
    for number in range(41):
        record(warehouse, f"shop:{number:02}", phone="+31207654321")
    report = resolve(warehouse, project(), NOON)
    assert report.counts["persons"] == 1 + 41
    assert report.counts["crowds"] == 1
    assert one(warehouse, "person", {"record_id": "shop:00"}, "phone") == (None,)


def test_a_hashed_address_links_to_the_address_it_is_the_hash_of(warehouse: Warehouse) -> None:
    record(warehouse, "ads:1", email_hash=sha256(b"anna@example.nl").hexdigest())
    record(warehouse, "crm:1", email="anna@example.nl")
    record(warehouse, "crm:2", email="bert@example.nl")
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"ads:1", "crm:1"}, {"crm:2"}]
    assert one(warehouse, "source_record", {"record_id": "crm:1"}, "linked_by", "linked_to") == ("email_hash", "ads:1")


def test_hashes_of_a_shared_mailbox_link_nobody(warehouse: Warehouse) -> None:
    hashed = sha256(b"info@example.nl").hexdigest()
    record(warehouse, "ads:1", email_hash=hashed)
    record(warehouse, "ads:2", email_hash=hashed)
    record(warehouse, "crm:1", email="info@example.nl")
    resolve(warehouse, project(), NOON)
    assert len(people(warehouse)) == 3


@pytest.mark.parametrize("nothing", ["", "-", "onbekend", "test@test.nl"])
def test_hashes_of_nothing_link_nobody(warehouse: Warehouse, nothing: str) -> None:
    for key in ("ads:1", "ads:2"):
        record(warehouse, key, email_hash=sha256(nothing.encode()).hexdigest())
    assert resolve(warehouse, project(), NOON).counts["blocked_identifiers"] == 2
    assert len(people(warehouse)) == 2


def test_r3_earlier_visits_on_a_device_join_the_person_who_logs_in_on_it(warehouse: Warehouse) -> None:
    record(warehouse, "web:cookie-1", device="cookie-1")
    resolve(warehouse, project(), NOON)
    record(warehouse, "web:login-7", device="cookie-1", customer_number="shop:7")
    record(warehouse, "shop:7", customer_number="shop:7")
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"web:cookie-1", "web:login-7", "shop:7"}]
    assert one(warehouse, "source_record", {"record_id": "web:cookie-1"}, "person_id", "linked_by", "linked_to") == (
        2,
        "device",
        "web:login-7",
    )
    assert one(warehouse, "person", {}, "record_id", "records") == ("shop:7", 3)


def test_r3_a_shared_device_merges_nobody_and_its_visits_stay_anonymous(warehouse: Warehouse) -> None:
    record(warehouse, "web:cookie-1", device="cookie-1")
    record(warehouse, "web:login-7", device="cookie-1", email="anna@example.nl")
    record(warehouse, "web:login-8", device="cookie-1", email="bert@example.nl")
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"web:cookie-1"}, {"web:login-7"}, {"web:login-8"}]


def test_r3_visitors_without_a_known_person_stay_apart(warehouse: Warehouse) -> None:
    record(warehouse, "web:a", device=["cookie-1", "cookie-2"])
    record(warehouse, "web:b", device="cookie-1")
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"web:a"}, {"web:b"}]


def test_r3_a_record_with_a_name_is_nobodys_anonymous_visit(warehouse: Warehouse) -> None:
    record(warehouse, "app:1", device="cookie-1", given_name="Bert")
    record(warehouse, "web:login-7", device="cookie-1", email="anna@example.nl")
    record(warehouse, "web:cookie-1", device="cookie-1")
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"app:1"}, {"web:cookie-1"}, {"web:login-7"}]


def test_r3_a_device_without_a_number_of_its_own_attaches_nothing(warehouse: Warehouse) -> None:
    record(warehouse, "web:a", device="00000000-0000-0000-0000-000000000000")
    record(warehouse, "web:b", device="00000000-0000-0000-0000-000000000000", email="anna@example.nl")
    resolve(warehouse, project(), NOON)
    assert people(warehouse) == [{"web:a"}, {"web:b"}]


def test_r3_a_person_keeps_the_id_when_an_older_visit_attaches_and_leaves_again(warehouse: Warehouse) -> None:
    record(warehouse, "web:cookie-1", device="cookie-1")
    record(warehouse, "web:login-7", device="cookie-1", email="anna@example.nl")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "person_id") == [(2,)]
    record(warehouse, "web:login-8", device="cookie-1", email="bert@example.nl")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "person_id", "email") == [
        (1, None),
        (2, "anna@example.nl"),
        (3, "bert@example.nl"),
    ]


def test_each_field_is_the_newest_value_that_is_not_empty(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", MONDAY, email="anna@example.nl", given_name="Anna", language="nl", gender="F")
    record(
        warehouse,
        "shop:1",
        TUESDAY,
        email="anna@example.nl",
        given_name="Ans",
        language="",
        birth_date=date(1980, 2, 3),
    )
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "given_name", "language", "gender", "birth_date", "records") == [
        ("Ans", "nl", "F", date(1980, 2, 3), 2)
    ]


def test_among_equally_new_values_the_smaller_record_number_wins(warehouse: Warehouse) -> None:
    for key, name in (("a:1", "Anna"), ("b:1", "Ans"), ("c:1", "Annie")):
        record(warehouse, key, MONDAY if key != "c:1" else None, email="anna@example.nl", given_name=name)
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "given_name") == [("Anna",)]


def test_a_surname_comes_with_the_prefix_of_its_own_record(warehouse: Warehouse) -> None:
    anna = {"email": "anna@example.nl", "given_name": "Anna"}
    record(warehouse, "crm:1", MONDAY, **anna, prefix="van der", surname="Valk", partner_first=True)
    record(warehouse, "shop:1", TUESDAY, **anna, surname="Jansen")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "prefix", "surname", "partner_first") == [(None, "Jansen", None)]


def test_email_and_phone_are_the_newest_identifiers(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", TUESDAY, email="new@example.nl", customer_number="shop:1")
    record(warehouse, "shop:1", MONDAY, email="old@example.nl", phone="+31612345678", customer_number="shop:1")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "email", "phone") == [("new@example.nl", "+31612345678")]


HOME = {"street": "Dorpsstraat", "house_number": "9", "postcode": "1234AB", "city": "Ede", "country": "NL"}


def test_the_address_is_the_newest_complete_one_to_live_at(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", MONDAY, surname="Valk")
    fact(warehouse, "address", "crm:1", "old", source_time=MONDAY, kind="home", **{**HOME, "city": "Epe"})
    fact(warehouse, "address", "crm:1", "new", source_time=TUESDAY, kind="home", **HOME)
    fact(warehouse, "address", "crm:1", "part", source_time=WEDNESDAY, kind="home", city="Zwolle")
    fact(warehouse, "address", "crm:1", "gift", source_time=WEDNESDAY, kind="delivery", **{**HOME, "city": "Zeist"})
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "street", "house_number", "postcode", "city") == [
        ("Dorpsstraat", "9", "1234AB", "Ede")
    ]


def test_r6_a_household_groups_people_and_merges_nobody(warehouse: Warehouse) -> None:
    for key, surname, addition in (("1", "Valk", ""), ("2", "VALK", None), ("3", "Valk", "III"), ("4", "Boer", None)):
        record(warehouse, f"crm:{key}", MONDAY, surname=surname)
        fact(warehouse, "address", f"crm:{key}", key, **HOME, house_addition=addition)
    record(warehouse, "crm:5", MONDAY, surname="Valk")
    report = resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "person_id", "household_id") == [(1, 1), (2, 1), (3, 3), (4, 4), (5, None)]
    assert rows(warehouse, "household", "household_id", "house_number", "members") == [
        (1, "9", 2),
        (3, "9 III", 1),
        (4, "9", 1),
    ]
    assert report.counts["households"] == 3


def test_a_person_who_has_no_records_left_is_gone(warehouse: Warehouse) -> None:
    record(warehouse, "crm:1", email="anna@example.nl")
    record(warehouse, "crm:2", email="bert@example.nl")
    resolve(warehouse, project(), NOON)
    with warehouse.begin() as transaction:
        for name in ("source_record", "identifier"):
            table = transaction.table(name)
            transaction.execute(sa.delete(table).where(table.c.record_id == "crm:1"))
    news(warehouse, "erased")
    resolve(warehouse, project(), NOON)
    assert rows(warehouse, "person", "person_id") == [(2,)]


def test_an_empty_warehouse_has_nobody(warehouse: Warehouse) -> None:
    report = resolve(warehouse, project(), NOON)
    assert report.rows_in == 0
    assert report.counts["persons"] == 0


# components ----------------------------------------------------------------------------------------------------------


def roots(warehouse: Warehouse, pairs: list[tuple[int, int]]) -> dict[int, int]:
    ordered = [(max(pair), min(pair)) for pair in pairs if pair[0] != pair[1]]
    table = pa.table(
        {
            "high": pa.array([high for high, _ in ordered], pa.int64()),
            "low": pa.array([low for _, low in ordered], pa.int64()),
        }
    )
    with warehouse.begin() as transaction:
        found = components(transaction, transaction.load("pairs", table))
        return {row.member: row.root for row in transaction.rows(sa.select(found.c.member, found.c.root))}


def union_find(pairs: list[tuple[int, int]]) -> dict[int, int]:
    parent: dict[int, int] = {}

    def find(node: int) -> int:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for left, right in pairs:
        low, high = sorted((find(left), find(right)))
        parent[high] = low
    return {node: find(node) for node in parent if find(node) != node}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(st.integers(1, 25), st.integers(1, 25)), max_size=30))
def test_components_are_those_of_a_union_find(warehouse: Warehouse, pairs: list[tuple[int, int]]) -> None:
    assert roots(warehouse, pairs) == union_find(pairs)


@pytest.mark.parametrize("order", ["straight", "zigzag"])
def test_a_chain_of_a_hundred_thousand_records_is_one_component(warehouse: Warehouse, order: str) -> None:
    size = 100_000
    names = list(range(1, size + 1))
    if order == "zigzag":  # small and large numbers in turn: every other record is a local minimum
        names = [name for pair in zip(names[: size // 2], reversed(names[size // 2 :]), strict=True) for name in pair]
    found = roots(warehouse, list(itertools.pairwise(names)))
    assert len(found) == size - 1
    assert set(found.values()) == {1}


def test_admins_columns_of_a_person_are_chosen_like_the_others(open_on_engine: Callable[[Schema], Warehouse]) -> None:
    column = Column("shoe_size", "integer")
    schema = BUILT_IN.extended({"person": [column], "source_record": [column]}, [])
    warehouse = open_on_engine(schema)
    with warehouse.begin() as transaction:
        table = transaction.table("source_record")
        for key, at, size in (("1", MONDAY, 41), ("2", TUESDAY, None)):
            transaction.execute(
                sa.insert(table).values(
                    connection="crm", source_key=key, record_id=f"crm:{key}", source_time=at, shoe_size=size
                )
            )
    for key in ("1", "2"):
        add(
            warehouse,
            "identifier",
            {
                "connection": "crm",
                "source_key": key,
                "record_id": f"crm:{key}",
                "type": "email",
                "value": "a@example.nl",
            },
        )
    resolve(warehouse, project(schema=schema), NOON)
    assert rows(warehouse, "person", "shoe_size", "records") == [(41, 2)]
