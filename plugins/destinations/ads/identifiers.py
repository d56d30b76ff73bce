"""What advertising platforms know people by: each value in the platform's own spelling, then its SHA-256 in lower hex.

An empty value gives nothing, and a value that is such a hash already stays as it is. Platforms differ: Google folds the
addresses of gmail.com and wants telephone numbers with a plus, Meta folds nothing and wants them without.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from hashlib import sha256

from hub.normalise.email import normalise_email
from hub.normalise.phone import parse_phone

Spelling = Callable[[str], str | None]

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_FOLDED = frozenset({"gmail.com", "googlemail.com"})


def hashed(text: str, spelling: Spelling) -> str | None:
    """Hash a text in a spelling; None where there is nothing to hash."""
    written = unicodedata.normalize("NFC", text.strip())
    if _HASH.fullmatch(written):
        return written.lower()
    spelled = spelling(written) if written else None
    return sha256(spelled.encode()).hexdigest() if spelled else None


def plain_email(text: str) -> str | None:
    """Write an address as Meta and LinkedIn do: in lower case, with its dots and what follows a plus."""
    return normalise_email(text)


def folded_email(text: str) -> str | None:
    """Write an address as Google does: dots, and what follows a plus, do not count at gmail.com."""
    address = normalise_email(text)
    if address is None:
        return None
    local, _, domain = address.rpartition("@")
    if domain not in _FOLDED:
        return address
    local = local.partition("+")[0].replace(".", "")
    return f"{local}@{domain}" if local else None


def phone_with_plus(text: str) -> str | None:
    """Write a number in E.164; it must come with its country code."""
    phone = parse_phone(text, "NL") if text.startswith(("+", "00")) else None
    return phone.e164 if phone is not None else None


def phone_without_plus(text: str) -> str | None:
    """Write a number in E.164, without the plus."""
    phone = phone_with_plus(text)
    return phone.removeprefix("+") if phone is not None else None


def name(text: str) -> str | None:
    """Write a name in lower case, without punctuation; letters keep their accents."""
    letters = "".join(sign for sign in text.lower() if not unicodedata.category(sign).startswith(("P", "S")))
    return " ".join(letters.split()) or None


def joined(text: str) -> str | None:
    """Write a city or a postal code as Meta does: in lower case, without spaces and punctuation."""
    return (name(text) or "").replace(" ", "") or None


def country(text: str) -> str | None:
    """Write a country as two small letters; None for what is no code."""
    return text.lower() if re.fullmatch(r"[A-Za-z]{2}", text) else None


META: Mapping[str, tuple[str, Spelling]] = {
    "email": ("EMAIL", plain_email),
    "phone": ("PHONE", phone_without_plus),
    "given_name": ("FN", name),
    "surname": ("LN", name),
    "city": ("CT", joined),
    "postcode": ("ZIP", joined),
    "country": ("COUNTRY", country),
}
"""Fields of a sync, and how Meta calls and spells each."""


def google_identifiers(fields: Mapping[str, str]) -> dict[str, str]:
    """Give what Google knows somebody by: emailAddress, phoneNumber, and an address where all of it is there.

    The address is written given name|family name|country|postal code; the last two are not hashed.
    """
    code = country(fields.get("country", "").strip())
    address = (
        hashed(fields.get("given_name", ""), name),
        hashed(fields.get("surname", ""), name),
        code.upper() if code else None,
        (joined(fields.get("postcode", "")) or "").upper(),
    )
    found = {
        "emailAddress": hashed(fields.get("email", ""), folded_email),
        "phoneNumber": hashed(fields.get("phone", ""), phone_with_plus),
        "address": "|".join(map(str, address)) if all(address) else None,
    }
    return {kind: value for kind, value in found.items() if value}


GOOGLE_ALONE = frozenset({"emailAddress", "phoneNumber", "address"})
META_ALONE = frozenset({"EMAIL", "PHONE"})
"""What tells somebody apart by itself; names and places do not."""


def meta_identifiers(fields: Mapping[str, str]) -> dict[str, str]:
    """Give what Meta knows somebody by, under the names of its schema; nothing where that tells nobody apart."""
    found = {kind: hashed(fields.get(field, ""), spelling) for field, (kind, spelling) in META.items()}
    given = {kind: value for kind, value in found.items() if value}
    return given if given.keys() & META_ALONE else {}
