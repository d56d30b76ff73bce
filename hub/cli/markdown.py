"""Tables of the generated pages, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator


def row(*cells: str) -> str:
    """Write one row; a bar inside a cell is escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def heading(*names: str) -> Iterator[str]:
    """Write the two lines above the rows."""
    yield row(*names)
    yield "|" + "---|" * len(names)
