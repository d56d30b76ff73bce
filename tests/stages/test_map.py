"""Mapping: raw rows of the lake become rows of the shared schema (R7, R9)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from hub.stages.map import map_loads
from hub.warehouse import Warehouse
from tests.stages.raw_lake import Mapped, project
from tests.stages.world import NOON

CUSTOMERS = """
connection: shop
person:
  from: customers
  key: id
  identifiers: {email: email(email), phone: "phone(mobile, 'NL')", customer_number: id}
  columns: {given_name: trim(name), birth_date: "date(dob, 'DD-MM-YYYY')"}
  consent:
    - {channel: email, given: boolean(newsletter), at: timestamp(newsletter_at), text: shop-v3}
  updated_at: timestamp(updated_at)
"""
ORDERS = """
sales_order:
  from: orders
  where: status <> 'test'
  key: order_no
  updated_at: timestamp(updated_at)
  person: customer_id
  guest: {email: email(billing_email)}
  columns:
    ordered_at: timestamp(updated_at)
    status: {from: status, map: {P: paid, C: cancelled}}
    total: money(total, 'EUR')
  checks:
    - total >= 0
    - {ordered_at <= loaded_at: warn}
"""
LINES = """
order_line:
  from: lines
  key: concat(order_no, '-', line)
  person: {through: sales_order}
  columns: {order_key: order_no, quantity: quantity}
"""
SHOP = CUSTOMERS + ORDERS + LINES

ANNA = {
    "id": 1,
    "name": " Anna ",
    "email": "Anna@Example.nl",
    "mobile": "06-12345678",
    "dob": "31-12-1990",
    "newsletter": "1",
    "newsletter_at": "2026-01-01T10:00:00Z",
    "updated_at": "2026-01-02T10:00:00Z",
}


def order(number: int, **given: object) -> dict[str, object]:
    row: dict[str, object] = {
        "order_no": number,
        "customer_id": 1,
        "billing_email": None,
        "status": "P",
        "total": "12,50",
        "updated_at": "2026-03-01T10:00:00Z",
    }
    return row | given


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Mapped:
    return Mapped(warehouse, tmp_path / "lake")


def test_a_customer_becomes_a_record_with_identifiers_and_consent(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA])
    report = shop.map(CUSTOMERS)
    assert (report.rows_in, report.rows_out, report.set_aside) == (1, 1, 0)
    names = ("record_id", "given_name", "birth_date", "source_time", "person_id")
    moment = datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert shop.rows("source_record", *names) == [("shop:1", "Anna", date(1990, 12, 31), moment, None)]
    assert shop.rows("identifier", "record_id", "type", "value", "original") == [
        ("shop:1", "customer_number", "shop:1", "1"),
        ("shop:1", "email", "anna@example.nl", "Anna@Example.nl"),
        ("shop:1", "phone", "+31612345678", "06-12345678"),
    ]
    said = datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert shop.rows("consent", "record_id", "channel", "purpose", "given", "at", "text") == [
        ("shop:1", "email", "marketing", True, said, "shop-v3")
    ]


@pytest.mark.parametrize("length", [57, 58, 63])
def test_a_column_may_have_a_name_as_long_as_any_engine_takes(shop: Mapped, length: int) -> None:
    long = "name_of_a_system_that_spells_everything_out_".ljust(length, "x")
    born = f"born_{long}"[:length]
    shop.load("shop", "100.0", customers=[{"id": 1, long: " Anna ", born: "31-12-1990"}])
    columns = f"{{given_name: trim({long}), birth_date: \"date({born}, 'DD-MM-YYYY')\"}}"
    shop.map(f"""
