"""Where a message goes: an address as it is kept in a decision, and whether it is suppressed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from hub.contracts import Channel, EmailRecipient, PhoneRecipient, PostalRecipient, Recipient
from hub.ledger import Suppressions, hashed

if TYPE_CHECKING:
    import pyarrow as pa

Name = TypeVar("Name", bound=Hashable)

ADDRESS: Mapping[Channel, tuple[str, ...]] = {
    "email": ("email",),
    "sms": ("phone",),
    "letter": ("street", "house_number", "house_letter", "house_addition", "postcode", "city", "country"),
}
"""Per channel, the columns of a person that make the address."""

NEEDED: Mapping[Channel, tuple[str, ...]] = {
    "email": ("email",),
    "sms": ("phone",),
    "letter": ("street", "house_number", "postcode", "city"),
}
"""Those without which there is no address."""

Address = Mapping[str, str | None]


def identifier(channel: Channel, address: Address) -> str:
    """Give the normalised text that a suppression of this address is about.

    Mappings normalise addresses already; one that was mapped as it came is the same address in another spelling.
    """
    if channel == "letter":
        parts = ("country", "postcode", "house_number", "house_letter", "house_addition")
        return "|".join("".join((address.get(part) or "").split()).upper() for part in parts)
    (column,) = ADDRESS[channel]
    return _plain(channel, address[column])


def _plain(channel: Channel, text: str | None) -> str:
    """Give the normalised text of an address that is one column."""
    stripped = (text or "").strip()
    return stripped.lower() if channel == "email" else "".join(sign for sign in stripped if sign not in " ()./-")


class Marks:
    """The keyed hashes that suppressions know addresses by; each address is hashed once."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[Channel, dict[tuple[str | None, ...], str]] = {}

    def of(self, channel: Channel, people: pa.RecordBatch) -> list[str]:
        """Give the hashes of many people's addresses, in their order, from the columns of the channel's address.

        Raises ConfigurationError without a key.
        """
        known, columns = self._known.setdefault(channel, {}), ADDRESS[channel]
        addresses = list(zip(*(people.column(column).to_pylist() for column in columns), strict=True))
        for address in set(addresses) - known.keys():
            if len(columns) == 1:
                text = _plain(channel, *address)
            else:
                text = identifier(channel, dict(zip(columns, address, strict=True)))
            known[address] = hashed(self._key, channel, text)
        return [known[address] for address in addresses]


@dataclass(frozen=True)
class Destined:
    """What is to go to an address: by which channel, for which purpose, to somebody who consented at `given_at`."""

    channel: Channel
    address: Address
    purpose: str
    given_at: datetime | None


def suppressed(suppressions: Suppressions, key: bytes, asked: Mapping[Name, Destined]) -> dict[Name, str]:
    """Give the reasons of those among `asked` that must not go because their address is suppressed."""
    marks = {name: hashed(key, it.channel, identifier(it.channel, it.address)) for name, it in asked.items()}
    known = suppressions.among(marks.values())
    found: dict[Name, str] = {}
    for name, it in asked.items():
        reasons = [entry.reason for entry in known.get(marks[name], ()) if entry.stops(it.purpose, it.given_at)]
        if reasons:
            found[name] = ", ".join(reasons)
    return found


def recipient(channel: Channel, address: Address, name: str) -> Recipient:
    """Make the recipient of a message."""
    match channel:
        case "email":
            return EmailRecipient(address["email"] or "", name)
        case "sms":
            return PhoneRecipient(address["phone"] or "")
        case "letter":
            given = {column: (address.get(column) or "") for column in ADDRESS["letter"]}
            return PostalRecipient(name=name, **{**given, "country": given["country"] or "NL"})


def full_name(person: Mapping[str, object]) -> str:
    """Write a person's name as on an envelope: given name or initials, prefix, surname."""
    words = (person.get("given_name") or person.get("initials"), person.get("prefix"), person.get("surname"))
    return " ".join(str(word).strip() for word in words if word and str(word).strip(" .-"))
