"""What is not what was demanded is counted, set aside, or stops its connection before anything believes it (R7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from hub.errors import ConfigurationError
from hub.lake import Lake
from hub.ledger import Erased, open_ledger
from hub.project import Project
from hub.project.quality import QualityFile
from hub.project.quality_checks import shared_checks
from hub.report import Report
from hub.stages.map import Choice, map_loads, replay
from hub.warehouse import Warehouse
from tests.stages import raw_lake
from tests.stages.world import NOON, rows

SHOP = """
connection: shop
person:
  from: customers
  key: id
  updated_at: timestamp(changed)
  identifiers: {email: email(mail)}
  columns:
    surname: trim(name)
    birth_date: {from: "date(dob, 'DD-MM-YYYY')", unreadable: empty}
    gender: {from: sex, map: {v: F, m: M}, unreadable: empty}
sales_order:
  from: orders
  key: number
  person: customer
  columns: {total: number(total), status: status, ordered_at: timestamp(at)}
"""
CRM = "connection: crm\nperson: {from: people, key: id, columns: {surname: name}}\n"


class Shop:
    """A lake, a warehouse, and mappings that quality.yaml watches."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.folder = folder

    def land(self, at: datetime, connection: str = "shop", **tables: Sequence[Mapping[str, Any]]) -> str:
        load_id = f"{at.timestamp():.1f}"
        raw_lake.load(self.folder, connection, load_id, **tables)
        return load_id

    def project(self, quality: str = "{}", *mappings: str) -> Project:
        plain = raw_lake.project(*(mappings or (SHOP,)))
        file = QualityFile.model_validate(yaml.safe_load(quality))
        return replace(plain, quality=file, mappings=tuple(shared_checks(file, plain.mappings)))

    def map(
        self, quality: str = "{}", *mappings: str, as_of: datetime = NOON, accepted: Mapping[str, str] | None = None
    ) -> Report:
        return map_loads(self.warehouse, self.project(quality, *mappings), Lake(self.folder), as_of, accepted or {})

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        return rows(self.warehouse, table, *columns)

    def checks(self) -> dict[str, tuple[bool, str]]:
        return {demand: (met, found) for demand, met, found in self.rows("quality_check", "demand", "met", "found")}


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Shop:
    return Shop(warehouse, tmp_path)


def order(number: int, **given: Any) -> dict[str, Any]:
    plain = {"customer": "1", "total": "10.00", "status": "paid", "at": "2026-11-20T10:00:00Z"}
    return {"number": str(number), **plain, **given}


def customer(number: int, **given: Any) -> dict[str, Any]:
    plain = {"name": "Jansen", "mail": f"p{number}@example.nl", "dob": "01-02-1980", "sex": "v"}
    return {"id": str(number), **plain, "changed": "2026-11-01T10:00:00Z", **given}


def orders(count: int, first: int = 1, **given: Any) -> list[dict[str, Any]]:
    return [order(number, **given) for number in range(first, first + count)]


# a value that can't be read costs only itself, where the mapping says so


def test_an_unreadable_value_leaves_its_row_whole_where_the_mapping_says_so_and_is_noted(shop: Shop) -> None:
    shop.land(NOON, customers=[customer(1, dob="31-02-1980"), customer(2, sex="?", mail="geen"), customer(3)])
    report = shop.map()
    assert shop.rows("source_record", "source_key", "birth_date", "gender") == [
        ("1", None, "F"),
        ("2", date(1980, 2, 1), None),
        ("3", date(1980, 2, 1), "F"),
    ]
    assert shop.rows("quarantine", "source_key", "reason", "effect", "target") == [
        ("1", "birth_date: not a date", "noted", "person"),
        ("2", "email: not an e-mail address", "noted", "identifier"),
        ("2", "gender: not in the list", "noted", "person"),
    ]
    assert report.counts["unreadable values"] == 3
    assert (report.rows_in, report.rows_out, report.set_aside) == (3, 3, 0)


