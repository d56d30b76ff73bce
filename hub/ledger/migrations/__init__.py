"""The ledger's migrations (Alembic). `HEAD` is the newest one: a ledger at HEAD is opened without loading Alembic."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

HEAD = "0008"


def up_to_date(connection: sa.Connection) -> bool:
    """Say whether a ledger is at HEAD."""
    version = sa.table("alembic_version", sa.column("version_num"))
    known = sa.inspect(connection).has_table("alembic_version")
    return known and connection.execute(sa.select(version.c.version_num)).scalar() == HEAD


def upgrade(connection: sa.Connection, to: str = HEAD) -> None:
    """Bring a ledger up to a migration, in the connection's transaction."""
    if up_to_date(connection):
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
