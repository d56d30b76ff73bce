"""Who sends what now, how destinations are doing, and how much of their rates is used up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the sender of a message, and make the tables."""
    op.add_column("outbox", sa.Column("sender", sa.Text))
    op.create_table(
        "destination",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_by", sa.Text),
    )
    op.create_table(
        "allowance",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("seconds", sa.Integer, primary_key=True),
        sa.Column("part", sa.BigInteger, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
    )
