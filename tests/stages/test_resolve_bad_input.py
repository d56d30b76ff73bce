"""Bad input for who is who: nothing breaks, nobody becomes a giant, and the report says what was set aside and why."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from hub.ledger import open_ledger
from hub.report import Report
from hub.stages.resolve import resolve as resolve_by_hand
from hub.warehouse import Warehouse
from hub.warehouse.state import remember
from tests.stages.world import NOON, project, record, resolve, rows

SPRING = date(1980, 4, 1)


def people(warehouse: Warehouse) -> list[set[str]]:
    found: dict[int, set[str]] = {}
    for person_id, record_id in rows(warehouse, "source_record", "person_id", "record_id"):
        found.setdefault(person_id, set()).add(record_id)
    return sorted(found.values(), key=sorted)


def run(warehouse: Warehouse, day: str = "1") -> Report:
    with warehouse.begin() as transaction:
        remember(transaction, "map", day, NOON)
    return resolve(warehouse, project(), NOON)


def tell(warehouse: Warehouse, records: dict[str, list[Any]], identifiers: dict[str, list[Any]]) -> None:
    """Add many records at once: columns of both tables; records have ids, identifiers type and value."""
    for table, columns in (("source_record", records), ("identifier", identifiers)):
        keys = [record_id.partition(":")[2] for record_id in columns["record_id"]]
        every = {"connection": ["crm"] * len(keys), "source_key": keys, "load_id": ["1"] * len(keys), **columns}
        with warehouse.begin() as transaction:
            given = transaction.load("told", pa.table(every))
            stored = transaction.table(table)
            transaction.execute(sa.insert(stored).from_select(list(every), sa.select(*(given.c[it] for it in every))))


def many(count: int) -> list[str]:
    return [f"crm:{number:06}" for number in range(count)]


def test_a_phone_of_very_many_records_ties_nobody_and_costs_nothing_the_next_day(warehouse: Warehouse) -> None:
    ids = many(20_000)
    shared = {"record_id": ids, "type": ["phone"] * len(ids), "value": ["+31612345678"] * len(ids)}
    tell(warehouse, {"record_id": ids, "surname": [f"van {id_}" for id_ in ids]}, shared)
    record(warehouse, "shop:1", phone="+31612345678", email="anna@example.nl", surname="Valk")
    record(warehouse, "shop:2", phone="+31612345678", email="anna@example.nl", surname="Valk")
    report = run(warehouse)
    assert report.counts["persons"] == len(ids) + 1
    assert {"shop:1", "shop:2"} in people(warehouse)
    assert report.counts["crowds"] == 1
    assert rows(warehouse, "value_set_aside", "type", "value", "reason") == [("phone", "+31612345678", "crowd")]
    assert rows(warehouse, "match_candidate", "low_record") == []
    record(warehouse, "shop:3", phone="+31612345678", surname="Boer")
    report = run(warehouse, "2")
    assert (report.rows_in, report.counts["persons"]) == (1, len(ids) + 2)


def test_a_chain_of_thousands_of_records_is_one_person_and_comes_apart_where_it_is_cut(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    ids = many(4_000)
    links = {
        "record_id": [*ids[:-1], *ids[1:]],
        "type": ["email", "phone"] * (len(ids) - 1),
        "value": [""] * (2 * len(ids) - 2),
    }
    # each record shares an address or a number, in turn, with the next one
    for place in range(len(ids) - 1):
        kind = ("email", "phone")[place % 2]
        value = f"{place}@example.nl" if kind == "email" else f"+3161{place:07}"
        for end in (place, place + len(ids) - 1):
            links["type"][end], links["value"][end] = kind, value
    tell(warehouse, {"record_id": ids, "surname": ["Valk"] * len(ids)}, links)
    assert run(warehouse).counts["persons"] == 1
    ledger = open_ledger("sqlite", tmp_path / "ledger")
    ledger.verdicts.give(ids[0], ids[-1], False, "anna", NOON, "two people")
    asked: list[str] = []
    sa.event.listen(warehouse.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert resolve_by_hand(warehouse, ledger, project(), NOON).counts["parted_by_hand"] == len(ids)
    assert len(asked) < len(ids) // 4, "a statement for every step of the chain"
    assert [len(person) for person in people(warehouse)] == [2_000, 2_000]
    ledger.verdicts.withdraw(ids[0], ids[-1], "anna", NOON, "a mistake")
    assert resolve_by_hand(warehouse, ledger, project(), NOON).counts["persons"] == 1
    ledger.close()
    with warehouse.begin() as transaction:
        for name in ("source_record", "identifier"):
            table = transaction.table(name)
            transaction.execute(sa.delete(table).where(table.c.record_id == ids[1_500]))
    assert run(warehouse, "2").counts["persons"] == 2
    assert sorted(len(person) for person in people(warehouse)) == [1_500, 2_499]


NOTHING = ("", " ", "null", "NULL", "-", "onbekend", "Onbekend", "n.v.t.", "test@test.nl")


def test_a_value_that_says_nothing_links_nobody_whatever_its_kind(warehouse: Warehouse) -> None:
    kinds = ("email", "phone", "customer_number", "loyalty_card", "device")
    for number, (kind, value) in enumerate(itertools.product(kinds, NOTHING)):
        record(warehouse, f"crm:{number}", **{kind: value})
        record(warehouse, f"shop:{number}", **{kind: value})
    report = run(warehouse)
    everything = 2 * len(kinds) * len(NOTHING)
    assert report.counts["persons"] == everything
    assert report.counts["blocked_identifiers"] == everything


STRANGE = [
    pytest.param("محمد", "الحسن", id="right to left"),
    pytest.param("אברהם", "לוי", id="right to left, another script"),
    pytest.param("\u202eannA", "\u202dklaV", id="marks that turn the direction"),
    pytest.param("李", "小龙", id="one sign is a name"),
    pytest.param("Zoë 🎉", "d’Hondt 👨‍👩‍👧", id="emoji within names"),
]


@pytest.mark.parametrize(("given_name", "surname"), STRANGE)
def test_names_in_any_script_tell_people_apart_and_stay_as_they_are(
    warehouse: Warehouse, given_name: str, surname: str
) -> None:
    said = {"given_name": given_name, "surname": surname}
    record(warehouse, "crm:1", phone="+31612345678", **said)
    record(warehouse, "shop:1", phone="+31612345678", **said)
    record(warehouse, "shop:2", phone="+31612345678", given_name="Willemijn", surname="Quist")
    run(warehouse)
    assert people(warehouse) == [{"crm:1", "shop:1"}, {"shop:2"}]
    assert (given_name, surname) in rows(warehouse, "person", "given_name", "surname")


def test_names_of_signs_alone_are_no_names(warehouse: Warehouse) -> None:
    for key, name in enumerate(("🎉", "👍🏽", "☺️", "...", "\u200f\u200e")):
        record(warehouse, f"crm:{key}", given_name=name, surname=name, birth_date=SPRING)
    report = run(warehouse)
    assert report.counts["persons"] == 5


def test_two_systems_that_disagree_on_everything_are_not_believed(warehouse: Warehouse) -> None:
    given, surnames = ("Anna", "Bert", "Carla", "Dirk", "Emma"), ("Valk", "Boer", "Quist", "Mulder", "Zomer")
    for number in range(1, 51):
        says = {"given_name": given[number % 5], "surname": surnames[number % 5] + "abcdefghijk"[number // 5] * 3}
        record(warehouse, f"crm:{number}", customer_number=f"crm:{number}", birth_date=SPRING, **says)
        other = {
            "given_name": given[(number + 2) % 5],
            "surname": surnames[(number + 3) % 5] + "lmnopqrstuv"[number // 5],
        }
        record(warehouse, f"shop:{number}", customer_number=f"crm:{number}", birth_date=date(1991, 10, 31), **other)
    report = run(warehouse)
    assert {len(person) for person in people(warehouse)} == {1}
    assert report.counts["refused_pairs"] == 50


def test_a_source_that_swaps_the_ids_of_two_people_moves_its_records_and_merges_nobody(warehouse: Warehouse) -> None:
    anna = {"given_name": "Anna", "surname": "Valk", "email": "anna@example.nl"}
    bert = {"given_name": "Bert", "surname": "Boer", "email": "bert@example.nl"}
    record(warehouse, "crm:1", **anna)
    record(warehouse, "crm:2", **bert)
    record(warehouse, "shop:1", **anna)
    record(warehouse, "shop:2", **bert)
    run(warehouse)
    assert people(warehouse) == [{"crm:1", "shop:1"}, {"crm:2", "shop:2"}]
    numbers = dict(rows(warehouse, "source_record", "record_id", "record_no"))
    persons = dict(rows(warehouse, "source_record", "record_id", "person_id"))
    with warehouse.begin() as transaction:
        for name in ("source_record", "identifier"):
            table = transaction.table(name)
            transaction.execute(sa.delete(table).where(table.c.connection == "shop"))
    for id_, says in (("shop:1", bert), ("shop:2", anna)):
        record(warehouse, id_, record_no=numbers[id_], person_id=persons[id_], **says)
    report = run(warehouse, "2")
    assert people(warehouse) == [{"crm:1", "shop:2"}, {"crm:2", "shop:1"}]
    assert dict(rows(warehouse, "source_record", "record_id", "person_id"))["crm:1"] == persons["crm:1"]
    assert (report.counts["moved_records"], report.counts["people_merged"]) == (2, 0)
