"""Letters as PDF, by Typst.

A template is Typst markup. It reads its values as `data`, for example `#data.salutation` (or as JSON from
`sys.inputs.data`), and shows pictures of the project by `#asset("logo.svg", width: 3cm)`. Values never become markup,
whatever they hold.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hub.errors import RejectedError, TemporaryError
from hub.outgoing import clean_reason

FRAME = Path(__file__).with_name("frame.typ")
PROGRAM = Path(__file__).with_name("typesetter.py")
_SHORTEST_WORD = 3

SECONDS = 20
SECONDS_MORE = 0.5
"""Of the processor's time, for one letter and for each further one of a PDF: a catalogue of eight pages takes 0.02."""
PATIENCE = 30
"""How many times that may pass on the clock of a machine that has more to do."""
MEMORY = 2 * 1024**3
MOST_PAGES = 200
LARGEST = 32 * 1024**2
"""Bytes that the PDF of a letter may have."""
MOST_BROKEN_OFF = 3
"""So many letters of a batch may take too much before the others wait for the next attempt."""
LONGEST_START = 120
LONGEST_GOODBYE = 10
"""Seconds."""

_LOADING = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
"""What the typesetter gets of our environment: where its program is found, and no secret."""
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""What is only reserved counts as memory too: on a machine with many cores that would be more than letters need."""
_NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
"""Typst would load packages from the network: it is sent to a port at which nobody answers."""


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
        self._places: list[Pages] = []
        self._broken_off = 0

    def __enter__(self) -> Self:
        """Lay out the room of the typesetter: the frame, and the pictures that letters may show, nothing else."""
        room = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        (room / "frame.typ").write_bytes(FRAME.read_bytes())
        if self._assets.is_dir():
            (room / "assets").symlink_to(self._assets.resolve())
        self._typesetter = self._stack.enter_context(closing(Typesetter(room)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def set(self, letters: Sequence[Letter]) -> bytes:
        """Set letters into one PDF, each on a new page. The same letters always give the same bytes.

        It is for paper: tags for screen readers are left out, which are a third of it.

        Raises RejectedError with what Typst says, without the values, and for letters that take too much time, memory
        or paper; TemporaryError where others did so too often to try more of them now.
        """
        if len(letters) == 1 and self._broken_off == MOST_BROKEN_OFF:
            raise TemporaryError(f"{MOST_BROKEN_OFF} letters before it took too much time or memory: later again")
        moment = min(letter.date for letter in letters).timestamp()
        try:
            content = [
                {"address": it.address, "bars": it.bars, "source": it.source, "data": dict(it.data)} for it in letters
            ]
            inputs = {"letters": json.dumps(content, ensure_ascii=False, default=_as_json), "sheet": self._sheet}
        except (TypeError, ValueError):
            raise RejectedError("a value of the letter can't be written as JSON") from None
        try:
            told, pdf = self._typesetter.set(inputs, int(moment), round(SECONDS + SECONDS_MORE * (len(letters) - 1)))
        except BrokenOffError as error:
            self._broken_off += len(letters) == 1
            raise RejectedError(f"the letter's template: {error}") from None
        if "error" in told:
            raise RejectedError(f"the letter's template: {clean_reason(told['error'], *_words(letters))}")
        if not pdf:
            raise RejectedError("the letter has no pages")
        ends = [*(page - 1 for page in told["begins"][1:]), *told["ends"]]
        self._places = [Pages(begin, end - begin + 1) for begin, end in zip(told["begins"], ends, strict=True)]
        if any(pages.number > MOST_PAGES for pages in self._places):
            raise RejectedError(f"the letter's template: it makes more than {MOST_PAGES} pages")
        if len(pdf) > LARGEST * len(letters):
            raise RejectedError(f"the letter's template: it makes more than {LARGEST // 1024**2} MB")
        return pdf

    def places(self) -> list[Pages]:
        """Say where each letter of the last PDF stands in it."""
        return self._places


class BrokenOffError(Exception):
    """The typesetter did not come to the end of a job; the text says why."""


class Typesetter:
    """Typst at work in a process of its own (`typesetter.py`), which is begun anew after each job that broke it."""

    def __init__(self, room: Path) -> None:
        self._room = room
        self._process: subprocess.Popen[bytes] | None = None

    def set(self, inputs: Mapping[str, str], moment: int, seconds: int) -> tuple[dict[str, Any], bytes]:
        """Give what a job says of itself, and the PDF. It may take so many seconds of the processor's time.

        Raises BrokenOffError where it takes more than that, or too much memory; TemporaryError where this machine is
        so busy that it does not get them.
        """
        if self._process is None:
            self._begin()
        job = json.dumps({"inputs": inputs, "moment": moment, "seconds": seconds})
        try:
            self._jobs.send_bytes(job.encode())
            if not self._jobs.poll(seconds * PATIENCE):
                self.close()
                raise TemporaryError("this machine is too busy to set the letter")
            return json.loads(self._jobs.recv_bytes()), self._jobs.recv_bytes()
        except (EOFError, OSError):
            ended = self.close()
        if ended in (-signal.SIGTERM, -signal.SIGINT):
            raise TemporaryError("the typesetter was told to stop")
        if ended == -signal.SIGXCPU:
            raise BrokenOffError(f"it takes more than {seconds} seconds of the processor's time")
        raise BrokenOffError(f"it breaks Typst, or takes more than {MEMORY // 1024**2} MB of memory")

    def close(self) -> int | None:
        """End the process; give how it ended."""
        process, self._process = self._process, None
        if process is None:
            return None
        self._jobs.close()
        with suppress(subprocess.TimeoutExpired):
            return process.wait(LONGEST_GOODBYE)
        process.kill()
        return process.wait(LONGEST_GOODBYE)

    def _begin(self) -> None:
        ours, its = socket.socketpair()
        with its:
            self._jobs = Connection(ours.detach())
            self._process = subprocess.Popen(
                [sys.executable, "-P", PROGRAM, str(its.fileno()), self._room, str(MEMORY)],
                pass_fds=[its.fileno()],
                env={name: os.environ[name] for name in _LOADING if name in os.environ} | _FEW_ARENAS | _NO_NETWORK,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            is_ready = self._jobs.poll(LONGEST_START) and bool(self._jobs.recv_bytes())
        except (EOFError, OSError):
            is_ready = False
        if not is_ready:
            self.close()
            raise TemporaryError("the typesetter does not start: see whether `import typst` works here")


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