def test_a_note_goes_when_the_value_is_mended(shop: Shop) -> None:
    shop.land(NOON, customers=[customer(1, dob="31-02-1980")])
    shop.map()
    shop.land(NOON + timedelta(hours=1), customers=[customer(1, dob="28-02-1980", changed="2026-11-02T10:00:00Z")])
    shop.map()
    assert shop.rows("quarantine", "source_key") == []
    assert shop.rows("source_record", "birth_date") == [(date(1980, 2, 28),)]


# severities


STOPS = SHOP + "  checks: [{column: total, between: [0, 5000], otherwise: SEVERITY}]\n"


@pytest.mark.parametrize(
    ("severity", "stored", "aside", "failures"),
    [
        ("warn", ["1", "2"], [], 0),
        ("quarantine", ["1"], [("2", "total is between 0 and 5000")], 0),
        ("stop", [], [], 1),
    ],
)
def test_a_check_in_words_warns_sets_aside_or_stops(
    shop: Shop, severity: str, stored: list[str], aside: list[tuple[str, str]], failures: int
) -> None:
    shop.land(NOON, customers=[customer(1)], orders=[order(1), order(2, total="9000")])
    report = shop.map("{}", STOPS.replace("SEVERITY", severity))
    assert [key for (key,) in shop.rows("sales_order", "source_key")] == stored
    assert shop.rows("quarantine", "source_key", "reason") == aside
    assert len(report.failures) == failures
    assert shop.checks() == {"total is between 0 and 5000": (False, "1 of 2 rows do not meet it")}


def test_a_check_that_stops_leaves_its_connection_as_it_was_and_the_others_go_on(shop: Shop) -> None:
    mapping = STOPS.replace("SEVERITY", "stop")
    shop.land(NOON, customers=[customer(1)], orders=[order(1)])
    assert shop.map("{}", mapping, CRM).failures == ()
    shop.land(NOON + timedelta(hours=1), customers=[customer(2)], orders=[order(2, total="-1")])
    shop.land(NOON, "crm", people=[{"id": "7", "name": "Wit"}])
    (failure,) = shop.map("{}", mapping, CRM).failures
    assert failure == (
        "shop: stopped, its new loads are not mapped: sales_order: total is between 0 and 5000: 1 of 1 rows do not "
        "meet it. Mend it in the source and the next run goes on; or, if it is right, say so: "
        "hub quality accept shop --why ..."
    )
    assert shop.rows("source_record", "record_id") == [("crm:7",), ("shop:1",)]
    assert shop.map("{}", mapping, CRM).failures == (failure,)


def measured(shop: Shop) -> datetime:
    """Say when the check was looked at last."""
    ((at,),) = shop.rows("quality_check", "measured_at")
    assert isinstance(at, datetime)
    return at


def test_a_stopped_connection_is_told_again_but_not_mapped_again_while_nothing_changed(shop: Shop) -> None:
    mapping, hour = STOPS.replace("SEVERITY", "stop"), timedelta(hours=1)
    shop.land(NOON, orders=[order(1, total="-1")])
    (failure,) = shop.map("{}", mapping).failures
    report = shop.map("{}", mapping, as_of=NOON + hour)
    assert (report.failures, report.skipped) == ((failure,), False)
    assert measured(shop) == NOON
    assert shop.map("{}", mapping, CRM, as_of=NOON + hour).failures == (failure,)
    assert measured(shop) == NOON


@pytest.mark.parametrize(
    ("quality", "mapping", "later"),
    [
        pytest.param("{}", STOPS.replace("5000", "4000"), timedelta(hours=1), id="another check"),
        pytest.param("{}", STOPS.replace("status: status", "status: trim(status)"), timedelta(hours=1), id="mapping"),
        pytest.param("arrivals: {shop: any}", STOPS, timedelta(hours=1), id="quality.yaml"),
        pytest.param("{}", STOPS, timedelta(days=1), id="another day"),
    ],
)
def test_a_stopped_connection_is_tried_again_when_what_decides_has_changed(
    shop: Shop, quality: str, mapping: str, later: timedelta
) -> None:
    shop.land(NOON, orders=[order(1, total="-1")])
    assert shop.map("{}", STOPS.replace("SEVERITY", "stop")).failures
    assert shop.map(quality, mapping.replace("SEVERITY", "stop"), as_of=NOON + later).failures
    assert max(at for (at,) in shop.rows("quality_check", "measured_at")) == NOON + later


