"""The ledger's tables, as SQLAlchemy sees them; the migrations make them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


class Moment(sa.types.TypeDecorator[datetime]):
    """A moment with its time zone, on databases that know none too: they keep UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC back, with its zone."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


metadata = sa.MetaData()

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("scenario", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("consent_key", sa.Text),
    sa.Column("queued_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("first_at", Moment),
    sa.Column("next_at", Moment),
    sa.Column("remote_id", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("sender", sa.Text),
    sa.Column("record", sa.Text, nullable=False, server_default=""),
    sa.Index("outbox_due", "state", "connection"),
)

destination = sa.Table(
    "destination",
    metadata,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("until", Moment, nullable=False),
    sa.Column("tried_by", sa.Text),
)

allowance = sa.Table(
    "allowance",
    metadata,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("seconds", sa.Integer, primary_key=True),
    sa.Column("part", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("remote_id", sa.Text),
    sa.Column("reason", sa.Text),
)

template = sa.Table(
    "template",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

suppression = sa.Table(
    "suppression",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

applied_reaction = sa.Table(
    "applied_reaction",
    metadata,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("source_key", sa.Text, primary_key=True),
    sa.Column("message_id", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("at", Moment),
    sa.Index("applied_reaction_address", "address", "type"),
)

applied_load = sa.Table(
    "applied_load",
    metadata,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("load_id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("events", sa.Integer, nullable=False),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("as_of", Moment, nullable=False),
    sa.Column("reports", sa.Text, nullable=False),
)

verdict = sa.Table(
    "verdict",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("low", sa.Text, nullable=False),
    sa.Column("high", sa.Text, nullable=False),
    sa.Column("ruling", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Index("verdict_pair", "low", "high"),
)

hand_work = sa.Table(
    "hand_work",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("load_id", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

day_salt = sa.Table(
    "day_salt",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("salt", sa.LargeBinary, nullable=False),
)

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("content", sa.LargeBinary),
    sa.Column("batch", sa.Text),
    sa.Index("inbox_age", "received_at"),
)
_waits = inbox.c.content.is_not(None)
sa.Index("inbox_waiting", inbox.c.connection, inbox.c.received_at, sqlite_where=_waits, postgresql_where=_waits)

statement = sa.Table(
    "statement",
    metadata,
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
    sa.Index("statement_landed", "landed_at"),
    sa.Index("statement_message", "message_id"),
)

consent_text = sa.Table(
    "consent_text",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("pinned_at", Moment, nullable=False),
)

consultation = sa.Table(
    "consultation",
    metadata,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("mailing", sa.Text, primary_key=True),
    sa.Column("at", Moment, primary_key=True),
    sa.Column("reference", sa.Text, primary_key=True),
    sa.Column("register", sa.Text, nullable=False),
    sa.Column("dated", Moment, nullable=False),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("listed", sa.Integer, nullable=False),
)

erasure = sa.Table(
    "erasure",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("asked_at", Moment, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("subject", sa.LargeBinary),
    sa.Column("done_at", Moment),
    sa.Column("receipt", sa.Text),
)

erasure_task = sa.Table(
    "erasure_task",
    metadata,
    sa.Column("erasure_id", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("what", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("rows", sa.LargeBinary),
)

erased_mark = sa.Table(
    "erased_mark",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("erasure_id", sa.Text, nullable=False),
)
