"""A folder of mails: a Maildir, or files named *.eml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hub.errors import ConfigurationError, TemporaryError
from plugins.destinations.smtp.arrived import Arrived


class MailFolder:
    """Reads each mail once, by its name; a Maildir may move a mail from `new` to `cur` and add flags to its name."""

    def __init__(self, path: Path) -> None:
        """Keep the path; nothing is read yet."""
        self._path = path

    def look(self) -> str:
        """Say what is there. Raises ConfigurationError where no folder is."""
        return f"bounces: {len(self._files())} mails in {self._path.name}"

    def unread(self, read_until: dict[str, Any]) -> Iterator[Arrived]:
        """Give the mails that were not read yet, by name, and keep the names of those that are still there."""
        files = self._files()
        known: dict[str, list[str]] = read_until.setdefault("names", {})
        done = known[str(self._path)] = [name for name in known.get(str(self._path), []) if name in files]
        for name in sorted(files.keys() - set(done)):
            try:
                size = files[name].stat().st_size
                content = _start_of(files[name]) if size <= Arrived.LARGEST else b""
            except FileNotFoundError:
                continue  # it was moved or taken away meanwhile; a next run finds it where it is then
            except OSError as error:
                raise TemporaryError(f"bounces: can't read {name}: {error.strerror}") from None
            done.append(name)
            yield Arrived(name, size, content=content)

    def _files(self) -> dict[str, Path]:
        if not self._path.is_dir():
            raise ConfigurationError(f"bounces: there is no folder {self._path.name}: check `path` under `bounces`")
        inside = [self._path / "new", self._path / "cur"]
        if all(folder.is_dir() for folder in inside):
            found = [file for folder in inside for file in folder.iterdir() if not file.name.startswith(".")]
        else:
            found = list(self._path.glob("*.eml"))
        return {file.name.partition(":")[0]: file for file in found if file.is_file()}


def _start_of(file: Path) -> bytes:
    with file.open("rb") as mail:
        return mail.read(Arrived.READ)