def test_a_new_load_lets_a_stopped_connection_be_tried_again_and_a_mended_rule_lets_it_go_on(shop: Shop) -> None:
    mapping, hour = STOPS.replace("SEVERITY", "stop"), timedelta(hours=1)
    shop.land(NOON, orders=[order(1, total="-1")])
    assert "1 of 1 rows" in shop.map("{}", mapping).failures[0]
    shop.land(NOON + hour, orders=[order(2)])
    assert "1 of 2 rows" in shop.map("{}", mapping, as_of=NOON + hour).failures[0]
    assert shop.map("{}", STOPS.replace("SEVERITY", "warn"), as_of=NOON + hour).failures == ()
    assert shop.rows("sales_order", "source_key") == [("1",), ("2",)]
    assert not [stage for (stage,) in shop.rows("stage_state", "stage") if "stopped" in stage]


def test_who_waits_for_a_row_of_another_connection_is_tried_again_when_that_brings_something(shop: Shop) -> None:
    quality = "checks: {sales_order: [{column: record_id, refers: true, otherwise: stop}]}"
    shop.land(NOON, orders=[{**order(1), "customer": "9"}])
    assert shop.map(quality, SHOP, CRM).failures
    shop.land(NOON, "crm", people=[{"id": "7", "name": "Wit"}])
    hour = NOON + timedelta(hours=1)
    assert len(shop.map(quality, SHOP, CRM, as_of=hour).failures) == 1
    assert measured(shop) == NOON
    assert len(shop.map(quality, SHOP, CRM, as_of=hour).failures) == 1
    assert measured(shop) == hour


def test_what_a_person_accepts_is_mapped_and_what_comes_after_is_judged_again(shop: Shop) -> None:
    mapping = STOPS.replace("SEVERITY", "stop")
    accepted = shop.land(NOON, orders=[order(1, total="-1")])
    assert shop.map("{}", mapping).failures
    assert shop.map("{}", mapping, accepted={"shop": accepted}).failures == ()
    assert shop.rows("sales_order", "source_key") == [("1",)]
    shop.land(NOON + timedelta(hours=1), orders=[order(2, total="-1")])
    assert len(shop.map("{}", mapping, accepted={"shop": accepted}).failures) == 1


def test_a_warning_or_a_stop_does_not_map_everything_again(shop: Shop) -> None:
    shop.land(NOON, orders=orders(3))
    shop.map()
    assert shop.map("{}", STOPS.replace("SEVERITY", "stop")).skipped
    assert not shop.map("{}", STOPS.replace("SEVERITY", "quarantine")).skipped


# quality.yaml


def test_quality_yaml_holds_rows_of_every_connection_to_the_same(shop: Shop) -> None:
    quality = """
checks:
  person:
    - {column: surname, matches: "[A-Z].*", otherwise: quarantine}
    - {column: email, filled: true, at_least: 80%, otherwise: warn}
    - {that: birth_date < as_of or gender = 'M', connection: shop, otherwise: warn}
"""
    shop.land(NOON, customers=[customer(1), customer(2, mail=None), customer(3, name="?")])
    shop.land(NOON, "crm", people=[{"id": "7", "name": "wit"}, {"id": "8", "name": "Wit"}])
    report = shop.map(quality, SHOP, CRM)
    assert shop.rows("quarantine", "connection", "source_key", "reason") == [
        ("crm", "7", "surname matches [A-Z].*"),
        ("shop", "3", "surname matches [A-Z].*"),
    ]
    assert shop.rows("quality_check", "connection", "demand", "met", "rows", "failed") == [
        ("crm", "surname matches [A-Z].*", False, 2, 1),
        ("shop", "birth_date < as_of or gender = 'M'", True, 3, 0),
        ("shop", "email is filled, at least 80%", False, 3, 1),
        ("shop", "surname matches [A-Z].*", False, 3, 1),
    ]
    assert report.counts["checks not met"] == 3


