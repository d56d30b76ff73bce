"""The ledger's migrations (Alembic). `HEAD` is the newest one.

Alembic takes long to load, and only a ledger of an older hub needs it: a new one gets its tables as they are now.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from hub.ledger import tables

HEAD = "0008"

_version = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Where Alembic keeps which migration a database is at, as Alembic makes it."""


def up_to_date(connection: sa.Connection) -> bool:
    """Say whether a ledger is at HEAD."""
    known = sa.inspect(connection).has_table(_version.name)
    return known and connection.execute(sa.select(_version.c.version_num)).scalar() == HEAD


def lay_out(connection: sa.Connection) -> None:
    """Make the tables of a new ledger as HEAD has them, in the connection's transaction; others are upgraded."""
    if sa.inspect(connection).has_table(_version.name):
        upgrade(connection)
        return
    tables.metadata.create_all(connection, checkfirst=False)
    _version.create(connection)
    connection.execute(sa.insert(_version).values(version_num=HEAD))


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
