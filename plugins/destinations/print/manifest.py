"""The manifest: what is in the drop, for the printer's machine, as CSV or as XML (`manifest.xsd`).

Both hold the same of each letter, under the same names. Values are never changed: leading zeros, plus signs and all.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal
from xml.etree import ElementTree

from hub.contracts import PostalRecipient

COLUMNS = (
    "id", "file", "first_page", "name", "street", "house_number", "house_letter", "house_addition", "postcode",
    "city", "country", "pages", "kix",
)  # fmt: skip
VERSION = "1"
"""Of the XML: another one is another schema."""

Form = Literal["csv", "xml"]
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Entry:
    """One letter in the drop."""

    id: str
    file: str
    first_page: int
    pages: int
    kix: str = field(repr=False)
    recipient: PostalRecipient = field(repr=False)

    @property
    def values(self) -> tuple[str, ...]:
        """What the manifest says of it, in the order of its columns."""
        to = self.recipient
        house = (to.house_number, to.house_letter, to.house_addition)
        where = (to.name, to.street, *house, to.postcode, to.city, to.country)
        return (self.id, self.file, str(self.first_page), *where, str(self.pages), self.kix)


def write_manifest(entries: Sequence[Entry], form: Form) -> bytes:
    """Write the entries. CSV: UTF-8, commas, a header. XML: UTF-8, an element per column."""
    if form == "csv":
        return _csv([COLUMNS, *(entry.values for entry in entries)])
    root = ElementTree.Element("manifest", version=VERSION)
    for entry in entries:
        letter = ElementTree.SubElement(root, "letter")
        for name, value in zip(COLUMNS, entry.values, strict=True):
            ElementTree.SubElement(letter, name).text = _NOT_IN_XML.sub("\ufffd", value)
    return _xml(root)


def without(manifest: bytes, ids: Collection[str], form: Form) -> bytes | None:
    """Give a manifest without some letters; None where it announces none of them."""
    if form == "csv":
        header, *lines = csv.reader(io.StringIO(manifest.decode(), newline=""))
        kept = [line for line in lines if line[0] not in ids]
        return _csv([header, *kept]) if len(kept) < len(lines) else None
    if b"<!DOCTYPE" in manifest:
        return None  # ours have none: what a stranger left in the drop is not opened
    root = ElementTree.fromstring(manifest)  # noqa: S314 - no document type, so no entities that unfold
    gone = [letter for letter in root.findall("letter") if letter.findtext("id") in ids]
    for letter in gone:
        root.remove(letter)
    return _xml(root) if gone else None


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()


def _xml(root: ElementTree.Element) -> bytes:
    """Write the letters, and at the root how many there are: whoever reads fewer has not read all."""
    root.set("letters", str(len(root)))
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"