def test_unique_and_references_look_at_the_whole_table(shop: Shop) -> None:
    quality = """
checks:
  sales_order:
    - {column: total, unique: true, otherwise: warn}
    - {column: record_id, refers: true, at_least: 50%, otherwise: warn}
"""
    shop.land(NOON, customers=[customer(1)], orders=[order(1, total="5"), order(2, total="6"), order(3, customer="9")])
    shop.map(quality)
    assert shop.checks() == {
        "total is unique": (True, "all 3 rows meet it"),
        "record_id refers, at least 50%": (True, "1 of 3 rows refer to no row of source_record"),
    }
    shop.land(NOON + timedelta(hours=1), orders=[order(4, total="5", customer="9"), order(5, total="7", customer="9")])
    shop.map(quality)
    assert shop.checks() == {
        "total is unique": (False, "1 of 5 rows repeat a value"),
        "record_id refers, at least 50%": (False, "3 of 5 rows refer to no row of source_record"),
    }


def test_silence_shows_at_the_next_run_though_nothing_came(shop: Shop) -> None:
    quality = "checks: {sales_order: [{column: ordered_at, newest: 3 days, otherwise: stop}]}"
    future = order(2, at="2099-01-01T00:00:00Z")
    shop.land(NOON, orders=[order(1), future])
    assert shop.map(quality).failures == ()
    assert shop.map(quality, as_of=NOON + timedelta(hours=1)).skipped
    report = shop.map(quality, as_of=NOON + timedelta(days=3))
    assert "the newest is of 2026-11-20 11:00" in report.failures[0]
    assert shop.checks()["newest ordered_at is not older than 3 days"][0] is False


def test_yesterday_is_compared_with_the_same_weekday_of_earlier_weeks(shop: Shop) -> None:
    quality = "checks: {sales_order: [{rows: per day, otherwise: warn}]}"
    demand = "rows per day are at least 50% of usual"
    yesterday = datetime(2026, 11, 21, 12, tzinfo=UTC)
    weeks = [yesterday - timedelta(days=7 * week) for week in range(6)]
    history = [
        order(100 * number + one, at=(day + timedelta(minutes=one)).isoformat())
        for number, day in enumerate(weeks[1:], 1)
        for one in range(10)
    ]
    busy_sunday = [order(1000 + one, at=(yesterday - timedelta(days=6)).isoformat()) for one in range(90)]
    shop.land(NOON - timedelta(days=1), orders=history + busy_sunday)
    shop.map(quality)
    assert shop.checks()[demand] == (False, "0 rows on Saturday 21 November, usual are 10")
    shop.land(NOON, orders=[order(number, at=yesterday.isoformat()) for number in range(5)])
    shop.map(quality)
    assert shop.checks()[demand] == (True, "5 rows on Saturday 21 November, usual are 10")


def test_a_load_is_compared_with_the_median_of_earlier_ones(shop: Shop) -> None:
    quality = "checks: {sales_order: [{rows: per load, at_least: 60%, otherwise: stop}]}"
    for day in range(5):
        shop.land(NOON + timedelta(days=day), orders=orders(500 if day == 0 else 10, first=1000 * day + 1))
        assert shop.map(quality).failures == ()
    shop.land(NOON + timedelta(days=6), orders=orders(5, first=9000))
    (failure,) = shop.map(quality).failures
    assert "5 rows in the new load, usual are 10" in failure


