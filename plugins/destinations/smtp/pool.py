"""The connections to one server, kept from batch to batch: a sign-in costs more than a mail.

As many are open as batches are sent at once. One that the server has closed meanwhile is replaced before it gets a
mail, so that no mail has to wait for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from plugins.destinations.smtp.config import SmtpConfig
from plugins.destinations.smtp.connection import Connection


class Pool:
    """Lends connections, each to one batch at a time. For use from several threads."""

    def __init__(self, config: SmtpConfig, folder: Path) -> None:
        """Open nothing yet."""
        self._config = config
        self._folder = folder
        self._idle: list[Connection] = []
        self._lock = Lock()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend one for the length of the block; after an exception it is not used again."""
        connection = self._take()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)

    def close(self) -> None:
        """Take leave of the server over every connection that is not lent."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        """Give the one that was used last, for it is the likeliest to live; a new one where none does."""
        while True:
            with self._lock:
                if not self._idle:
                    return Connection(self._config, self._folder)
                connection = self._idle.pop()
            if connection.is_alive:
                return connection
