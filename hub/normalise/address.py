"""Postal addresses of the Netherlands and Belgium: stored in one spelling, shown as the post expects them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_POSTCODE_NL = re.compile(r"([1-9][0-9]{3})([A-Z]{2})")
_NEVER_ISSUED_NL = frozenset({"SA", "SD", "SS"})
_POSTCODE_BE = re.compile(r"[1-9][0-9]{3}")
_COUNTRY_NAMES = {"NL": "NEDERLAND", "BE": "BELGIË", "DE": "DUITSLAND", "FR": "FRANKRIJK", "LU": "LUXEMBURG"}


@dataclass(frozen=True)
class PostalAddress:
    """Where a letter goes. House number, letter, addition (NL) and box (BE) are separate; country is ISO 3166."""

    recipient: tuple[str, ...]
    street: str
    house_number: str
    postcode: str
    city: str
    country: str
    letter: str = ""
    addition: str = ""
    box: str = ""


def postcode(text: str, country: str) -> str | None:
    """Read a postcode as it is stored: "1234 ab" gives "1234AB" (NL), "B-1000" gives "1000" (BE); None if not valid.

    Other countries' postcodes are trimmed and kept, for their rules are not known here.
    """
    if country == "NL":
        return _postcode_nl(text)
    if country == "BE":
        number = "".join(text.upper().split()).removeprefix("BE-").removeprefix("B-")
        return number if _POSTCODE_BE.fullmatch(number) else None
    return " ".join(text.upper().split()) or None


def _postcode_nl(text: str) -> str | None:
    match = _POSTCODE_NL.fullmatch("".join(text.upper().split()).removeprefix("NL-"))
    return match[0] if match and match[2] not in _NEVER_ISSUED_NL else None


def show_postcode(postcode: str, country: str) -> str:
    """Show a stored postcode: "1234AB" as "1234 AB"."""
    return f"{postcode[:4]} {postcode[4:]}" if country == "NL" else postcode


def show_house_number(number: str, letter: str = "", addition: str = "") -> str:
    """Join the parts: (103, c) "103 c"; (35, III) "35 III"; (9, 2) "9-2"; (555, B, 73c) "555 B73c".

    A hyphen keeps two numbers apart, a space keeps two words apart.
    """
    shown = number
    for part in filter(None, (letter, addition)):
        shown += _join(shown[-1:], part[0]) + part
    return shown


def _join(before: str, after: str) -> str:
    if before.isdigit() and after.isdigit():
        return "-"
    return "" if after.isdigit() else " "


def why_unaddressable(address: PostalAddress) -> str | None:
    """Name what keeps a letter from arriving, without repeating the address; None if it can be sent."""
    if not any(line.strip() for line in address.recipient):
        return "no name of a recipient"
    required = {
        "street": address.street,
        "city": address.city,
        "country": address.country,
        "postcode": address.postcode,
    }
    missing = [name for name, value in required.items() if not value.strip()]
    if address.country in {"NL", "BE"} and not address.house_number.strip():
        missing.append("house number")
    if missing:
        return "no " + ", no ".join(missing)
    if postcode(address.postcode, address.country) is None:
        return f"the postcode is not valid in {address.country}"
    return None


def address_lines(address: PostalAddress, sent_from: str = "NL") -> tuple[str, ...]:
    """Lay out the address block: recipient, street, place in capitals, and the country where it is another one.

    A Dutch place reads "2583 XL  SCHEVENINGEN" with two spaces; a Belgian box follows the number as "bus 3".
    Call `why_unaddressable` first: a part that is missing is left out here.
    """
    house = show_house_number(address.house_number, address.letter, address.addition)
    street = f"{address.street} {house}".strip() + (f" bus {address.box}" if address.box else "")
    gap = "  " if address.country == "NL" else " "
    stored = postcode(address.postcode, address.country) or address.postcode
    place = f"{show_postcode(stored, address.country)}{gap}{address.city.upper()}".strip()
    lines = [*address.recipient, street, place]
    if address.country != sent_from:
        lines.append(_COUNTRY_NAMES.get(address.country, address.country))
    return tuple(line for line in lines if line.strip())