def test_a_column_whose_spread_is_another_one_stops_its_connection(shop: Shop) -> None:
    quality = "checks: {sales_order: [{column: status, drift: 0.25, otherwise: stop}]}"

    def day(number: int, open_: int, paid: int) -> Report:
        first = 10_000 * number
        some = orders(paid, first) + orders(open_, first + paid, status="open")
        shop.land(NOON + timedelta(days=number), orders=some)
        return shop.map(quality)

    for number in range(5):
        assert day(number, 60 + 5 * number, 240).failures == ()
    (failure,) = day(6, 240, 60).failures
    assert "status drifts at most 0.25: it drifted 1." in failure
    assert ("sales_order", "status", "paid", 60) not in shop.rows("quality_spread", "target", "field", "value", "rows")


def test_cents_that_become_euros_are_drift_and_a_price_that_rises_is_not(shop: Shop) -> None:
    quality = "checks: {sales_order: [{column: total, drift: 0.25, otherwise: warn}]}"

    def day(number: int, factor: float) -> bool | None:
        first = 10_000 * number
        some = [order(first + one, total=f"{(8 + one % 5) * factor:.2f}") for one in range(300)]
        shop.land(NOON + timedelta(days=number), orders=some)
        shop.map(quality)
        return shop.checks().get("total drifts at most 0.25", (None,))[0]

    assert [day(number, 1) for number in range(5)] == [None, None, None, None, True]
    assert day(6, 1.1) is True
    assert day(7, 0.01) is False


# what arrives


def snapshots(shop: Shop, counts: Sequence[int], quality: str = "{}", every: int = 2) -> list[Report]:
    """Land whole copies of different sizes, one each few days, and map each of them."""
    reports = []
    for number, count in enumerate(counts):
        shop.land(NOON + timedelta(days=every * number), orders=orders(count))
        reports.append(shop.map(quality))
    return reports


def test_a_source_that_is_suddenly_halved_is_not_mapped_until_it_is_whole_again(shop: Shop) -> None:
    assert not any(report.failures for report in snapshots(shop, [120, 118, 121, 125, 124, 126]))
    shop.land(NOON + timedelta(days=12), orders=orders(60, total="99"))
    (failure,) = shop.map().failures
    assert failure.startswith(
        "shop: stopped, its new loads are not mapped: orders: arrives as usual: 60 rows came, usual are 124, and at "
        "least 50% of that is asked."
    )
    assert {total for (total,) in shop.rows("sales_order", "total")} == {10}
    assert shop.map().failures == (failure,)
    shop.land(NOON + timedelta(days=13), orders=orders(122, total="98"))
    assert shop.map().failures == ()
    assert shop.checks()["arrives as usual"][0] is True
    assert len(shop.rows("mapped_load", "load_id")) == 8


def test_neither_small_steps_nor_a_long_time_get_a_source_past_the_guard(shop: Shop) -> None:
    assert not any(report.failures for report in snapshots(shop, [120, 120, 120, 120, 120, 120, 62]))
    for day in (14, 16, 75):
        shop.land(NOON + timedelta(days=day), orders=orders(32))
        assert "32 rows came, usual are 120" in shop.map(as_of=NOON + timedelta(days=day)).failures[0]


def test_what_is_accepted_is_the_new_usual(shop: Shop) -> None:
    snapshots(shop, [120, 118, 121, 125, 124, 126])
    load_id = shop.land(NOON + timedelta(days=12), orders=orders(50))
    assert shop.map().failures
    assert shop.map(accepted={"shop": load_id}).failures == ()
    shop.land(NOON + timedelta(days=14), orders=orders(52))
    assert shop.map(accepted={"shop": load_id}).failures == ()


@pytest.mark.parametrize(
    "counts",
    [[120, 118, 121, 60], [20, 18, 21, 25, 24, 26, 5], [500, 300, 20, 250, 280, 290, 310, 60]],
    ids=["too little history", "few rows", "it varies by nature"],
)
def test_without_a_sound_usual_nothing_is_stopped(shop: Shop, counts: list[int]) -> None:
    assert not any(report.failures for report in snapshots(shop, counts))


def test_history_of_less_than_a_week_is_no_usual(shop: Shop) -> None:
    assert not any(report.failures for report in snapshots(shop, [120, 120, 120, 120, 120, 120, 10], every=1))


