"""Mistakes in mappings are told before any row is read, all at once, with their place (R11 in spirit: nothing half)."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pytest

from hub.project.identity import IdentifierRule, IdentityFile
from hub.schema import BUILT_IN
from hub.stages.map import problems_of_mapping
from tests.stages.raw_lake import mapped

RAW = {
    "order_no": pa.int64(),
    "customer_id": pa.int64(),
    "total": pa.string(),
    "status": pa.string(),
    "at": pa.date32(),
}


def problems(
    body: str,
    raw: Mapping[str, pa.DataType] | None = RAW,
    target: str = "sales_order",
    identity: IdentityFile | None = None,
) -> list[str]:
    """Give the mistakes of one mapping as `path:column: message`."""
    text = f"connection: shop\n{target}:\n  from: orders\n  key: order_no\n{body}"
    (one,) = mapped(text)
    return [
        f"{'.'.join(map(str, path))}:{column}: {message}"
        for path, message, column in problems_of_mapping(one, BUILT_IN, raw, identity=identity)
    ]


def test_a_kind_of_identifier_that_the_project_declares_may_be_mapped() -> None:
    scoped = IdentifierRule(scope="connection")
    own = IdentityFile(identifiers={"member": IdentifierRule(), "debtor": scoped})
    body = "  guest: {member: customer_id, debtor: customer_id, erp.debtor: customer_id}"
    assert problems(body, identity=own) == []
    assert problems("  guest: {erp.member: customer_id}", identity=own) == [
        "guest.erp.member:1: 'erp.member' is no kind of identifier. Did you mean 'member'?"
    ]
    (message,) = problems("  guest: {member: customer_id}")
    assert "'member' is no kind of identifier" in message


def test_a_right_mapping_has_no_problems() -> None:
    body = """
  where: status <> 'test'
  person: customer_id
  guest: {email: email(status)}
  columns: {total: "money(total, 'EUR')", ordered_at: at, status: {from: status, map: {P: paid}, else: status}}
  checks: [total >= 0, {ordered_at <= loaded_at: warn}, customer_id > 0]
"""
    assert problems(body) == []
    assert problems(body, raw=None) == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            "  columns: {totall: total}",
            "columns.totall:1: sales_order has no column 'totall' to fill. Did you mean 'total'?",
        ),
        ("  columns: {total: money(totaal)}", "columns.total:7: there is no 'totaal'. Did you mean 'total'?"),
        ("  columns: {total: at}", "columns.total:1: a value of type date cannot become number"),
        ("  columns: {person_id: total}", "columns.person_id:1: sales_order has no column 'person_id' to fill."),
        (
            "  columns: {status: {from: stat, map: {}}}",
            "columns.status.from:1: there is no 'stat'. Did you mean 'status'?",
        ),
        (
            "  where: status",
            "where:1: the condition must be true or false, but this is text: compare it with something",
        ),
        ("  person: {through: order}", "person.through:1: there is no table 'order' whose rows belong to people"),
        ("  guest: {mail: status}", "guest.mail:1: 'mail' is no kind of identifier. Did you mean 'email'?"),
        ("  identifiers: {email: status}", "identifiers:1: only person has identifiers"),
        ("  checks: [totl >= 0]", "checks.0:1: there is no 'totl'. Did you mean 'total'?"),
        ("  checks: [{customer_id < at: warn}]", "checks.0.customer_id < at:15: the comparison mixes integer and date"),
        ("  consent: [{channel: email, given: at}]", "consent.0.given:1: a value of type date cannot become boolean"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_suggestion(body: str, says: str) -> None:
    (found,) = problems(body)
    assert found.startswith(says)


def test_all_mistakes_are_told_at_once() -> None:
    body = "  where: stat = 1\n  columns: {totall: total, coupon: cupon}\n  checks: [1]\n"
    assert len(problems(body)) == 4


def test_a_table_that_is_not_there_is_told_with_a_suggestion() -> None:
    assert problems("", target="sale_order") == [
        ":1: there is no table 'sale_order' to map to. Did you mean 'sales_order'?"
    ]
    assert problems("", target="trait")[0].startswith(":1: there is no table 'trait' to map to.")


def test_what_belongs_to_nobody_takes_no_person() -> None:
    assert problems("  person: customer_id\n", target="product") == [
        "person:1: product belongs to nobody: leave `person` and `guest` out"
    ]


def test_a_line_goes_only_through_a_column_that_is_mapped() -> None:
    assert problems("  person: {through: sales_order}\n", target="order_line") == [
        "person.through:1: map the column 'order_key' first: it leads to sales_order"
    ]


def test_without_known_columns_only_what_is_surely_wrong_is_told() -> None:
    assert problems("  columns: {total: number(whatever)}\n", raw=None) == []
    assert problems("  columns: {total: mony(whatever)}\n", raw=None) == [
        "columns.total:1: there is no function mony(). Did you mean 'money'?"
    ]