connection: shop
person: {{from: customers, key: id, columns: {columns}}}
""")
    assert shop.rows("source_record", "record_id", "given_name", "birth_date") == [
        ("shop:1", "Anna", date(1990, 12, 31))
    ]


def test_an_order_belongs_to_its_customer_and_its_lines_follow_it(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA], orders=[order(7)], lines=[{"order_no": 7, "line": 1, "quantity": 2}])
    shop.map(SHOP, notation="nl")
    assert shop.rows("sales_order", "source_key", "record_id", "status", "total") == [
        ("7", "shop:1", "paid", Decimal("12.5000"))
    ]
    assert shop.rows("order_line", "source_key", "record_id", "quantity") == [("7-1", "shop:1", Decimal("2.0000"))]


def test_a_guest_order_makes_a_bare_record_of_its_address(shop: Mapped) -> None:
    guest = order(7, customer_id=None, billing_email=" Bob@Example.nl")
    again = order(8, customer_id=None, billing_email="bob@example.nl")
    shop.load("shop", "100.0", orders=[guest, again, order(9)])
    shop.map(CUSTOMERS + ORDERS, notation="nl")
    assert shop.rows("sales_order", "source_key", "record_id") == [
        ("7", "shop:email:bob@example.nl"),
        ("8", "shop:email:bob@example.nl"),
        ("9", "shop:1"),
    ]
    assert shop.rows("source_record", "record_id", "source_key") == [
        ("shop:email:bob@example.nl", "email:bob@example.nl")
    ]
    assert shop.rows("identifier", "record_id", "type", "value") == [
        ("shop:email:bob@example.nl", "email", "bob@example.nl")
    ]


def test_a_guest_whose_last_order_turns_out_to_be_somebody_elses_is_nobody_any_more(shop: Mapped) -> None:
    def by(number: int, email: str, day: int) -> dict[str, object]:
        at = f"2026-03-0{day}T10:00:00Z"
        return order(number, customer_id=None, billing_email=email, updated_at=at)

    shop.load(
        "shop", "100.0", orders=[by(7, "bop@example.nl", 1), by(8, "cor@example.nl", 1), by(9, "cor@example.nl", 1)]
    )
    shop.map(CUSTOMERS + ORDERS, notation="nl")
    shop.load("shop", "200.0", orders=[by(7, "bob@example.nl", 2), by(8, "bob@example.nl", 2)])
    shop.map(CUSTOMERS + ORDERS, notation="nl")
    left = [("shop:email:bob@example.nl",), ("shop:email:cor@example.nl",)]
    assert shop.rows("source_record", "record_id") == shop.rows("identifier", "record_id") == left


def test_the_first_identifier_that_is_there_names_a_guest(shop: Mapped) -> None:
    text = """
connection: web
web_event:
  from: events
  key: id
  person: {shop.customer_number: customer, email: email(email), device: device}
  columns: {at: at, type: "'view'", device: device}
