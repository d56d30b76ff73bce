"""Statements received about consent, the words that people agreed to, and consultations of do-not-contact registers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "statement",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text),
        sa.Column("record", sa.Text),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("given", sa.Boolean, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("landed_at", Moment),
    )
    op.create_index("statement_landed", "statement", ["landed_at"])
    op.create_index("statement_message", "statement", ["message_id"])
    op.create_table(
        "consent_text",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("pinned_at", Moment, nullable=False),
    )
    op.create_table(
        "consultation",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("mailing", sa.Text, primary_key=True),
        sa.Column("at", Moment, primary_key=True),
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("register", sa.Text, nullable=False),
        sa.Column("dated", Moment, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("listed", sa.Integer, nullable=False),
    )
