"""`hub init`: make a small project that passes `hub check`, `hub test` and `hub run` at once."""

from __future__ import annotations

import re
import secrets
from datetime import date, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.answer import Answer
from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console


def init(folder: Path) -> Answer:
    """Copy the scaffold into a new folder, with a signing key of its own and dates around today."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is there already and not empty: choose another name")
    today = date.today()  # noqa: DTZ011 - the example's calendar is the user's own

    def filled(text: str) -> str:
        text = text.replace("@NAME@", re.sub(r'["\\]', "", folder.resolve().name)).replace(
            "@KEY@", secrets.token_hex(32)
        )
        return re.sub(r"@DAY-(\d+)@", lambda match: str(today - timedelta(days=int(match[1]))), text)

    written: list[str] = []
    for path, content in sorted(contents_of(files("hub.project").joinpath("scaffold"))):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(filled(content), encoding="utf-8")
        written.append(path)
    (folder / ".env").chmod(0o600)
    return Answer({"folder": str(folder), "files": written}, lambda console: _show(console, folder, written))


def contents_of(place: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    """Give the files of a scaffold by their paths; a leading `dot_` in a name stands for a dot."""
    found = []
    for entry in place.iterdir():
        name = prefix + entry.name.replace("dot_", ".", 1)
        if entry.is_dir():
            found += contents_of(entry, f"{name}/")
        else:
            found.append((name, entry.read_text(encoding="utf-8")))
    return found


def _show(console: Console, folder: Path, written: list[str]) -> None:
    console.print(f"Made {folder} with {len(written)} files.", markup=False)
    console.print(f"Next: cd {folder}; hub check; hub test; hub run", markup=False)
