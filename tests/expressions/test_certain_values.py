"""What the engine decides by itself is what the library says (email, phone, names, postcode)."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.expressions import Name, Scope, compile_expression
from hub.normalise.address import postcode
from hub.normalise.email import normalise_email
from hub.normalise.names import initials, split_prefix
from hub.normalise.phone import parse_phone
from hub.stages.map.lookups import deciding, fill, joined, open_, stepped
from hub.warehouse import Transaction, Warehouse


def phone(text: str, region: str) -> str | None:
    found = parse_phone(text, region)
    return found.e164 if found else None


def values(transaction: Transaction, expression: str, texts: list[str]) -> dict[str, str | None]:
    rows = transaction.load("texts", pa.table({"x": pa.array(texts, pa.string())}))
    compiled = compile_expression(expression, Scope({"x": Name(rows.c.x, "text")}, lookups_allowed=True))
    fill(transaction, rows, compiled.lookups)
    query = sa.select(rows.c.x, compiled.element).select_from(joined(rows, compiled.lookups))
    return dict(row._tuple() for row in transaction.rows(query))


def decided(transaction: Transaction, expression: str, texts: list[str]) -> dict[str, str | None]:
    """Give what the engine says by itself, of the texts that it does not leave open."""
    rows = transaction.load("texts", pa.table({"x": pa.array(texts, pa.string())}))
    scope = Scope({"x": Name(sa.column("x", sa.Text()), "text")}, lookups_allowed=True, stepwise=True)
    compiled = compile_expression(expression, scope)
    source = stepped(rows, [*compiled.steps, *deciding(compiled.lookups)])
    left = sa.or_(sa.false(), *(open_(lookup) for lookup in compiled.lookups))
    query = sa.select(source.c.x, compiled.element).select_from(source).where(sa.not_(left))
    return dict(row._tuple() for row in transaction.rows(query))


LETTERS = st.text(st.sampled_from("aZé09.-_+@ '\t\u00a0İ"), max_size=12)
EMAILS = st.one_of(
    LETTERS,
    st.builds("{}@{}.{}".format, LETTERS, LETTERS, st.sampled_from(["nl", "NL", "test", "local", "x", "co.uk", "n1"])),
    st.builds("{}@example.nl".format, st.text(st.sampled_from("ab.+-_"), min_size=1, max_size=70)),
)
BEGINNINGS = ["06", "+316", "0031 6", "316", "020-", "+32 4", "0470", "(0)6", "+31 (0)6", "00320", "+32(0)2"]
PHONES = st.one_of(
    st.text(st.sampled_from("0123456789+ ()-./x"), max_size=16),
    st.tuples(st.sampled_from(BEGINNINGS), st.text(st.sampled_from("0123456789 -"), min_size=6, max_size=10)).map(
        "".join
    ),
)
SURNAMES = st.lists(
    st.sampled_from(
        ["van", "der", "Van", "de", "'t", "Jansen", "Özil", "in", "het", " ", "\u00a0", "l'", "II", "d'Or"]
    ),
    max_size=5,
).map(" ".join)
POSTCODES = st.one_of(
    st.from_regex(r"[0-9]{4} ?[A-Za-z]{2}", fullmatch=True),
    st.text(st.sampled_from("19BSADS -nlNL \u00a0"), max_size=9),
)

WAYS = {
    "email(x)": (EMAILS, normalise_email),
    "phone(x, 'NL')": (PHONES, lambda text: phone(text, "NL")),
    "phone(x, 'BE')": (PHONES, lambda text: phone(text, "BE")),
    "prefix(x)": (SURNAMES, lambda text: split_prefix(text)[0]),
    "surname_without_prefix(x)": (SURNAMES, lambda text: split_prefix(text)[1] or None),
    "initials(x)": (SURNAMES, lambda text: initials(text) or None),
    "postcode(x, 'NL')": (POSTCODES, lambda text: postcode(text, "NL")),
    "postcode(x, 'BE')": (POSTCODES, lambda text: postcode(text, "BE")),
}


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_engine_and_library_agree(warehouse: Warehouse, data: st.DataObject) -> None:
    with warehouse.begin() as transaction:
        for expression, (texts, library) in WAYS.items():
            drawn = data.draw(st.lists(texts, min_size=40, max_size=40, unique=True))
            right = {text: library(text) for text in drawn}
            assert values(transaction, expression, drawn) == right, expression
            alone = decided(transaction, expression, drawn)
            assert alone == {text: right[text] for text in alone}, expression


def test_the_engine_leaves_little_open(warehouse: Warehouse) -> None:
    plain = {
        "email(x)": ["anna@example.nl", " Jan.Jansen@Example.com "],
        "phone(x, 'NL')": ["0612345678", "06-12345678", "+31 20 1234567"],
        "phone(x, 'BE')": ["0470123456", "+32 470 12 34 56"],
        "prefix(x)": ["Jansen", "Van Dijk", "van der Valk", " in 't Veld"],
        "surname_without_prefix(x)": ["Jansen", "van de Valk-Jansen", "de  Boer"],
    }
    with warehouse.begin() as transaction:
        for expression, texts in plain.items():
            assert set(decided(transaction, expression, texts)) == set(texts), expression


def test_a_value_is_looked_up_only_where_it_is_needed(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        found = decided(transaction, "case when x = '' then email(x) else phone(x, 'NL') end", ["", "0612345678"])
    assert found == {"": None, "0612345678": "+31612345678"}


def test_a_library_is_asked_once_per_value(warehouse: Warehouse) -> None:
    texts = ["0612345678", "bel mij", "06-12345678", "020-1234567 ext. 12"]
    with warehouse.begin() as transaction:
        assert values(transaction, "phone(x, 'NL')", texts)["020-1234567 ext. 12"] == "+31201234567"
        kept = transaction.table("lookup_value")
        transaction.execute(sa.update(kept).where(kept.c.output.is_not(None)).values(output="kept"))
        assert values(transaction, "phone(x, 'NL')", texts) == {
            "0612345678": "+31612345678",
            "06-12345678": "+31612345678",
            "020-1234567 ext. 12": "kept",
            "bel mij": None,
        }
        assert transaction.count(kept) == 2


def test_a_hundred_thousand_phones_are_not_a_hundred_thousand_calls(tmp_path: Path) -> None:
    from hub.schema import BUILT_IN
    from hub.warehouse import open_warehouse

    numbers = [f"06-{12345678 + number}" for number in range(100_000)]
    warehouse = open_warehouse("duckdb", BUILT_IN, tmp_path)
    try:
        with warehouse.begin() as transaction:
            started = time.process_time()
            found = values(transaction, "phone(x, 'NL')", numbers)
            spent = time.process_time() - started
            assert transaction.count(transaction.table("lookup_value")) == 0
    finally:
        warehouse.close()
    assert len(found) == 100_000
    assert found["06-12345678"] == "+31612345678"
    assert spent < 3  # the library alone takes longer
