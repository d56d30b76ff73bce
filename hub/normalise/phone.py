"""Phone numbers: one spelling (E.164) for every way to write the same number.

The rules are libphonenumber's (package `phonenumbers`). Its parser is lenient: it reads letters as keypad
digits and skips words. A field that holds more than a number is set aside here instead of guessed at.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

PhoneKind = Literal["fixed", "mobile", "machine", "other"]

# Ranges that belong to devices, not to people; libphonenumber counts them as mobile.
# The Netherlands: 097, numbering plan "Nummerplan telefoon- en ISDN-diensten".
_MACHINE_PREFIXES = ("+3197",)

_KINDS: dict[int, PhoneKind] = {
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.MOBILE: "mobile",
    # In North America the number itself does not tell; it can receive text messages.
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "mobile",
}

_DASHES = re.compile("[\u2010-\u2015\u2212]")
_WRITTEN = re.compile(
    r"(?:tel:)?(?P<number>\(?\+?[0-9 ().\/-]+?)"
    r"(?:[ ,;]*(?:ext(?:ension)?\.?|x|#)[ =:]*(?P<extension>[0-9]{1,7}))?",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"[ .()/-]")


@dataclass(frozen=True)
class Phone:
    """A valid number: E.164 with its plus, the extension behind it, and what it reaches."""

    e164: str
    extension: str | None
    kind: PhoneKind


def parse_phone(text: str, region: str) -> Phone | None:
    """Read a number as people write it in a region (`NL`, `BE`); None if it is not certainly one valid number.

    The region counts only where the country code is absent. Emergency numbers, words and two numbers in one
    field are not valid.
    """
    written = _WRITTEN.fullmatch(_plain(text))
    if written is None:
        return None
    digits = _PUNCTUATION.sub("", written["number"])
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return Phone(e164, written["extension"], _kind(number, e164))


def _plain(text: str) -> str:
    """Fold full-width digits, odd spaces, dashes and invisible marks that address books put around numbers."""
    folded = unicodedata.normalize("NFKC", text)
    visible = "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")
    return " ".join(_DASHES.sub("-", visible).split())


def _kind(number: phonenumbers.PhoneNumber, e164: str) -> PhoneKind:
    if e164.startswith(_MACHINE_PREFIXES):
        return "machine"
    return _KINDS.get(phonenumbers.number_type(number), "other")


@lru_cache
def phone_pattern(region: str) -> str:
    r"""Give an anchored regular expression for the national significant numbers that are certainly valid.

    It lets an engine normalise the common case without Python. RE2, PostgreSQL and Java read it alike: no
    look-around, no back-reference, no `\d`. To use it: strip `[ .()/-]` from the text, strip one of
    `phone_prefixes(region)`, match, and put `+` and the country code in front: `parse_phone`
    gives the same. What does not match may still be valid: ask `parse_phone`.
    """
    metadata = _metadata(region)
    kinds = (metadata.mobile,) if region in _LOOSE_FIXED_LINES else (metadata.fixed_line, metadata.mobile)
    patterns = [kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern]
    return "^(?:" + "|".join(patterns).replace(r"\d", "[0-9]") + ")$"


@lru_cache
def phone_prefixes(region: str) -> tuple[str, ...]:
    """List what may stand before a national significant number: for NL `+31`, `0031`, `31`, `0` and nothing.

    The bare country code and nothing at all are left out where a number may begin with the digits of its own
    country code (Germany: 49), so that one text never has two readings.
    """
    metadata = _metadata(region)
    code = str(metadata.country_code)
    trunk = metadata.national_prefix or ""
    prefixes = [f"+{code}"]
    if _is_plain(metadata.international_prefix):
        prefixes.append(f"{metadata.international_prefix}{code}")
    if region in _CODE_NEVER_BEGINS_A_NUMBER:
        prefixes.append(code)
    if _is_plain(trunk) and region not in _TRUNK_IS_UNCERTAIN:
        prefixes.append(trunk)
    if region in _CODE_NEVER_BEGINS_A_NUMBER:
        prefixes.append("")
    return tuple(prefixes)


# What the metadata does not say, found by trying numbers of every range of every region; the tests try again.
# The general pattern of the region is stricter than that of its fixed lines: these go to `parse_phone`.
_LOOSE_FIXED_LINES = frozenset({"AT", "DE"})
# The trunk prefix with the number's first digits may read as an international or a carrier's prefix.
_TRUNK_IS_UNCERTAIN = frozenset({"CO", "IL", "RW", "UY"})
# No number with its country code in front reads as another number.
_CODE_NEVER_BEGINS_A_NUMBER = frozenset({"NL", "BE"})


def _is_plain(prefix: str | None) -> bool:
    return bool(prefix) and str(prefix).isdigit()


def _metadata(region: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        raise ValueError(f"{region!r} is no region of libphonenumber; use a two-letter country code such as 'NL'")
    return metadata
