"""A column that looks like citizen service numbers (BSN) is left empty and reported (R7): on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.normalise.business import rsin
from hub.stages.map import map_loads
from hub.warehouse import Warehouse
from tests.stages.raw_lake import Mapped, project
from tests.stages.world import NOON

MEMBERS = """
connection: gym
person:
  from: members
  key: id
  identifiers: {customer_number: number}
  columns: {given_name: name, profession: remark}
"""
REASON = "looks like citizen service numbers (BSN), which a company may not keep: it is left empty, leave it out"
NUMBERS = [str(number) for number in range(123_456_000, 123_458_000)]
BSN = [number for number in NUMBERS if rsin(number)]


@pytest.fixture
def gym(warehouse: Warehouse, tmp_path: Path) -> Mapped:
    return Mapped(warehouse, tmp_path / "lake")


def members(numbers: list[str], remarks: list[str], first: int = 1) -> list[dict[str, object]]:
    return [
        {"id": place, "name": "Anna", "number": number, "remark": remark}
        for place, (number, remark) in enumerate(zip(numbers, remarks, strict=True), first)
    ]


def kept(gym: Mapped) -> tuple[set[object], int]:
    professions = {profession for (profession,) in gym.rows("source_record", "profession")}
    return professions, len(gym.rows("identifier", "value"))


def test_r7_columns_and_identifiers_of_citizen_service_numbers_are_left_empty_and_told_once(gym: Mapped) -> None:
    gym.load("gym", "100.0", members=members(BSN[:20], [f" {it}"[1:] for it in BSN[20:40]]))
    report = gym.map(MEMBERS)
    assert (report.rows_in, report.rows_out) == (20, 20)
    assert kept(gym) == ({None}, 0)
    assert gym.rows("source_record", "given_name") == [("Anna",)] * 20
    told = [
        ("*", f"columns: profession {REASON}", None),
        ("*", f"identifiers: customer_number {REASON}", None),
    ]
    assert gym.rows("quarantine", "source_key", "reason", "row") == told
    gym.load("gym", "200.0", members=members(BSN[40:42], ["kok", BSN[50]], first=30))
    gym.map(MEMBERS)
    assert kept(gym) == ({None}, 0)
    assert gym.rows("quarantine", "source_key", "reason", "row") == told


def test_ordinary_numbers_of_nine_digits_are_kept(gym: Mapped) -> None:
    gym.load("gym", "100.0", members=members(NUMBERS[:200], NUMBERS[200:400]))
    gym.map(MEMBERS)
    assert len(kept(gym)[0]) == kept(gym)[1] == 200
    assert gym.rows("quarantine", "reason") == []


def test_texts_of_any_kind_are_no_numbers(gym: Mapped) -> None:
    remarks = ["", "kok", "12345678x", "één twee drie", "a:b:c", "-12345678", "1" * 40, "000000000", "%_'\\"]
    gym.load("gym", "100.0", members=members(["nl"] * len(remarks), remarks))
    gym.map(MEMBERS)
    assert kept(gym)[0] - {None, ""} == set(remarks) - {""}


def test_a_value_that_is_never_given_is_no_number(gym: Mapped) -> None:
    gym.load("gym", "100.0", members=members(["1"], ["kok"]))
    gym.map(MEMBERS.replace("customer_number: number", "customer_number: 'null'"))
    assert kept(gym) == ({"kok"}, 0)


def test_a_few_values_prove_nothing(gym: Mapped) -> None:
    gym.load("gym", "100.0", members=members(BSN[:9] * 2, BSN[:9] * 2))
    gym.map(MEMBERS)
    assert len(kept(gym)[0]) == 9
    assert gym.rows("quarantine", "reason") == []


def test_a_mapping_that_leaves_the_column_out_has_nothing_to_report(gym: Mapped) -> None:
    gym.load("gym", "100.0", members=members(BSN[:20], ["kok"] * 20))
    gym.map(MEMBERS)
    assert len(gym.rows("quarantine", "reason")) == 1
    gym.map(MEMBERS.replace("  identifiers: {customer_number: number}\n", ""))
    assert gym.rows("quarantine", "reason") == []
    assert kept(gym) == ({"kok"}, 0)


def test_citizen_service_numbers_are_no_key(gym: Mapped) -> None:
    gym.load("gym", "100.0", members=members(BSN[:20], ["kok"] * 20))
    report = map_loads(gym.warehouse, project(MEMBERS.replace("key: id", "key: number")), gym.lake, NOON)
    assert report.failures == (
        "gym: mappings/gym.yaml: person.key: the key looks like citizen service numbers (BSN), which a company may "
        "not keep: take another key (in the raw table 'members')",
    )
    assert gym.rows("source_record", "record_id") == []
