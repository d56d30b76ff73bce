"""E-mail addresses, phone numbers and postcodes: by a pattern where that is certain, else by the library."""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy as sa

from hub.expressions.conversion import unread
from hub.expressions.functions.function import TEXT, Call, Parameter, Subject
from hub.expressions.scope import Element, ExpressionError, Once
from hub.expressions.values import Value
from hub.warehouse.constructs import extract_first, matches, replace_all, text_constant

subject = Subject("contact")
_SQL = sa.Text()

_EMAIL = " *[A-Za-z0-9_]+(?:[.+-][A-Za-z0-9_]+)*@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*[.])+(?:[A-Za-z]{2,3}|info) *"
"""What is certainly an address: domains that never receive mail from outside (.test, .local) have longer endings."""
_LONGEST_EMAIL = 64
_POSTCODES = {
    "NL": ("(?:NL-)?[1-9][0-9]{3}(?:[A-RT-Z][A-Z]|S[BCE-RT-Z])", 6),  # SA, SD and SS were never issued
    "BE": ("(?:BE-|B-)?[1-9][0-9]{3}", 4),
}
"""What is a postcode after its spaces are gone, and of how many signs without the country."""
_REGION = Parameter(("text",), optional=True)


@subject.function("email(text)", "The e-mail address in the one spelling that identifies a person.", TEXT)
def _email(call: Call) -> Value:
    return call.ask("email", _normalise_email, call[0], _certain_email, "not an e-mail address")


@subject.function(
    "phone(text[, region])", "The phone number as +31612345678, as it is written in a region.", TEXT, _REGION
)
def _phone(call: Call) -> Value:
    region = _region(call)
    try:
        pattern, code = _phone_pattern(region)
    except ValueError:
        raise ExpressionError(f"'{region}' is no country code such as 'NL'", call.column) from None

    def certain(text: Element, once: Once) -> tuple[Element, sa.ColumnElement[bool]]:
        digits = once(replace_all(text, text_constant("[ .()/-]"), text_constant("")))
        number = once(extract_first(digits, text_constant(pattern)))
        return text_constant(f"+{code}") + number, number.is_not(None)

    def ask(text: str) -> str | None:
        return _normalise_phone(text, region)

    return call.ask(f"phone:{region}", ask, call[0], certain, "not a phone number")


@subject.function(
    "postcode_in(postcode, areas)",
    "Whether a stored postcode lies in one of these areas, ranges included: '1000-1099, 2511, 3011AA-3011ZZ'.",
    TEXT,
    TEXT,
)
def _postcode_in(call: Call) -> Value:
    inside = []
    for area in str(call.constant(1, "the areas")).split(","):
        low, _, high = (part.strip().upper() for part in area.partition("-"))
        high = high or low
        if not low.isalnum() or not high.isalnum() or len(low) != len(high) or low > high:
            raise ExpressionError(
                f"'{area.strip()}' is no area: write one postcode or its first signs, or a range of equal length: "
                "1000-1099",
                call.arguments[1].column,
            )
        start = sa.func.substr(call[0], 1, sa.literal_column(str(len(low))))
        inside.append(start.between(text_constant(low), text_constant(high)))
    return call.give(sa.or_(*inside), "boolean")


@subject.function("postcode(text[, country])", "The postcode as it is stored: 1234AB, 1000.", TEXT, _REGION)
def _postcode(call: Call) -> Value:
    country = _region(call)
    bare = call.once(
        sa.func.upper(sa.func.translate(call[0], text_constant(" \u00a0\t"), text_constant("")), type_=_SQL)
    )
    result: Element
    if country in _POSTCODES:
        pattern, length = _POSTCODES[country]
        result = sa.case((matches(bare, text_constant(pattern)), sa.func.right(bare, sa.literal_column(str(length)))))
    else:
        spaced = replace_all(sa.func.upper(sa.func.trim(call[0])), text_constant("[ \u00a0\t]+"), text_constant(" "))
        result = sa.func.nullif(spaced, text_constant(""))
    result = call.once(sa.type_coerce(result, _SQL))
    call.found.failures.append(unread(call[0], result, "not a postcode"))
    return call.give(result, "text", never_blank=country in _POSTCODES)


def _certain_email(text: Element, _: Once) -> tuple[Element, sa.ColumnElement[bool]]:
    """Decide for plain ASCII addresses under the usual endings; the library decides for all others.

    Only what has a space at an end is trimmed: an engine takes five times as long for that as for small letters.
    """
    certain = sa.and_(
        matches(text, text_constant(_EMAIL)),
        sa.func.length(text) <= sa.literal_column(str(_LONGEST_EMAIL)),
    )
    spaced = sa.or_(text.like(text_constant(" %")), text.like(text_constant("% ")))
    return sa.func.lower(sa.case((spaced, sa.func.trim(text)), else_=text)), certain


def _region(call: Call) -> str:
    region = str(call.constant(1, "the country")) if len(call) == 2 else call.scope.region
    if len(region) != 2 or not region.isascii() or not region.isupper():
        raise ExpressionError("a country is two capitals: 'NL'", call.arguments[-1].column)
    return region


def _normalise_email(text: str) -> str | None:
    from hub.normalise.email import normalise_email

    return normalise_email(text)


def _normalise_phone(text: str, region: str) -> str | None:
    from hub.normalise.phone import parse_phone

    found = parse_phone(text, region)
    return found.e164 if found else None


@lru_cache
def _phone_pattern(region: str) -> tuple[str, int]:
    """Give the pattern of a number with any prefix, its national number in the one group, and the country code."""
    from phonenumbers import country_code_for_region

    from hub.normalise.phone import phone_pattern, phone_prefixes

    national = phone_pattern(region).removeprefix("^").removesuffix("$")
    code = int(country_code_for_region(region))
    prefixes = list(phone_prefixes(region))
    if {"0", ""} <= set(prefixes):  # +31 (0)6: where no number begins with a zero, the zero is the trunk's
        prefixes += [f"+{code}0", f"00{code}0"]
    listed = "|".join(prefix.replace("+", "[+]") for prefix in prefixes)
    return f"^(?:{listed})({national})$", code
