"""The inbox: what other systems pushed, until it has landed; and the salt of the day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "inbox",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary),
        sa.Column("batch", sa.Text),
    )
    waits = sa.text("content IS NOT NULL")
    op.create_index("inbox_waiting", "inbox", ["connection", "received_at"], sqlite_where=waits, postgresql_where=waits)
    op.create_index("inbox_age", "inbox", ["received_at"])
    op.create_table(
        "day_salt",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
    )