"""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    shop.load(
        "web",
        "100.0",
        events=[
            {"id": 1, "customer": 5, "email": None, "device": "d1", "at": at},
            {"id": 2, "customer": None, "email": "a@example.nl", "device": "d1", "at": at},
            {"id": 3, "customer": None, "email": "geen", "device": "d1", "at": at},
            {"id": 4, "customer": None, "email": None, "device": None, "at": at},
        ],
    )
    report = shop.map(text)
    assert shop.rows("web_event", "source_key", "record_id") == [
        ("1", "web:customer_number:shop:5"),
        ("2", "web:email:a@example.nl"),
        ("3", "web:device:d1"),
        ("4", None),
    ]
    assert ("web:customer_number:shop:5", "device", "d1") in shop.rows("identifier", "record_id", "type", "value")
    assert report.counts["unreadable values"] == 1
    assert shop.rows("quarantine", "target", "source_key", "reason") == [
        ("identifier", "3", "email: not an e-mail address")
    ]


def test_dirty_values_are_set_aside_with_their_reason_and_the_rest_goes_on(shop: Mapped) -> None:
    dirty = [
        order(1),
        order(2, total="-3,00"),
        order(3, total="twaalf"),
        order(4, total="1.234,56 EUR"),
        order(5, updated_at="2025-02-30"),
        order(6, status="X"),
        order(7, status="test"),
        order(8) | {"order_no": None},
    ]
    shop.load("shop", "100.0", orders=dirty)
    report = shop.map(CUSTOMERS + ORDERS, notation="nl")
    assert shop.rows("sales_order", "source_key", "total") == [("1", Decimal("12.5000")), ("4", Decimal("1234.5600"))]
    assert shop.rows("quarantine", "source_key", "reason", "target", "raw_table") == [
        ("#8", "key is empty", "sales_order", "orders"),
        ("2", "total >= 0", "sales_order", "orders"),
        ("3", "total: not a number", "sales_order", "orders"),
        ("5", "updated_at: not a date and time", "sales_order", "orders"),
        ("6", "status: not in the list", "sales_order", "orders"),
    ]
    raw = {row[0]: json.loads(row[1]) for row in shop.rows("quarantine", "source_key", "row")}
    assert raw["3"]["total"] == "twaalf"
    assert (report.rows_in, report.rows_out, report.set_aside) == (8, 2, 6)
    assert report.counts["left out"] == 1
    assert shop.counts() == {"rows_in": 8, "rows_mapped": 2, "rows_set_aside": 6, "rows_superseded": 0}


def test_an_unreadable_identifier_is_told_and_does_not_cost_the_record(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA | {"email": "an na@example.nl", "mobile": "06-1234abcd"}])
    report = shop.map(CUSTOMERS)
    assert report.rows_out == 1
    assert shop.rows("identifier", "type") == [("customer_number",)]
    assert shop.rows("quarantine", "target", "source_key", "reason") == [
        ("identifier", "1", "email: not an e-mail address"),
        ("identifier", "1", "phone: not a phone number"),
    ]


def test_another_mapping_of_the_same_rows_leaves_the_note_on_an_unreadable_identifier(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA | {"email": "an na@example.nl", "street": "Dorpsstraat"}])
    homes = "address:\n  from: customers\n  key: id\n  person: id\n  columns: {street: street}\n"
    shop.map(CUSTOMERS + homes)
    assert shop.rows("address", "street") == [("Dorpsstraat",)]
    assert shop.rows("quarantine", "target", "reason") == [("identifier", "email: not an e-mail address")]
    shop.load("shop", "200.0", customers=[ANNA | {"street": "Dorpsstraat", "updated_at": "2026-02-01T10:00:00Z"}])
    shop.map(CUSTOMERS + homes)
    assert shop.rows("quarantine", "target") == []


def test_of_duplicates_in_a_package_the_newest_wins_and_then_the_last(shop: Mapped) -> None:
    shop.load(
        "shop",
        "100.0",
        orders=[
            order(1, total="3,00", updated_at="2026-03-03T10:00:00Z"),
            order(1, total="1,00"),
            order(2, total="1,00"),
            order(2, total="2,00"),
            order(3, total="9,00", updated_at=None),
            order(3, total="4,00"),
        ],
    )
    report = shop.map(CUSTOMERS + ORDERS, notation="nl")
    assert shop.rows("sales_order", "source_key", "total") == [
        ("1", Decimal("3.0000")),
        ("2", Decimal("2.0000")),
        ("3", Decimal("4.0000")),
    ]
    assert report.counts["superseded"] == 3
    assert shop.counts() == {"rows_in": 6, "rows_mapped": 3, "rows_set_aside": 0, "rows_superseded": 3}


def test_an_older_row_that_arrives_late_does_not_overwrite_a_newer_one(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA], orders=[order(1, total="3,00", updated_at="2026-03-03T10:00:00Z")])
    shop.map(SHOP, notation="nl")
    late = ANNA | {"name": "Old", "email": "old@example.nl", "updated_at": "2025-01-01T10:00:00Z"}
    shop.load("shop", "200.0", customers=[late], orders=[order(1, total="1,00"), order(2)])
    report = shop.map(SHOP, notation="nl")
    assert shop.rows("sales_order", "source_key", "total") == [("1", Decimal("3.0000")), ("2", Decimal("12.5000"))]
    assert shop.rows("source_record", "given_name") == [("Anna",)]
    assert ("email", "anna@example.nl") in shop.rows("identifier", "type", "value")
    assert (report.rows_in, report.rows_out, report.counts["superseded"]) == (3, 3, 2)


def test_a_newer_row_overwrites_and_takes_its_old_identifiers_away(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA])
    shop.map(CUSTOMERS)
    newer = ANNA | {"name": "Anna B", "email": "new@example.nl", "mobile": None, "updated_at": "2026-05-01T10:00:00Z"}
    shop.load("shop", "200.0", customers=[newer | {"newsletter": "0", "newsletter_at": "2026-05-01T09:00:00Z"}])
    shop.map(CUSTOMERS)
    assert shop.rows("source_record", "given_name", "load_id") == [("Anna B", "200.0")]
    assert shop.rows("identifier", "type", "value") == [("customer_number", "shop:1"), ("email", "new@example.nl")]
    assert sorted(row[0] for row in shop.rows("consent", "given")) == [False, True]


def test_a_record_keeps_what_resolve_wrote_on_it(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA])
    shop.map(CUSTOMERS)
    with shop.warehouse.begin() as transaction:
        record = transaction.table("source_record")
        transaction.execute(record.update().values(record_no=5, person_id=3))
    shop.load("shop", "200.0", customers=[ANNA | {"name": "Anna B", "updated_at": "2026-05-01T10:00:00Z"}])
    shop.map(CUSTOMERS)
    shop.map(CUSTOMERS.replace("trim(name)", "upper(trim(name))"))
    assert shop.rows("source_record", "given_name", "record_no", "person_id") == [("ANNA B", 5, 3)]


def test_mapping_again_without_news_changes_nothing(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA], orders=[order(1), order(2, total="x")])
    first = shop.map(SHOP, notation="nl")
    before = [shop.rows(table, "source_key", "load_id") for table in ("source_record", "sales_order", "identifier")]
    again = shop.map(SHOP, notation="nl")
    assert not first.skipped
    assert again.skipped
    assert again.rows_in == 0
    after = [shop.rows(table, "source_key", "load_id") for table in ("source_record", "sales_order", "identifier")]
    assert after == before


def test_a_mapping_killed_halfway_leaves_nothing_and_the_next_one_does_all(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA], orders=[order(1)], lines=[{"order_no": 1, "line": 1, "quantity": "x"}])
    broken = SHOP.replace("quantity: quantity", "quantity: no_such_column")
    report = map_loads(shop.warehouse, project(broken, notation="nl"), shop.lake, NOON)
    assert "there is no 'no_such_column'" in report.failures[0]
    assert shop.rows("source_record", "record_id") == []
    assert shop.rows("mapped_load", "load_id") == []
    shop.map(SHOP, notation="nl")
    assert shop.rows("sales_order", "source_key") == [("1",)]
    assert shop.rows("quarantine", "source_key", "reason") == [("1-1", "quantity: not a number")]


def test_a_connection_that_fails_does_not_stop_the_others(shop: Mapped) -> None:
    crm = CUSTOMERS.replace("connection: shop", "connection: crm")
    shop.load("shop", "100.0", customers=[ANNA])
    shop.load("crm", "100.0", customers=[ANNA])
    wrong = CUSTOMERS.replace("trim(name)", "trim(naam)")
    report = map_loads(shop.warehouse, project(wrong, crm), shop.lake, NOON)
    assert len(report.failures) == 1
    assert "mappings/shop.yaml" in report.failures[0]
    assert "there is no 'naam'. Did you mean 'name'? (in the raw table 'customers')" in report.failures[0]
    assert shop.rows("source_record", "record_id") == [("crm:1",)]


def test_a_connection_that_was_mapped_before_another_one_failed_is_mapped_once(shop: Mapped) -> None:
    crm = CUSTOMERS.replace("connection: shop", "connection: crm")
    shop.load("crm", "100.0", customers=[ANNA])
    shop.load("shop", "100.0", customers=[ANNA])
    wrong = CUSTOMERS.replace("trim(name)", "trim(naam)")
    report = map_loads(shop.warehouse, project(crm, wrong), shop.lake, NOON)
    assert len(report.failures) == 1
    assert (report.rows_in, report.rows_out) == (1, 1)
    assert shop.rows("source_record", "record_id") == [("crm:1",)]
    assert shop.rows("mapped_load", "connection", "rows_mapped") == [("crm", 1)]
    mended = map_loads(shop.warehouse, project(crm, CUSTOMERS), shop.lake, NOON)
    assert (mended.failures, mended.rows_in) == ((), 1)
    assert shop.rows("source_record", "record_id") == [("crm:1",), ("shop:1",)]


def test_a_changed_mapping_maps_all_loads_again(shop: Mapped) -> None:
    shop.load("shop", "100.0", orders=[order(1, customer_id=None, billing_email="a@example.nl"), order(2)])
    shop.load("shop", "200.0", orders=[order(2, total="5,00", updated_at="2026-04-01T10:00:00Z"), order(3)])
    shop.map(CUSTOMERS + ORDERS, notation="nl")
    changed = (CUSTOMERS + ORDERS).replace("status <> 'test'", "order_no > 1").replace("P: paid", "P: settled")
    report = shop.map(changed, notation="nl")
    assert shop.rows("sales_order", "source_key", "status", "total") == [
        ("2", "settled", Decimal("5.0000")),
        ("3", "settled", Decimal("12.5000")),
    ]
    assert report.rows_in == 4
    assert shop.rows("source_record", "record_id") == []
    assert shop.rows("identifier", "record_id") == []
    assert shop.counts() == {"rows_in": 4, "rows_mapped": 2, "rows_set_aside": 1, "rows_superseded": 1}


def test_a_mapping_taken_out_takes_its_rows_out(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA], orders=[order(1), order(2, total="x")])
    shop.map(CUSTOMERS + ORDERS, notation="nl")
    shop.map(CUSTOMERS, notation="nl")
    assert shop.rows("sales_order", "source_key") == []
    assert shop.rows("quarantine", "source_key") == []
    assert shop.rows("source_record", "record_id") == [("shop:1",)]


def test_a_record_that_a_changed_mapping_no_longer_gives_goes(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA, ANNA | {"id": 2}])
    shop.map(CUSTOMERS)
    shop.map(CUSTOMERS.replace("key: id", "where: id = 1\n  key: id"))
    assert shop.rows("source_record", "record_id") == [("shop:1",)]
    assert {row[0] for row in shop.rows("identifier", "record_id")} == {"shop:1"}
    assert shop.rows("consent", "record_id") == [("shop:1",)]


def test_a_row_leaves_quarantine_when_its_data_is_mended(shop: Mapped) -> None:
    shop.load("shop", "100.0", orders=[order(1, total="x"), order(2, total="y")])
    shop.map(CUSTOMERS + ORDERS, notation="nl")
    shop.load("shop", "200.0", orders=[order(1, total="1,00")])
    shop.map(CUSTOMERS + ORDERS, notation="nl")
    assert shop.rows("quarantine", "source_key") == [("2",)]
    assert shop.rows("sales_order", "source_key") == [("1",)]


def test_a_row_leaves_quarantine_when_its_mapping_is_mended(shop: Mapped) -> None:
    shop.load("shop", "100.0", orders=[order(1, status="X")])
    shop.map(CUSTOMERS + ORDERS, notation="nl")
    assert shop.rows("quarantine", "reason") == [("status: not in the list",)]
    shop.map((CUSTOMERS + ORDERS).replace("C: cancelled", "X: exchanged"), notation="nl")
    assert shop.rows("quarantine", "reason") == []
    assert shop.rows("sales_order", "status") == [("exchanged",)]


def test_a_line_that_comes_before_its_order_finds_its_person_later(shop: Mapped) -> None:
    shop.load("shop", "100.0", customers=[ANNA], lines=[{"order_no": 7, "line": 1, "quantity": 2}])
    shop.map(SHOP, notation="nl")
    assert shop.rows("order_line", "source_key", "record_id") == [("7-1", None)]
    shop.load("shop", "200.0", orders=[order(7)])
    shop.map(SHOP, notation="nl")
    assert shop.rows("order_line", "source_key", "record_id") == [("7-1", "shop:1")]


def test_a_warning_counts_and_keeps_the_row(shop: Mapped) -> None:
    shop.load("shop", "1700000000.0", orders=[order(1, updated_at="2030-01-01T00:00:00Z")])
    report = shop.map(CUSTOMERS + ORDERS, notation="nl")
    assert report.counts["warnings"] == 1
    assert shop.rows("sales_order", "source_key") == [("1",)]


def test_false_without_a_date_says_nothing_about_consent(shop: Mapped) -> None:
    rows = [
        ANNA | {"id": 1, "newsletter": "0", "newsletter_at": None},
        ANNA | {"id": 2, "newsletter": None},
        ANNA | {"id": 3, "newsletter": "1", "newsletter_at": None},
    ]
    shop.load("shop", "100.0", customers=rows)
    shop.map(CUSTOMERS)
    stated = datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert shop.rows("consent", "record_id", "given", "at") == [("shop:3", True, stated)]


def test_columns_that_only_some_loads_have_are_null_in_the_others(shop: Mapped) -> None:
    text = "connection: shop\nproduct:\n  from: products\n  key: sku\n  columns: {name: name, brand: brand}\n"
    shop.load("shop", "100.0", products=[{"sku": "a", "name": "A"}])
    shop.load("shop", "200.0", products=[{"sku": "b", "name": "B", "brand": "Felix"}])
    shop.map(text)
    shop.load("shop", "300.0", products=[{"sku": "c", "name": "C"}])
    shop.map(text)
    assert shop.rows("product", "source_key", "brand") == [("a", None), ("b", "Felix"), ("c", None)]


def test_local_times_without_a_zone_become_moments(shop: Mapped) -> None:
    text = "connection: web\nweb_event:\n  from: events\n  key: id\n  columns: {at: at, type: type}\n"
    naive = pa.table({"id": [1], "at": pa.array([datetime(2026, 7, 1, 12)], pa.timestamp("us")), "type": ["view"]})  # noqa: DTZ001
    shop.load("web", "100.0", events=naive)
    shop.map(text)
    assert shop.rows("web_event", "at") == [(datetime(2026, 7, 1, 10, tzinfo=UTC),)]


def test_one_raw_table_can_fill_several_tables_and_one_table_several_times(shop: Mapped) -> None:
    text = """
