"""The hand-written reference says what is true of the generated people, within the noise that was put in."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from bench.generator import generate
from bench.lake import lay_down
from bench.people import components
from bench.reference import reference
from hub.normalise.email import normalise_email
from hub.normalise.phone import parse_phone

PERSONS = 3000


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    generate(folder / "raw", PERSONS)
    lay_down(folder / "raw", folder / "lake")
    return folder


@pytest.fixture(scope="module")
def outcome(bench: Path) -> dict[str, int]:
    return reference(bench / "lake", bench / "reference.duckdb")


def total(outcome: dict[str, int], prefix: str) -> int:
    return sum(count for name, count in outcome.items() if name.startswith(prefix))


def truth(bench: Path, query: str) -> int:
    return int(duckdb.sql(query.format(raw=bench / "raw")).fetchall()[0][0])


def test_it_finds_about_as_many_people_as_there_are(bench: Path, outcome: dict[str, int]) -> None:
    people = truth(bench, "SELECT count(DISTINCT person) FROM '{raw}/truth/records.parquet'")
    assert outcome["persons"] == pytest.approx(people, rel=0.10)


def test_two_records_that_it_joins_are_nearly_always_one_person(bench: Path, outcome: dict[str, int]) -> None:
    with duckdb.connect(str(bench / "reference.duckdb"), read_only=True) as warehouse:
        joined, right, existing = warehouse.execute(f"""
            WITH found AS (
                SELECT truth.person AS truth, source_record.person AS found
                FROM source_record
                JOIN '{bench}/raw/truth/records.parquet' AS truth
                    ON truth.connection = source_record.connection AND truth.record = source_record.source_key
            )
            SELECT
                (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM found GROUP BY found)),
                (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM found GROUP BY found, truth)),
                (SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM found GROUP BY truth))
            """).fetchall()[0]
    assert outcome["persons"] > 0
    assert right / joined > 0.85, "households that share a phone are the only wrong links"
    assert right / existing > 0.85, "records without any identifier are the only missed links"


def test_a_crowd_is_no_person(bench: Path, outcome: dict[str, int]) -> None:
    with duckdb.connect(str(bench / "reference.duckdb"), read_only=True) as warehouse:
        holders, persons = warehouse.execute("""
            SELECT count(*), count(DISTINCT person) FROM said JOIN record_person USING (record)
            WHERE phone = '+31207000000'""").fetchall()[0]
    assert holders > 40
    assert persons > 0.9 * holders
    assert outcome["identifiers.phone"] > 0


def test_all_real_orders_have_a_person_and_test_orders_are_left_out(bench: Path, outcome: dict[str, int]) -> None:
    orders, lines = "'{raw}/shop/orders.parquet'", "'{raw}/shop/order_lines.parquet'"
    real = truth(bench, f"SELECT count(*) FROM {orders} WHERE status <> 'test'")
    assert outcome["orders"] == outcome["orders.with_person"] == real
    real_lines = truth(bench, f"SELECT count(*) FROM {lines} JOIN {orders} USING (order_no) WHERE status <> 'test'")
    assert outcome["order_lines.with_person"] == real_lines


def test_the_money_of_paid_orders_arrives_to_the_cent(bench: Path, outcome: dict[str, int]) -> None:
    cents = "sum(replace(total_incl, ',', '.')::DECIMAL(12, 2) * 100)::BIGINT"
    paid = truth(bench, f"SELECT {cents} FROM '{{raw}}/shop/orders.parquet' WHERE status = 'P'")
    assert outcome["spent_cents"] == paid


def test_each_person_has_one_life_cycle_and_each_customer_three_scores(outcome: dict[str, int]) -> None:
    customers = outcome["persons"] - outcome["life_cycle.prospect"]
    assert total(outcome, "life_cycle.") == outcome["persons"]
    for score in ("recency", "frequency", "monetary"):
        assert total(outcome, f"rfm.{score}.") == customers


def test_only_members_who_said_yes_and_whose_mail_arrives_are_in_an_audience(outcome: dict[str, int]) -> None:
    for audience in ("newsletter", "gold", "inactives", "big_spenders"):
        assert 0 < outcome[f"audience.{audience}"] < outcome[f"segment.{audience}"]
    assert 0 < outcome["messages"] < outcome["segment.prospects"] + outcome["segment.newcomers"]


def test_it_reads_every_generated_phone_and_address_as_the_hub_does(bench: Path, outcome: dict[str, int]) -> None:
    with duckdb.connect(str(bench / "reference.duckdb"), read_only=True) as warehouse:
        pairs = warehouse.execute("SELECT DISTINCT raw_phone, phone, raw_email, email FROM said").fetchall()
    for raw_phone, phone, raw_email, email in pairs:
        read = parse_phone(raw_phone, "NL") if raw_phone else None
        assert (read.e164 if read else None) == phone
        assert (normalise_email(raw_email) if raw_email else None) == email
    assert len(pairs) > outcome["identifiers.email"]


def test_components_are_named_by_their_smallest_node_along_any_path() -> None:
    left, right = np.array([9, 8, 7, 6, 3]), np.array([8, 7, 6, 0, 4])
    assert components(10, left, right).tolist() == [0, 1, 2, 3, 3, 5, 0, 0, 0, 0]
