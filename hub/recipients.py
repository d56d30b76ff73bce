"""Where a message goes: an address as it is kept in a decision, and whether it is suppressed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
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
    return _spelled(channel, address[column])


def _spelled(channel: Channel, value: str | None) -> str:
    text = (value or "").strip()
    return text.lower() if channel == "email" else "".join(sign for sign in text if sign not in " ()./-")


def identifiers(channel: Channel, people: pa.RecordBatch) -> Iterable[str]:
    """Give the same for many people at once: a batch with the columns of the channel's address."""
    columns = ADDRESS[channel]
    if len(columns) == 1:
        return (_spelled(channel, value) for value in people.column(columns[0]).to_pylist())
    return (identifier(channel, row) for row in people.select(list(columns)).to_pylist())


class Marks:
    """The keyed hashes that suppressions know addresses by, each computed once."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[tuple[Channel, str], str] = {}

    def of(self, channel: Channel, identifier: str) -> str:
        """Give the hash of a normalised address. Raises ConfigurationError without a key."""
        mark = self._known.get((channel, identifier))
        if mark is None:
            mark = self._known[channel, identifier] = hashed(self._key, channel, identifier)
        return mark


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
