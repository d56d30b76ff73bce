"""The manifest: a CSV file for the printer's machine, which says what is in the drop.

Its values are never changed: leading zeros, plus signs and all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
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
