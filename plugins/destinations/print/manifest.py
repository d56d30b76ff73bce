"""The manifest: a CSV file for the printer's machine, which says what is in the drop.

Its values are never changed: leading zeros, plus signs and all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from hub.contracts import PostalRecipient

COLUMNS = (
    "id", "file", "first_page", "name", "street", "house_number", "house_letter", "house_addition", "postcode",
    "city", "country",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One letter in the drop."""

    id: str
    file: str
    first_page: int
    recipient: PostalRecipient = field(repr=False)


def write_manifest(entries: Sequence[Entry]) -> bytes:
    """Write the entries as CSV: UTF-8, commas, a header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        to = entry.recipient
        house = (to.house_number, to.house_letter, to.house_addition)
        writer.writerow(
            (entry.id, entry.file, entry.first_page, to.name, to.street, *house, to.postcode, to.city, to.country)
        )
    return text.getvalue().encode()


def without(manifest: bytes, ids: Collection[str]) -> bytes | None:
    """Give a manifest without some letters; None where it announces none of them."""
    header, *lines = csv.reader(io.StringIO(manifest.decode(), newline=""))
    kept = [line for line in lines if line[0] not in ids]
    if len(kept) == len(lines):
        return None
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([header, *kept])
    return text.getvalue().encode()
