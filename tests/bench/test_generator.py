"""The benchmark's data: believable, and the same for everybody."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from bench.generator import generate

LARGE_ENOUGH_FOR_SEVERAL_THREADS = 15_000


def contents(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Give, of each file, a digest per thousand rows in their order."""
    return {
        f"{path.parent.name}/{path.name}": duckdb.sql(f"""
            SELECT place // 1000, count(*), bit_xor(hash(raw))
            FROM (SELECT row_number() OVER () AS place, * FROM '{path}') AS raw GROUP BY 1 ORDER BY 1""").fetchall()
        for path in sorted(folder.glob("*/*"))
    }


def count(query: str) -> int:
    return int(duckdb.sql(query).fetchall()[0][0])


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("raw"), 2000)


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", LARGE_ENOUGH_FOR_SEVERAL_THREADS, threads=1)
    many = generate(tmp_path / "many", LARGE_ENOUGH_FOR_SEVERAL_THREADS, threads=4)
    assert contents(one) == contents(many)


def test_a_seed_decides_the_data(tmp_path: Path) -> None:
    first, again, other = (generate(tmp_path / name, 300, seed) for name, seed in [("a", 1), ("b", 1), ("c", 2)])
    assert contents(first) == contents(again)
    changed = {name for name, content in contents(other).items() if content != contents(first)[name]}
    assert changed == set(contents(first))


@pytest.mark.parametrize(
    ("file", "per_person"),
    [
        ("crm/contacts.parquet", 1.0),
        ("shop/customers.parquet", 0.6),
        ("shop/orders.parquet", 3.0),
        ("shop/order_lines.parquet", 7.0),
        ("mailings/events.parquet", 8.0),
        ("web/events.parquet", 10.0),
    ],
)
def test_each_person_leaves_the_stated_number_of_rows(raw: Path, file: str, per_person: float) -> None:
    assert count(f"SELECT count(*) FROM '{raw / file}'") == pytest.approx(2000 * per_person, rel=0.06)


def test_the_data_has_the_noise_of_real_systems(raw: Path) -> None:
    contacts = f"'{raw / 'crm/contacts.parquet'}'"
    assert count(f"SELECT count(*) FROM {contacts} WHERE email <> lower(trim(email))") > 100
    assert count(f"SELECT count(*) FROM {contacts} WHERE phone LIKE '+31 %'") > 50
    assert count(f"SELECT count(*) FROM {contacts} WHERE phone LIKE '0031%'") > 50
    assert count(f"SELECT count(*) FROM {contacts} WHERE phone LIKE '06-%'") > 50
    assert (
        count(f"SELECT count(*) FROM {contacts} WHERE right(regexp_replace(phone, '[^0-9]', '', 'g'), 9) = '207000000'")
        > 40
    )
    assert count(f"SELECT count(*) FROM '{raw / 'shop/orders.parquet'}' WHERE customer_id IS NULL") > 500
    assert count(f"SELECT count(*) FROM '{raw / 'erp/debtors.csv'}' WHERE credit LIKE '_.___,__'") > 400


def test_every_order_is_the_sum_of_its_lines(raw: Path) -> None:
    orders, lines = raw / "shop/orders.parquet", raw / "shop/order_lines.parquet"
    wrong = f"""
        SELECT count(*) FROM '{orders}'
        JOIN (SELECT order_no, sum(quantity * price) AS total FROM '{lines}' GROUP BY order_no) USING (order_no)
        WHERE replace(total_incl, ',', '.')::DECIMAL(12, 2) <> total"""
    assert count(wrong) == 0


def test_the_truth_lies_apart_and_knows_every_record(raw: Path) -> None:
    assert {path.name for path in (raw / "truth").iterdir()} == {"persons.parquet", "records.parquet"}
    unknown = f"""
        SELECT count(*) FROM '{raw / "shop/customers.parquet"}' AS customer WHERE id::VARCHAR NOT IN (
            SELECT record FROM '{raw / "truth/records.parquet"}' WHERE connection = 'shop')"""
    assert count(unknown) == 0