connection: shop
lookups: {kinds: {a: account, n: newsletter}}
activity:
  - from: customers
    key: "'account:' || id"
    person: id
    columns: {type: "'account_created'", at: timestamp(updated_at)}
  - from: customers
    where: boolean(newsletter)
    key: "'newsletter:' || id"
    person: id
    columns: {type: "'newsletter_subscribed'", at: timestamp(newsletter_at), subject: "lookup('kinds', 'n')"}
"""
    shop.load("shop", "100.0", customers=[ANNA, ANNA | {"id": 2, "newsletter": "0"}])
    shop.map(text)
    assert shop.rows("activity", "source_key", "type", "record_id", "subject") == [
        ("account:1", "account_created", "shop:1", None),
        ("account:2", "account_created", "shop:2", None),
        ("newsletter:1", "newsletter_subscribed", "shop:1", "newsletter"),
    ]


def test_all_loads_at_once_give_the_same_as_one_after_the_other(warehouse: Warehouse, tmp_path: Path) -> None:
    loads = {
        "100.0": [order(1, total="1,00"), order(2, total="x"), order(3)],
        "200.0": [
            order(1, total="2,00", updated_at="2026-02-01T10:00:00Z"),
            order(2, total="2,00"),
            order(3, total="7,00"),
        ],
        "300.0": [order(3, total="8,00", updated_at=None), order(4, customer_id=None, billing_email="b@example.nl")],
    }
    step = Mapped(warehouse, tmp_path / "lake")
    for load_id, orders in loads.items():
        step.load("shop", load_id, orders=orders)
        step.map(CUSTOMERS + ORDERS, notation="nl")
    columns = ("source_key", "record_id", "total", "load_id")
    gradual = step.rows("sales_order", *columns)
    with warehouse.begin() as transaction:
        transaction.execute(transaction.table("mapped_load").update().values(mapping="former"))
    step.map(CUSTOMERS + ORDERS, notation="nl")
    assert step.rows("sales_order", *columns) == gradual
    assert [row[:1] + row[2:3] for row in gradual] == [
        ("1", Decimal("1.0000")),
        ("2", Decimal("2.0000")),
        ("3", Decimal("7.0000")),
        ("4", Decimal("12.5000")),
    ]


def test_a_yes_without_a_moment_is_not_given_again_when_its_row_comes_again(shop: Mapped) -> None:
    subscribed = ANNA | {"newsletter": "1", "newsletter_at": None}
    shop.load("shop", "100.0", customers=[subscribed])
    shop.map(CUSTOMERS)
    moved = subscribed | {"name": "Anna B", "updated_at": "2026-05-01T10:00:00Z"}
    shop.load("shop", "200.0", customers=[moved])
    shop.map(CUSTOMERS)
    first = datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert shop.rows("consent", "given", "at") == [(True, first)]


@pytest.mark.parametrize("loads", [1, 2], ids=["in one load", "the newest first"])
def test_of_several_versions_the_oldest_tells_when_such_a_yes_was_given(shop: Mapped, loads: int) -> None:
    subscribed = ANNA | {"newsletter": "1", "newsletter_at": None}
    moved = subscribed | {"name": "Anna B", "updated_at": "2026-05-01T10:00:00Z"}
    for number, rows in enumerate([[moved, subscribed]] if loads == 1 else [[moved], [subscribed]], 1):
        shop.load("shop", f"{number}00.0", customers=rows)
        shop.map(CUSTOMERS)
    assert shop.rows("consent", "given", "at") == [(True, datetime(2026, 1, 2, 10, tzinfo=UTC))]
