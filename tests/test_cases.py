"""Cases beside a mapping run as tests, with the map stage itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from hub.cases import CaseResult, run_cases
from tests.stages.raw_lake import project

SHOP = """
connection: shop
person:
  from: customers
  key: id
  identifiers: {email: email(email)}
sales_order:
  from: orders
  where: status <> 'test'
  key: order_no
  guest: {email: email(billing_email)}
  columns:
    total: money(total_incl, 'EUR')
    status: {from: status, map: {P: paid}}
    ordered_at: created_at
    coupon: coupon
  checks: [total >= 0]
"""


def run(folder: Path, cases: str, mapping: str = SHOP) -> list[CaseResult]:
    """Write the cases beside the mapping and run them."""
    (folder / "mappings").mkdir(exist_ok=True)
    (folder / "mappings" / "shop.cases.yaml").write_text(dedent(cases), encoding="utf-8")
    made = project(mapping, notation="nl")
    mappings = tuple(replace(mapped, file=folder / "mappings" / "shop.yaml") for mapped in made.mappings)
    return run_cases(replace(made, folder=folder, mappings=mappings))


def differences(folder: Path, cases: str, mapping: str = SHOP) -> tuple[str, ...]:
    """Run one case and give what differs."""
    (result,) = run(folder, cases, mapping)
    return result.differences


def test_a_case_that_holds_has_no_differences(tmp_path: Path) -> None:
    results = run(
        tmp_path,
        """
        a guest order joins on the billing address:
          orders:
            - {order_no: 77, billing_email: " Anna@Example.nl ", total_incl: "12,50", status: P, created_at: 2026-03-01}
          expect:
            sales_order: [{total: 12.50, status: paid, ordered_at: 2026-03-01, coupon: null}]
            identifier: [{type: email, value: anna@example.nl}]
        a negative total is set aside:
          orders: [{order_no: 78, total_incl: "-3,00", status: P, created_at: 2026-03-01}]
          expect: {sales_order: [], quarantine: [{reason: "total >= 0"}]}
        """,
    )
    assert [(result.name, result.line, result.ok) for result in results] == [
        ("a guest order joins on the billing address", 2, True),
        ("a negative total is set aside", 8, True),
    ]
    assert results[0].file == "mappings/shop.cases.yaml"


def test_one_case_does_not_see_the_rows_of_another(tmp_path: Path) -> None:
    case = "  orders: [{order_no: 1, total_incl: '1,00', status: P}]\n  expect: {sales_order: [{source_key: '1'}]}\n"
    assert all(result.ok for result in run(tmp_path, f"first:\n{case}second:\n{case}"))


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ("{sales_order: [{total: 13}]}", "sales_order: expected {total: 13}, but there is {total: 12.5000}"),
        ("{sales_order: []}", "sales_order: there is a row too many: {connection: shop}"),
        ("{consent: [{given: true}]}", "consent: expected {given: true}, but there is no such row"),
        ("{sales_order: [{totaal: 1}]}", "sales_order has no column 'totaal'. Did you mean 'total'?"),
        ("{sale_order: []}", "there is no table 'sale_order' to expect. Did you mean 'sales_order'?"),
        ("{sales_order: 3}", "expect.sales_order is a list of rows: [{column: value}]"),
    ],
)
def test_a_difference_says_what_was_expected_and_what_is_there(tmp_path: Path, expect: str, says: str) -> None:
    case = f"a case:\n  orders: [{{order_no: 1, total_incl: '12,50', status: P}}]\n  expect: {expect}\n"
    assert differences(tmp_path, case) == (says,)


def test_a_missing_row_tells_what_was_set_aside(tmp_path: Path) -> None:
    case = "a case:\n  orders: [{order_no: 1, total_incl: 'x', status: P}]\n  expect: {sales_order: [{total: 1}]}\n"
    assert differences(tmp_path, case) == (
        "sales_order: expected {total: 1}, but there is no such row",
        "set aside: total: not a number",
    )


def test_a_table_that_no_mapping_reads_is_a_difference(tmp_path: Path) -> None:
    case = "a case:\n  order: [{order_no: 1}]\n  expect: {sales_order: []}\n"
    assert differences(tmp_path, case) == ("no mapping reads the raw table 'order'. Did you mean 'orders'?",)


def test_a_mapping_with_a_mistake_fails_its_cases(tmp_path: Path) -> None:
    case = "a case:\n  orders: [{order_no: 1}]\n  expect: {sales_order: []}\n"
    (says,) = differences(tmp_path, case, SHOP.replace("money(", "mony("))
    assert "there is no function mony(). Did you mean 'money'?" in says


def test_dates_of_yaml_serve_expressions_that_need_dates(tmp_path: Path) -> None:
    mapping = SHOP.replace("created_at", "created_at + 14 days")
    case = """
        two weeks later:
          orders: [{order_no: 1, total_incl: "1,00", status: P, created_at: 2026-03-01T10:00:00Z}]
          expect: {sales_order: [{ordered_at: 2026-03-15T10:00:00Z}]}
        """
    assert differences(tmp_path, case, mapping) == ()


def test_a_case_without_its_parts_says_what_a_case_is(tmp_path: Path) -> None:
    assert differences(tmp_path, "a case:\n  orders: []\n") == (
        "a case has raw tables with their rows, and `expect:` with tables and the rows that must be there",
    )


def test_a_project_without_cases_has_no_results(tmp_path: Path) -> None:
    assert run_cases(project(SHOP)) == []
