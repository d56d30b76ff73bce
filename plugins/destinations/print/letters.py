"""Letters as PDF, by Typst.

A template is Typst markup. It reads its values as `data`, for example `#data.salutation` (or as JSON from
`sys.inputs.data`), and shows pictures of the project by `#asset("logo.svg", width: 3cm)`. Values never become markup,
whatever they hold.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import typst

from hub.errors import RejectedError
from hub.outgoing import clean_reason

FRAME = Path(__file__).with_name("frame.typ")
_SHORTEST_WORD = 3
_KEPT = 11
"""How many documents after another Typst still has its parts in memory."""


@dataclass(frozen=True)
class Letter:
    """One letter before it is set: the address block and the bars under it, the template and its values."""

    id: str
    address: tuple[str, ...] = field(repr=False)
    bars: str = field(repr=False)
    source: str = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    date: datetime


@dataclass(frozen=True)
class Sheet:
    """Where things stand on the paper, in millimetres from its left and upper edge."""

    left: float
    top: float
    body: float
    return_address: str
    language: str


@dataclass(frozen=True)
class Pages:
    """On which page of a PDF a letter begins, counted from 1, and how many it has."""

    first: int
    number: int


class Press:
    """Sets letters. Fonts are those that Typst brings, so that every machine sets the same pages. A context manager."""

    def __init__(self, sheet: Sheet, assets: Path) -> None:
        self._sheet = json.dumps(sheet.__dict__)
        self._assets = assets
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Lay out the room that Typst may read: the frame and the pictures, nothing else."""
        room = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        (room / "frame.typ").write_bytes(FRAME.read_bytes())
        if self._assets.is_dir():
            (room / "assets").symlink_to(self._assets.resolve())
        self._compiler = typst.Compiler(input=room / "frame.typ", root=room, ignore_system_fonts=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()
        self._stack.close()

    def set(self, letters: Sequence[Letter]) -> bytes:
        """Set letters into one PDF, each on a new page. The same letters always give the same bytes.

        It is for paper: tags for screen readers are left out, which are a third of it.

        Raises RejectedError with what Typst says, without the values.
        """
        moment = min(letter.date for letter in letters).astimezone(UTC).replace(microsecond=0)  # Typst knows no less
        try:
            content = [
                {"address": it.address, "bars": it.bars, "source": it.source, "data": dict(it.data)} for it in letters
            ]
            inputs = {"letters": json.dumps(content, ensure_ascii=False, default=_as_json), "sheet": self._sheet}
            pdf = self._compiler.compile(format="pdf", sys_inputs=inputs, timestamp=moment, pdf_tags=False)
        except typst.TypstError as error:
            raise RejectedError(f"the letter's template: {clean_reason(error.message, *_words(letters))}") from None
        except (TypeError, ValueError):
            raise RejectedError("a value of the letter can't be written as JSON") from None
        if not isinstance(pdf, bytes):
            raise RejectedError("the letter has no pages")
        return pdf

    def places(self) -> list[Pages]:
        """Say where each letter of the last PDF stands in it."""
        begins = [place["page"] for place in self._told("<letter>")]
        ends = [*(page - 1 for page in begins[1:]), *self._told("<end>")]
        return [Pages(begin, end - begin + 1) for begin, end in zip(begins, ends, strict=True)]

    def _forget(self) -> None:
        """Set empty sheets until Typst, which remembers its last documents, remembers nothing of ours."""
        for _ in range(_KEPT):
            self._compiler.compile(format="pdf", sys_inputs={"letters": "[]", "sheet": self._sheet})

    def _told(self, label: str) -> list[Any]:
        told: list[Any] = json.loads(self._compiler.query(label, field="value"))
        return told


def _words(letters: Sequence[Letter]) -> set[str]:
    texts = [text for letter in letters for text in (*letter.address, *_texts(letter.data))]
    return {word for text in texts for word in (text, *text.split()) if len(word) >= _SHORTEST_WORD}


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


def _as_json(value: Any) -> Any:
    """Write dates and decimals as text: a template shows them, it does not reckon with them."""
    return dict(value) if isinstance(value, Mapping) else str(value)
