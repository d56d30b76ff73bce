"""Identifiers of organisations. They are text: leading zeros belong to them.

Check digits are python-stdnum's. A function returns the one spelling to store, or None where the text is no
such identifier.
"""

from __future__ import annotations

import re

from stdnum import iban as stdnum_iban
from stdnum.eu import vat as stdnum_vat
from stdnum.exceptions import ValidationError
from stdnum.nl import bsn as stdnum_bsn

_SEPARATORS = re.compile(r"[ .\-/]")


def kvk(text: str) -> str | None:
    """Read a number of the Dutch business register: eight digits, without a check digit."""
    return _digits(text, 8)


def vestiging(text: str) -> str | None:
    """Read the number of an establishment in the Dutch business register: twelve digits, without a check digit."""
    return _digits(text, 12)


def rsin(text: str) -> str | None:
    """Read an RSIN: nine digits that pass the eleven-proof."""
    number = _digits(text, 9)
    return number if number and stdnum_bsn.is_valid(number) else None


def vat(text: str, country: str = "") -> str | None:
    """Read a VAT number of an EU country with its country code: "BE 0403.019.261" gives "BE0403019261".

    A number without a country code is read as one of `country`, where that is given.
    """
    for written in filter(None, (text, country and country + text)):
        try:
            return str(stdnum_vat.validate(written))
        except ValidationError:
            continue
    return None


def iban(text: str) -> str | None:
    """Read an IBAN by its structure and its mod-97 digits.

    The banks' own check digits are not asked: BE68539007547034, which banks use as an example, must pass.
    """
    try:
        return str(stdnum_iban.validate(text, check_country=False))
    except ValidationError:
        return None


def _digits(text: str, length: int) -> str | None:
    number = _SEPARATORS.sub("", text.strip())
    if len(number) != length or not (number.isascii() and number.isdigit()):
        return None
    return number if int(number) else None
