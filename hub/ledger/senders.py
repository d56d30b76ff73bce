"""Senders: which processes are at work on the outbox, and which of them are gone.

A sender holds a lock for as long as it lives: on SQLite a locked file beside the ledger, on PostgreSQL an advisory
lock of a session of its own. The system lets go of it when the process ends in any way, so nobody waits for a lease to
run out after a kill, and no clock that jumps makes a living sender look dead.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from hub.errors import TemporaryError

FOLDER = "senders"
"""Where the lock files lie, beside the ledger's file."""

NOBODY = ""
"""The sender of messages that no living process looks after."""


class Senders:
    """The senders of a ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def enter(self) -> Iterator[str]:
        """Be a sender for the length of the block; gives its name, which no other sender ever has."""
        name = uuid.uuid4().hex
        if not self._is_server:
            self._sweep()
        with self._session(name) if self._is_server else _locked(self._file(name), wait=True):
            yield name

    def gone(self, names: Iterable[str]) -> set[str]:
        """Return the senders among `names` whose process is gone."""
        is_free: Callable[[str], bool] = self._is_unlocked if self._is_server else self._is_released
        return {name for name in set(names) if name == NOBODY or is_free(name)}

    @property
    def _is_server(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def _session(self, name: str) -> Iterator[None]:
        with self._engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_lock(_number(name))))
            connection.commit()
            try:
                yield
            finally:
                # a session that broke has let go of its lock by itself
                with contextlib.suppress(TemporaryError):
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_number(name))))
                    connection.commit()

    def _is_unlocked(self, name: str) -> bool:
        with self._engine.begin() as connection:
            asked = sa.select(sa.func.pg_try_advisory_xact_lock(_number(name)))
            return bool(connection.execute(asked).scalar())

    def _sweep(self) -> None:
        """Remove the files of senders that were killed."""
        for file in self._file(NOBODY).glob("*"):
            self._is_released(file.name)

    def _file(self, name: str) -> Path:
        assert self._engine.url.database is not None, "the ledger on SQLite is a file"
        return Path(self._engine.url.database).parent / FOLDER / name

    def _is_released(self, name: str) -> bool:
        file = self._file(name)
        if not file.exists():
            return True
        try:
            with _locked(file, wait=False):
                return True
        except BlockingIOError:
            return False


@contextmanager
def _locked(file: Path, wait: bool) -> Iterator[None]:
    """Hold the lock of a file, and remove the file at the end. Without `wait`: BlockingIOError where it is held."""
    import fcntl

    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with file.open("a") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if not _is_still(file, opened.fileno()):
                continue  # somebody who swept removed it between the two lines
            try:
                yield
            finally:
                file.unlink(missing_ok=True)
            return


def _is_still(file: Path, opened: int) -> bool:
    try:
        return file.stat().st_ino == os.fstat(opened).st_ino
    except FileNotFoundError:
        return False


def _number(name: str) -> int:
    """Give the lock's number: 63 bits of the name, which is random."""
    return int(name[:16], 16) >> 1