def test_quality_yaml_says_what_is_usual_where_the_default_can_not_tell(shop: Shop) -> None:
    reports = snapshots(shop, [20, 18, 21, 25, 16], "arrivals: {shop: {orders: 90%}}")
    assert [len(report.failures) for report in reports] == [0, 0, 0, 0, 1]
    assert snapshots(shop, [20, 18, 21, 25, 16], "arrivals: {shop: any}")[-1].failures == ()


def test_a_table_that_must_come_and_is_not_in_the_load_is_missed(shop: Shop) -> None:
    quality = "arrivals: {shop: {orders: 50%}}"
    snapshots(shop, [20, 18, 21, 25], quality)
    shop.land(NOON + timedelta(days=9), customers=[customer(1)])
    assert "orders: arrives as usual: 0 rows came, usual are 21" in shop.map(quality).failures[0]
    assert shop.rows("source_record", "record_id") == []


def test_a_table_that_always_came_and_is_suddenly_gone_stops_by_default(shop: Shop) -> None:
    snapshots(shop, [120, 118, 121, 125, 124, 126])
    for day in (12, 13):
        shop.land(NOON + timedelta(days=day), customers=[customer(1)])
        assert "orders: arrives as usual: 0 rows came, usual are 124" in shop.map().failures[0]
    shop.land(NOON + timedelta(days=14), customers=[customer(2)], orders=orders(124))
    assert shop.map().failures == ()


def test_a_table_that_stayed_away_before_may_stay_away(shop: Shop) -> None:
    for number, count in enumerate([120, 118, 121, 0, 125, 124, 126]):
        tables = {"orders": orders(count)} if count else {}
        shop.land(NOON + timedelta(days=2 * number), customers=[customer(1)], **tables)
        shop.map()
    shop.land(NOON + timedelta(days=14), customers=[customer(2)])
    assert shop.map().failures == ()


# the report


def test_each_field_is_measured_on_what_is_new(shop: Shop) -> None:
    first = [customer(1), customer(2, mail="geen", dob=None), customer(3, dob="31-02-1980", sex="x"), customer(4)]
    shop.land(NOON, customers=first)
    shop.map()
    measured = ("field", "rows", "filled", "valid", "different", "changed", "known")
    assert shop.rows("quality_field", *measured) == [
        ("birth_date", 4, 3, 2, 1, 0, 0),
        ("email", 4, 4, 3, 3, 0, 0),
        ("gender", 4, 4, 3, 1, 0, 0),
        ("surname", 4, 4, 4, 1, 0, 0),
    ]
    later = [customer(1, name="De Wit", changed="2026-11-02T10:00:00Z"), customer(9, name="Zwart")]
    new = shop.land(NOON + timedelta(days=1), customers=later)
    shop.map()
    newest = {row[1:] for row in shop.rows("quality_field", "load_id", *measured) if row[0] == new}
    assert ("surname", 2, 2, 2, 2, 1, 1) in newest
    assert ("birth_date", 2, 2, 2, 1, 0, 1) in newest


def test_a_row_that_was_set_aside_counts_for_the_field_that_is_its_reason(shop: Shop) -> None:
    mapping = SHOP + "  checks: [{column: status, one_of: [paid, open], otherwise: quarantine}]\n"
    shop.land(NOON, orders=[order(1), order(2, total="x"), order(3, status="lost"), order(4, status=None)])
    shop.map("{}", mapping)
    assert shop.rows("quality_field", "field", "rows", "filled", "valid") == [
        ("ordered_at", 4, 4, 4),
        ("status", 4, 3, 2),
        ("total", 4, 4, 3),
    ]


def test_a_run_without_news_measures_nothing_and_a_changed_mapping_measures_anew(shop: Shop) -> None:
    shop.land(NOON, orders=orders(3))
    shop.map()
    before = shop.rows("quality_field", "field", "mapping", "measured_at")
    shop.map(as_of=NOON + timedelta(days=1))
    assert shop.rows("quality_field", "field", "mapping", "measured_at") == before
    shop.map("{}", SHOP.replace("status: status", "status: upper(status)"))
    assert len(shop.rows("quality_field", "field")) == len(before)


