"""Letters to set, and what lies in the drop of a printer."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from hub.contracts import Message, Place, PostalRecipient
from hub.testing.destinations import sample_message
from plugins.destinations.print import Print
from plugins.destinations.print.config import PrintConfig

ANNA = PostalRecipient("Mevrouw A. van der Valk", "Keizerstraat", "103", "", "c", "2583XL", "Scheveningen")
LUC = PostalRecipient("De heer L. Peeters", "Nieuwstraat", "12", "", "3", "1000", "Brussel", "BE")
TEMPLATE = "Beste #data.salutation,\n\nWelkom bij *Mia(ou)m*."


def make(project: Path, **settings: Any) -> Print:
    return Print(PrintConfig.model_validate({"folder": "drop", **settings}), Place("post", project))


def letter(number: int = 1, to: PostalRecipient = ANNA, source: str = TEMPLATE, **data: Any) -> Message:
    values = {"salutation": "mevrouw Van der Valk", **data}
    return replace(sample_message("letter", number), recipient=to, content={"typst": source}, data=values)


def text_of(path: Path) -> list[str]:
    return [page.extract_text() for page in PdfReader(path).pages]


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
