"""Whose message it is: by a digest, since the name of a record may be an address."""

from __future__ import annotations

from hashlib import md5

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Put a digest in the place of each name."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("PRAGMA secure_delete = ON")  # what is dropped is overwritten in the file
        driver = connection.connection.driver_connection
        assert driver is not None, "a migration has a connection"
        driver.create_function("md5", 1, lambda name: md5(name.encode(), usedforsecurity=False).hexdigest())
    op.add_column("outbox", sa.Column("record", sa.Text, nullable=False, server_default=""))
    op.execute("UPDATE outbox SET record = md5(record_id)")
    op.drop_column("outbox", "record_id")
