"""Numbers of organisations: by their form where that is all there is to them, else by the library's proof."""

from __future__ import annotations

import sqlalchemy as sa

from hub.expressions.conversion import unread
from hub.expressions.functions.function import TEXT, Call, Parameter, Subject
from hub.expressions.scope import ExpressionError
from hub.expressions.values import Value
from hub.warehouse.constructs import matches, replace_all, text_constant

subject = Subject("organisations")


@subject.function("kvk(text)", "The number in the Dutch business register: eight digits, leading zeros kept.", TEXT)
def _kvk(call: Call) -> Value:
    return _digits(call, 8, "not a KvK number")


@subject.function("branch(text)", "The number of a branch (vestiging) in that register: twelve digits.", TEXT)
def _branch(call: Call) -> Value:
    return _digits(call, 12, "not a branch number")


@subject.function("rsin(text)", "The RSIN of a Dutch legal entity: nine digits that pass the eleven-proof.", TEXT)
def _rsin(call: Call) -> Value:
    return call.ask("rsin", _read_rsin, call[0], None, "not an RSIN")


@subject.function(
    "vat(text[, country])",
    "The VAT number with its country code; without one, it is read as one of the country.",
    TEXT,
    Parameter(("text",), optional=True),
)
def _vat(call: Call) -> Value:
    country = str(call.constant(1, "the country")) if len(call) == 2 else ""
    if country and (len(country) != 2 or not country.isascii() or not country.isupper()):
        raise ExpressionError("a country is two capitals: 'NL'", call.arguments[-1].column)

    def ask(text: str) -> str | None:
        return _read_vat(text, country)

    return call.ask(f"vat:{country}", ask, call[0], None, "not a VAT number")


@subject.function("iban(text)", "The account number in one spelling, its check digits proven.", TEXT)
def _iban(call: Call) -> Value:
    return call.ask("iban", _read_iban, call[0], None, "not an IBAN")


def _digits(call: Call, length: int, message: str) -> Value:
    """Read a number that has a length and no check digit; only zeros are no number."""
    bare = replace_all(call[0], text_constant("[ ./-]"), text_constant(""))
    number = sa.and_(matches(bare, text_constant(f"[0-9]{{{length}}}")), sa.not_(matches(bare, text_constant("0+"))))
    result = sa.case((number, bare))
    call.found.failures.append(unread(call[0], result, message))
    return call.give(sa.type_coerce(result, sa.Text()), "text")


def _read_rsin(text: str) -> str | None:
    from hub.normalise.business import rsin

    return rsin(text)


def _read_vat(text: str, country: str) -> str | None:
    from hub.normalise.business import vat

    return vat(text, country)


def _read_iban(text: str) -> str | None:
    from hub.normalise.business import iban

    return iban(text)
