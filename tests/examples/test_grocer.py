"""Real data: the hub's totals of The Complete Journey equal sums taken straight from the raw files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from examples.grocer import demo
from hub import pipeline
from hub.cases import run_cases
from hub.warehouse.duckdb import query

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def raw() -> Ask:
    """SQL over the raw files, without the hub."""
    connection = duckdb.connect()
    for file in demo.data_folder().glob("*.parquet"):
        connection.execute(f"CREATE VIEW {file.stem} AS SELECT * FROM read_parquet('{file}')")
    return lambda sql: connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The grocer's project, run as of the demo's last date; SQL over what it published."""
    folder = tmp_path_factory.mktemp("grocer") / "grocer"
    shutil.copytree(demo.HERE, folder, ignore=shutil.ignore_patterns(".hub", "lake", "__pycache__"))
    project = demo.project(folder)
    report = pipeline.run(project, demo.LAST)
    assert report.ok, report.failures
    again = pipeline.run(project, demo.LAST)
    assert all(entry.skipped for entry in again.reports if entry.stage in ("land", "map", "resolve", "enrich"))
    published = project.state / "published.duckdb"

    def ask(sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in query(published, sql).to_pylist()]

    return ask


def test_every_household_basket_line_mailing_and_redemption_arrives(hub: Ask, raw: Ask) -> None:
    """R9."""
    assert hub("SELECT count(*) FROM person") == raw("SELECT count(DISTINCT household_id) FROM transactions")
    assert hub("SELECT count(*) FROM sales_order") == raw("SELECT count(DISTINCT basket_id) FROM transactions")
    assert hub("SELECT count(*), sum(quantity)::BIGINT, round(sum(amount), 2)::TEXT FROM order_line") == raw(
        "SELECT count(*), sum(quantity)::BIGINT, round(sum(sales_value::DECIMAL(18, 4)), 2)::TEXT FROM transactions"
    )
    assert hub("SELECT count(*) FROM product") == raw("SELECT count(*) FROM products")
    assert hub("SELECT count(*) FROM message") == raw("SELECT count(*) FROM campaigns")
    assert hub("SELECT count(*) FROM message_event") == raw("SELECT count(*) FROM coupon_redemptions")
    assert hub("SELECT count(*) FROM quarantine") == [(0,)]


def test_campaigns_start_on_the_day_that_the_raw_descriptions_say(hub: Ask, raw: Ask) -> None:
    assert hub(
        "SELECT DISTINCT campaign::INTEGER AS c, (sent_at AT TIME ZONE 'America/New_York')::DATE AS d "
        "FROM message ORDER BY 1"
    ) == raw(
        "SELECT DISTINCT campaign_id::INTEGER, start_date::DATE FROM campaign_descriptions "
        "JOIN campaigns USING (campaign_id) ORDER BY 1"
    )


def test_orders_and_spending_per_household_agree_with_the_raw_lines(hub: Ask, raw: Ask) -> None:
    """R32."""
    ours = hub(
        "SELECT r.source_key, t.order_count, round(t.spent_lifetime, 2)::TEXT FROM trait AS t "
        "JOIN source_record AS r USING (person_id) ORDER BY 1"
    )
    theirs = raw(
        "SELECT household_id::TEXT, count(DISTINCT basket_id), round(sum(sales_value::DECIMAL(18, 4)), 2)::TEXT "
        "FROM transactions GROUP BY 1 ORDER BY 1"
    )
    assert ours == theirs


def test_rfm_scores_follow_the_rule_of_equal_scores_for_equal_customers(hub: Ask, raw: Ask) -> None:
    """R32: least(5, 1 + floor(5 * percent_rank()))."""
    ours = hub(
        "SELECT r.source_key, t.frequency_score FROM trait AS t JOIN source_record AS r USING (person_id) ORDER BY 1"
    )
    theirs = raw(
        "SELECT household_id::TEXT, least(5, 1 + floor(5 * percent_rank() OVER (ORDER BY orders)))::BIGINT FROM "
        "(SELECT household_id, count(DISTINCT basket_id) AS orders FROM transactions GROUP BY 1) ORDER BY 1"
    )
    assert ours == theirs


def test_response_per_campaign_equals_the_raw_redemptions(hub: Ask, raw: Ask) -> None:
    """R35, R39."""
    ours = hub(
        "SELECT m.campaign::INTEGER AS c, count(DISTINCT m.person_id) AS sent, count(DISTINCT e.person_id) AS came "
        "FROM message AS m LEFT JOIN message_event AS e "
        "ON e.connection = m.connection AND e.message_key = m.source_key GROUP BY 1 ORDER BY 1"
    )
    theirs = raw(
        "SELECT c.campaign_id::INTEGER, count(DISTINCT c.household_id), count(DISTINCT r.household_id) "
        "FROM campaigns AS c LEFT JOIN coupon_redemptions AS r USING (campaign_id, household_id) GROUP BY 1 ORDER BY 1"
    )
    assert ours == theirs


def test_as_of_a_date_only_what_was_known_then_counts(tmp_path: Path, raw: Ask) -> None:
    folder = tmp_path / "grocer"
    shutil.copytree(demo.HERE, folder, ignore=shutil.ignore_patterns(".hub", "lake", "__pycache__"))
    project = demo.project(folder)
    as_of = demo.DATES[1]
    assert pipeline.run(project, as_of).ok
    published = project.state / "published.duckdb"
    (ours,) = query(published, "SELECT sum(order_count)::BIGINT AS n FROM trait").to_pylist()
    ((theirs,),) = raw(
        "SELECT count(DISTINCT basket_id) FROM transactions "
        f"WHERE (transaction_timestamp AT TIME ZONE 'America/New_York') <= TIMESTAMPTZ '{as_of.isoformat()}'"
    )
    assert ours["n"] == theirs


def test_the_mapping_passes_its_own_cases() -> None:
    results = run_cases(demo.project())
    assert results
    assert [result for result in results if not result.ok] == []
