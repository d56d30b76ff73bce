"""The log of erasures: a file of its own, one line per request, with marks and no personal data.

It stands outside of what a backup brings back, and so a restored backup can tell what it does not know yet. A line is
added before anything is erased, and forced to the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from hub.errors import ConfigurationError
from hub.ledger import Mark
from hub.project import Project

SEEN = "erasures"
"""Under which name each store notes which requests it has seen: a backup brings the note back with the store."""


@dataclass(frozen=True)
class Entry:
    """One line: which request, when it was asked, and by which marks these people are recognised."""

    id: str
    asked_at: datetime
    marks: tuple[Mark, ...]


def log_file(project: Project) -> Path:
    """Say where the log stands."""
    return project.folder / project.hub.erasure.log


def read_log(project: Project) -> list[Entry]:
    """Read the log. Raises ConfigurationError for a line that can't be read: nothing may go on without it."""
    file = log_file(project)
    if not file.exists():
        return []
    found = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            marks = tuple(Mark(hash_, kind, entry["key"]) for kind, hash_ in entry["marks"])
            found.append(Entry(entry["id"], datetime.fromisoformat(entry["asked_at"]), marks))
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                f"{file}:{number}: this line of the log of erasures can't be read: bring the file back from a copy"
            ) from None
    return found


def lift_in_log(project: Project, hashes: Collection[str]) -> None:
    """Take marks out of the log: of somebody who came back."""
    entries = [
        Entry(entry.id, entry.asked_at, tuple(mark for mark in entry.marks if mark.hash not in hashes))
        for entry in read_log(project)
    ]
    file = log_file(project)
    fresh = file.with_suffix(".next")
    _write(fresh, "w", "".join(map(_line, entries)))
    fresh.replace(file)


def add_to_log(project: Project, entry: Entry) -> None:
    """Add a request, unless it is there. Raises ConfigurationError where the file can't be written."""
    if any(known.id == entry.id for known in read_log(project)):
        return
    file = log_file(project)
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, "a", _line(entry))


def _line(entry: Entry) -> str:
    marks = [[mark.kind, mark.hash] for mark in entry.marks]
    key = entry.marks[0].key if entry.marks else ""
    told = {"id": entry.id, "asked_at": entry.asked_at.isoformat(), "key": key, "marks": marks}
    return json.dumps(told) + "\n"


def _write(file: Path, mode: str, text: str) -> None:
    try:
        with file.open(mode, encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise ConfigurationError(f"the log of erasures {file} can't be written: {error.strerror}") from None


def named(ids: Iterable[str]) -> str:
    """Name a set of requests."""
    return sha256("\n".join(sorted(ids)).encode()).hexdigest()[:24]