def test_only_the_newest_loads_are_remembered(shop: Shop) -> None:
    for day in range(33):
        shop.land(NOON + timedelta(days=day), orders=[order(day)])
    shop.map()
    assert len(set(shop.rows("quality_field", "load_id"))) == 30


def test_a_check_that_stops_looks_at_every_load_that_waits(shop: Shop) -> None:
    for day in range(33):
        shop.land(NOON + timedelta(days=day), orders=[order(day, total="-1" if day == 0 else "1")])
    assert "1 of 33 rows do not meet it" in shop.map("{}", STOPS.replace("SEVERITY", "stop")).failures[0]
    assert shop.rows("quality_field", "field") == []


def test_a_source_that_gives_its_keys_to_other_people_is_stopped_where_a_check_asks_who_changed(shop: Shop) -> None:
    quality = "checks: {person: [{column: surname, changes: 10%, otherwise: stop}]}"
    shop.land(NOON, customers=[customer(number, name=f"Naam {number}") for number in range(30)])
    assert shop.map(quality).failures == ()
    later = "2026-11-02T10:00:00Z"
    shop.land(
        NOON + timedelta(hours=1),
        customers=[customer(number, name=f"Naam {29 - number}", changed=later) for number in range(30)],
    )
    (failure,) = shop.map(quality).failures
    assert "surname changes in at most 10% of the known rows: 30 of 30 known rows say something else" in failure
    assert ("0", "Naam 0") in shop.rows("source_record", "source_key", "surname")
    right = [customer(number, name=f"Naam {max(number, 1)}", changed=later) for number in range(30)]
    shop.land(NOON + timedelta(hours=2), customers=right)
    assert shop.map(quality).failures == ()
    assert shop.map(quality, SHOP.replace("trim(name)", "upper(name)")).failures == (), "another mapping is no news"


# most of what came is set aside


def test_a_load_of_which_most_rows_are_set_aside_says_so_and_why_until_a_better_one_comes(shop: Shop) -> None:
    wrong = [order(number, total="tien") for number in range(8)]
    shop.land(NOON, customers=[customer(number) for number in range(50)], orders=[*orders(2, 20), *wrong])
    report = shop.map()
    told = "8 of 10 rows of orders were set aside, mostly because of: total: not a number"
    demanded = "at least 50% of the rows are mapped"
    assert (report.failures, report.warnings) == ((), (f"shop: sales_order: {demanded}: {told}",))
    shop.land(NOON + timedelta(hours=1), customers=[customer(number) for number in range(50)])
    shop.map()
    assert shop.checks() == {demanded: (False, told)}
    shop.land(NOON + timedelta(hours=2), orders=orders(20))
    assert shop.map().warnings == ()
    assert shop.checks() == {}


def test_quality_yaml_says_how_many_rows_must_be_mapped_else_the_connection_stops(shop: Shop) -> None:
    quality = "checks: {sales_order: [{rows: mapped, at_least: 90%, otherwise: stop}]}"
    shop.land(NOON, orders=[*orders(4), order(9, total="tien")])
    assert "1 of 5 rows of orders were set aside" in shop.map(quality).failures[0]
    assert shop.rows("sales_order", "source_key") == shop.rows("quarantine", "source_key") == []
    shop.land(NOON + timedelta(hours=1), orders=[order(9)])
    report = shop.map(quality)
    assert (report.failures, len(shop.rows("sales_order", "source_key"))) == ((), 5), "what is mended counts no more"
    assert shop.rows("quarantine", "source_key") == []


