"""The words that people agreed to, kept as they were when they were first in force: nobody can mend them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.upsert import insert_new

table = tables.consent_text


class ConsentTexts:
    """The pinned words of a ledger, by the name of their text."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def pin(self, texts: Mapping[str, str], at: datetime) -> dict[str, datetime]:
        """Keep texts by their names; those that are there stay as they are.

        Returns those whose words are others than the pinned ones, with the moment these were pinned at.
        """
        with self._engine.begin() as connection:
            rows = [{"name": name, "words": words, "pinned_at": at} for name, words in texts.items()]
            insert_new(connection, table, rows)
            kept = connection.execute(sa.select(table)).all()
        return {row.name: row.pinned_at for row in kept if texts.get(row.name, row.words) != row.words}

    def words(self, name: str) -> str | None:
        """Return the words of a text as they were pinned; None for one that never was."""
        with self._engine.begin() as connection:
            return connection.execute(sa.select(table.c.words).where(table.c.name == name)).scalar()
