"""The outbox with its attempts, templates, suppressions, applied reactions and runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("scenario", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("consent_key", sa.Text),
        sa.Column("queued_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_at", moment),
        sa.Column("next_at", moment),
        sa.Column("remote_id", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("updated_at", moment, nullable=False),
    )
    op.create_index("outbox_due", "outbox", ["state", "connection"])
    op.create_table(
        "attempt",
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("remote_id", sa.Text),
        sa.Column("reason", sa.Text),
    )
    op.create_table(
        "template",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "suppression",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
    )
    op.create_table(
        "applied_reaction",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("source_key", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text),
        sa.Column("address", sa.Text),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("at", moment),
    )
    op.create_index("applied_reaction_address", "applied_reaction", ["address", "type"])
    op.create_table(
        "applied_load",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("load_id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("events", sa.Integer, nullable=False),
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("as_of", moment, nullable=False),
        sa.Column("reports", sa.Text, nullable=False),
    )
