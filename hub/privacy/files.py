"""Files: what lies about beside the stores, such as dlt's working folders and what waits in the inbox."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.ledger import sealed_again
from hub.privacy.stores import Stores
from hub.privacy.subject import Subject
from hub.stages.land.load import complete_pending

STORES = frozenset({".duckdb", ".sqlite", ".sqlite-wal", ".sqlite-shm", ".wal"})
"""Files that are erased by their own means, and not looked into here."""


PIECE = 1_000_000
"""So much of a file is held in memory at once."""


def complete_loads(stores: Stores) -> None:
    """Land what a killed run left in dlt's working folders, so that it is where all raw rows are."""
    work = stores.project.state / "dlt"
    for folder in sorted(work.iterdir()) if work.is_dir() else ():
        if folder.is_dir():
            complete_pending(stores.lake, folder.name, work)


def erase_pushes(stores: Stores, subject: Subject) -> int:
    """Take what is about a subject out of the pushes that wait to be landed; give the number of rows."""
    inbox = stores.ledger.inbox
    gone = 0
    for push in inbox.all_waiting():
        rows = push.rows(stores.keys)
        kept = {
            table: [row for row in listed if not subject.named_in(json.dumps(row, ensure_ascii=False).lower())]
            for table, listed in rows.items()
        }
        left_out = sum(len(listed) - len(kept[table]) for table, listed in rows.items())
        if left_out:
            gone += left_out
            inbox.replace(sealed_again(stores.key, push, kept))
    return gone


def pushes_naming(stores: Stores, subject: Subject) -> list[dict[str, Any]]:
    """Give the rows about a subject in pushes that wait to be landed."""
    return [
        {"connection": push.connection, "table": table, **row}
        for push in stores.ledger.inbox.all_waiting()
        for table, listed in push.rows(stores.keys).items()
        for row in listed
        if subject.named_in(json.dumps(row, ensure_ascii=False).lower())
    ]


def naming(stores: Stores, subject: Subject) -> list[Path]:
    """Find the files of the project that still name a subject: exports, drops, whatever nobody thought of.

    Lake and databases are not looked into: they are erased by their own means. What is compressed can't be read.
    """
    return [file for file in _files(stores) if _names(file, subject)]


def _files(stores: Stores) -> Iterator[Path]:
    lake = stores.lake.local
    for folder, below, names in os.walk(stores.project.folder):
        here = Path(folder)
        below[:] = sorted(name for name in below if name != ".git" and here / name != lake)
        for name in sorted(names):
            file = here / name
            if file.suffix not in STORES and file.is_file():
                yield file


def _names(file: Path, subject: Subject) -> bool:
    """Look through a file in pieces that overlap: an export may be larger than the memory."""
    overlap = 4 * max(map(len, subject.texts), default=0) + 8
    rest = b""
    with file.open("rb") as content:
        while piece := content.read(PIECE):
            text = (rest + piece).decode("utf-8", errors="replace").lower()
            if subject.named_in(text):
                return True
            rest = piece[-overlap:]
    return False
