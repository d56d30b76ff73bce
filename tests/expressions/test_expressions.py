"""Expressions give the same value on every engine, and what is not allowed is refused with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from hub.contracts import Function
from hub.expressions import (
    FUNCTIONS,
    ExpressionError,
    Name,
    Scope,
    ScopeFunction,
    assign,
    compile_condition,
    compile_expression,
    names_in,
)
from hub.stages.map.lookups import fill, joined
from hub.warehouse import Transaction, Warehouse

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "cases.yaml").read_text(encoding="utf-8"))
FORBIDDEN = yaml.safe_load((HERE / "forbidden.yaml").read_text(encoding="utf-8"))
LISTS = {"species": {"kat": "cat", "hond": "dog"}, "many": {str(n): f"value {n}" for n in range(200)}}


def consents(channel: str, purpose: str) -> Name:
    if channel != "email":
        raise ValueError(f"there is no channel '{channel}'")
    return Name(sa.literal(purpose == "marketing"), "boolean")


def shout(text: str, ending: str) -> str | None:
    return text.upper() + ending


CONSENTS = {"consents": ScopeFunction(("channel", "purpose"), consents)}
SHOUT = {"shout": Function("shout", shout, "The text in capitals.", constants=1)}


def name_of(value: Any) -> Name:
    """Give a YAML value as a column of its type."""
    if value is None:
        return Name(sa.cast(sa.null(), sa.Text()), "text")
    if isinstance(value, bool):
        return Name(sa.literal(value, sa.Boolean()), "boolean")
    if isinstance(value, int):
        return Name(sa.cast(sa.literal(value), sa.BigInteger()), "integer")
    if isinstance(value, float):
        return Name(sa.cast(sa.literal(Decimal(str(value))), sa.Numeric(18, 4)), "number")
    if isinstance(value, datetime):
        return Name(sa.cast(sa.literal(value.isoformat()), sa.DateTime(timezone=True)), "timestamp")
    if isinstance(value, date):
        return Name(sa.cast(sa.literal(value.isoformat()), sa.Date()), "date")
    return Name(sa.cast(sa.literal(value), sa.Text()), "text")


def scope_of(case: dict[str, Any], row: sa.FromClause) -> Scope:
    return Scope(
        {name: Name(row.c[name], name_of(value).type) for name, value in case.get("given", {}).items()},
        functions=CONSENTS,
        notation=case.get("notation", "iso"),
        as_of=case.get("as_of", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        lookups_allowed=True,
        lists=LISTS,
        plugins=SHOUT,
    )


def evaluate(transaction: Transaction, case: dict[str, Any]) -> tuple[Any, list[str]]:
    given = [name_of(value).element.label(name) for name, value in case.get("given", {}).items()]
    one_row = transaction.hold("given", sa.select(sa.literal(1).label("one"), *given))
    compiled = compile_expression(case["is"], scope_of(case, one_row))
    fill(transaction, one_row, compiled.lookups)
    columns = [compiled.element.label("value"), *(failure.condition for failure in compiled.failures)]
    row = transaction.rows(sa.select(*columns).select_from(joined(one_row, compiled.lookups)))[0]
    unread = [failure.message for failure, failed in zip(compiled.failures, row[1:], strict=True) if failed]
    value = row[0]
    if isinstance(value, datetime):
        return value.astimezone(UTC), unread
    return (float(value) if isinstance(value, Decimal) else value), unread


def differences(transaction: Transaction) -> Iterator[str]:
    for case in CASES:
        try:
            value, unread = evaluate(transaction, case)
        except ExpressionError as error:
            if not case.get("refused"):
                yield f"{case['is']}: refused: {error}"
            continue
        wanted = case["gives"] if not case.get("refused") else "a refusal"
        if value != wanted or isinstance(value, bool) != isinstance(wanted, bool):
            yield f"{case['is']} gives {value!r}, not {wanted!r}"
        if unread != ([case["unread"]] if "unread" in case else []):
            yield f"{case['is']} tells {unread} as unread"


def test_every_expression_gives_its_value_on_every_engine(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        assert list(differences(transaction)) == []


@pytest.mark.parametrize(("text", "column", "says"), FORBIDDEN)
def test_what_is_not_allowed_is_refused_with_its_place(text: str, column: int, says: str) -> None:
    names = {
        "a": Name(sa.column("a", sa.Text()), "text"),
        "n": Name(sa.column("n", sa.BigInteger()), "integer"),
        "d": Name(sa.column("d", sa.Date()), "date"),
        "totaal": Name(sa.column("totaal", sa.Numeric()), "number"),
    }
    scope = Scope(names, functions=CONSENTS, lookups_allowed=True, lists=LISTS)
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, scope)
    assert re.search(says, caught.value.message), caught.value.message
    assert caught.value.column == column


def test_functions_that_need_a_library_are_refused_outside_mappings() -> None:
    scope = Scope({"a": Name(sa.column("a", sa.Text()), "text")})
    with pytest.raises(ExpressionError, match="in mappings only"):
        compile_expression("email(a)", scope)


def test_a_condition_must_be_true_or_false() -> None:
    scope = Scope({"n": Name(sa.column("n", sa.BigInteger()), "integer")})
    assert compile_condition("n > 1", scope).type == "boolean"
    with pytest.raises(ExpressionError, match="must be true or false, but this is integer"):
        compile_condition("n", scope)


def test_a_name_of_unknown_type_goes_with_everything() -> None:
    scope = Scope({"x": Name(sa.column("x"), "null")}, lookups_allowed=True)
    for text in ("x = 1", "x = 'a'", "x + 1", "trim(x)", "email(x)", "x and true", "coalesce(x, 1)", "money(x, 'EUR')"):
        compile_expression(text, scope)


def test_an_expression_tells_which_names_it_uses() -> None:
    assert names_in("a + b.c > length(d)") == {"a", "b.c", "d"}


def test_assignment_reads_text_as_the_type_of_the_column(warehouse: Warehouse) -> None:
    scope = Scope({"x": Name(sa.cast(sa.literal("1.234,56"), sa.Text()), "text")}, notation="nl")
    blank = Scope({"x": Name(sa.cast(sa.literal("  "), sa.Text()), "text")})
    with warehouse.begin() as transaction:
        assert transaction.scalar(sa.select(assign("x", scope, "number").element)) == Decimal("1234.56")
        assert transaction.scalar(sa.select(assign("x", scope, "date").element)) is None
        assert transaction.scalar(sa.select(assign("x", scope, "date").failures[0].condition)) is True
        assert transaction.scalar(sa.select(assign("x", blank, "text").element)) is None
        assert transaction.scalar(sa.select(assign("x", blank, "number").failures[0].condition)) is False


def test_every_function_is_documented_in_one_line_and_has_a_case() -> None:
    tried = " ".join(case["is"] for case in CASES)
    for name, doc in FUNCTIONS.items():
        assert doc.signature.startswith(f"{name}(")
        assert doc.summary.endswith(".")
        assert "\n" not in doc.summary
        assert f"{name}(" in tried, name