def test_quarantine_holds_the_same_whatever_the_order_in_which_versions_come(shop: Shop) -> None:
    lenient = """{from: "date(dob, 'DD-MM-YYYY')", unreadable: empty}"""
    strict = SHOP.replace(lenient, "date(dob, 'DD-MM-YYYY')")
    old, new = "2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z"
    wrong = {"dob": "31-02-1980"}
    first = [customer(1, changed=old, **wrong), customer(2, changed=new), customer(3, changed=old)]
    second = [customer(1, changed=new), customer(2, changed=old, **wrong), customer(3, changed=new, **wrong)]
    shop.land(NOON, customers=[*first, customer(4, changed=new, **wrong)])
    shop.map("{}", strict)
    shop.land(NOON + timedelta(hours=1), customers=[*second, customer(4, changed=old)])
    for mapping in (strict, strict.replace("trim(name)", "name")):
        shop.map("{}", mapping)
        assert shop.rows("quarantine", "source_key", "reason") == [
            ("3", "birth_date: not a date"),
            ("4", "birth_date: not a date"),
        ]
        assert len(shop.rows("source_record", "source_key")) == 4


# trying again


def test_a_replay_lets_nobody_back_who_was_erased(shop: Shop, tmp_path: Path) -> None:
    ledger = open_ledger("sqlite", tmp_path / "ledger")
    mine = replace(shop.project(), key=b"a secret of the project's own")
    ledger.erasures.mark("one", [Erased([], (mine.key,)).learn("email", "p7@example.nl")])
    shop.land(NOON, customers=[customer(1)], orders=[order(1, total="x")])
    shop.map()
    shop.land(NOON + timedelta(hours=1), customers=[customer(7), customer(8)])
    replay(shop.warehouse, mine, Lake(shop.folder), Choice(target="sales_order"), NOON, ledger=ledger)
    ledger.close()
    assert shop.rows("source_record", "source_key") == [("1",), ("8",)]


def test_a_replay_tries_chosen_rows_again_and_keeps_the_newest_version(shop: Shop) -> None:
    shop.land(NOON, customers=[customer(1, mail="anna(at)example.nl"), customer(2, name="Eerst")], orders=[order(1)])
    shop.land(NOON + timedelta(days=1), customers=[customer(2, name="Later")])
    shop.map()
    with shop.warehouse.begin() as transaction:  # as if the library had learned to read it
        stored = transaction.table("lookup_value")
        transaction.execute(sa.update(stored).where(stored.c.output.is_(None)).values(output="anna@example.nl"))
    before = shop.rows("mapped_load", "load_id", "target", "rows_in")
    done = replay(shop.warehouse, shop.project(), Lake(shop.folder), Choice(reason="not an e-mail"), NOON)
    assert (done.before, done.after) == ({"shop": 1}, {"shop": 0})
    assert shop.rows("quarantine", "source_key") == []
    assert ("1", "anna@example.nl") in shop.rows("identifier", "source_key", "value")
    assert ("2", "Later") in shop.rows("source_record", "source_key", "surname")
    assert shop.rows("mapped_load", "load_id", "target", "rows_in") == before
    assert shop.map().skipped


def test_a_replay_that_ends_halfway_did_nothing(shop: Shop) -> None:
    shop.land(NOON, orders=[order(1), order(2, total="x")])
    shop.map()
    before = [shop.rows("quarantine", "reason"), shop.rows("mapped_load", "rows_in")]
    broken = shop.project("{}", SHOP.replace("status: status", "status: state"))
    with pytest.raises(ConfigurationError, match="there is no 'state'"):
        replay(shop.warehouse, broken, Lake(shop.folder), Choice(connection="shop"), NOON)
    assert [shop.rows("quarantine", "reason"), shop.rows("mapped_load", "rows_in")] == before


def test_a_replay_of_rows_that_are_still_wrong_changes_nothing(shop: Shop) -> None:
    shop.land(NOON, orders=[order(1), order(2, total="x")])
    shop.map()
    tables = {"quarantine": "reason", "sales_order": "source_key", "quality_field": "valid", "mapped_load": "rows_in"}
    before = {table: shop.rows(table, column) for table, column in tables.items()}
    done = replay(shop.warehouse, shop.project(), Lake(shop.folder), Choice(target="sales_order"), NOON)
    assert (done.before, done.after) == ({"shop": 1}, {"shop": 1})
    assert {table: shop.rows(table, column) for table, column in tables.items()} == before
