"""The identity benchmark's people: the same for everybody, and as noisy as its table of shares says."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from bench.identity.world import generate

PERSONS = 3200
SYSTEMS = {"crm": 1.0, "shop": 0.60, "checkout": 0.22, "till": 0.25, "erp": 0.08, "newsletter": 0.12, "web": 0.13}


def contents(folder: Path) -> dict[str, tuple[object, ...]]:
    """Give a digest of each file that tells its rows and their order."""
    return {
        str(path.relative_to(folder)): duckdb.sql(f"""
            SELECT count(*), bit_xor(hash(place, raw))
            FROM (SELECT row_number() OVER () AS place, * FROM '{path}') AS raw""").fetchall()[0]
        for path in sorted(folder.rglob("*.parquet"))
    }


def number(query: str) -> float:
    return float(duckdb.sql(query).fetchall()[0][0])


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("raw"), PERSONS)


def test_neither_threads_nor_a_second_time_change_anything(raw: Path, tmp_path: Path) -> None:
    assert contents(generate(tmp_path / "one", PERSONS, threads=1)) == contents(raw)


def test_a_seed_decides_the_people(raw: Path, tmp_path: Path) -> None:
    other = contents(generate(tmp_path / "other", PERSONS, seed=2))
    assert {name for name, content in contents(raw).items() if other[name] != content} == set(other)


def test_every_record_has_one_person_and_a_person_has_two_and_a_half_records(raw: Path) -> None:
    truth = f"'{raw}/truth/records.parquet'"
    assert number(f"SELECT count(*) - count(DISTINCT record_id) FROM {truth}") == 0
    assert number(f"SELECT count(*) / {PERSONS} FROM {truth}") == pytest.approx(2.4, abs=0.1)
    for system, share in SYSTEMS.items():
        found = number(f"SELECT count(*) / {PERSONS} FROM {truth} WHERE record_id LIKE '{system}:%'")
        assert found == pytest.approx(share, abs=0.03), system


def test_couples_share_mailboxes_and_families_share_phones(raw: Path) -> None:
    shared = """
        SELECT count(*) FROM (
            SELECT {value} FROM '{raw}/crm/contacts.parquet' AS contact
            JOIN '{raw}/truth/records.parquet' AS truth ON truth.record_id = 'crm:' || contact.id
            WHERE {value} IS NOT NULL GROUP BY {value} HAVING count(DISTINCT person) = 2)"""
    assert number(shared.format(value="lower(trim(email))", raw=raw)) > 5
    assert number(shared.format(value="right(regexp_replace(phone, '[^0-9]', '', 'g'), 9)", raw=raw)) > 50


def test_some_numbers_were_somebody_elses_before(raw: Path) -> None:
    reused = f"""
        WITH held AS (
            SELECT right(regexp_replace(mobile, '[^0-9]', '', 'g'), 9) AS number, person, last_name
            FROM '{raw}/shop/customers.parquet' AS customer
            JOIN '{raw}/truth/records.parquet' AS truth ON truth.record_id = 'shop:' || customer.id
            WHERE mobile IS NOT NULL)
        SELECT count(*) FROM held AS one JOIN held AS two USING (number) WHERE abs(one.person - two.person) = 5"""
    assert number(reused) > 0


def test_some_brothers_and_sisters_are_twins_at_one_address(raw: Path) -> None:
    twins = f"""
        WITH child AS (
            SELECT person, birth_date, street, house_number FROM '{raw}/crm/contacts.parquet' AS contact
            JOIN '{raw}/truth/records.parquet' AS truth ON truth.record_id = 'crm:' || contact.id)
        SELECT count(*) FROM child AS one JOIN child AS two USING (birth_date, street, house_number)
        WHERE one.person + 1 = two.person AND one.person % 16 = 14"""
    assert number(twins) > 3


def test_the_second_world_has_other_people_and_other_mistakes(raw: Path, tmp_path: Path) -> None:
    second = generate(tmp_path / "second", PERSONS, "second")
    assert contents(generate(tmp_path / "again", PERSONS, "second", threads=1)) == contents(second)
    swapped = f"""
        SELECT count(*) FROM '{second}/shop/customers.parquet' AS one
        JOIN '{second}/shop/customers.parquet' AS two ON one.first_name = two.last_name AND one.email = two.email"""
    assert number(swapped) > 0
    prefixed = "SELECT avg((last_name LIKE 'van %' OR last_name LIKE 'de %')::INT) FROM '{}/shop/customers.parquet'"
    assert number(prefixed.format(second)) < number(prefixed.format(raw))
