"""Proof that do-not-contact registers were consulted: which, when, in which version, and how many were asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hub.ledger import tables
from hub.ledger.upsert import insert_new

table = tables.consultation


@dataclass(frozen=True)
class Consulted:
    """One consultation for one mailing (`scenario/step`, or `sync/name`).

    `reference` and `dated` name the version of the register that answered; `asked` and `listed` are numbers of
    addresses.
    """

    connection: str
    register: str
    mailing: str
    at: datetime
    reference: str
    dated: datetime
    asked: int
    listed: int


class Consultations:
    """The consultations of a ledger. They are added, and never changed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, consultations: Sequence[Consulted]) -> None:
        """Keep consultations; the same mailing asked in portions at one moment adds up to one."""
        with self._engine.begin() as connection:
            for one in consultations:
                same = [table.c[name] == getattr(one, name) for name in ("connection", "mailing", "at", "reference")]
                more = {"asked": table.c.asked + one.asked, "listed": table.c.listed + one.listed}
                if connection.execute(sa.update(table).where(*same).values(**more)).rowcount == 0:
                    insert_new(connection, table, [vars(one)])

    def of(self, mailing: str | None = None) -> list[Consulted]:
        """Return the consultations for a mailing, or all, the first first."""
        asked = sa.select(table).order_by(table.c.at, table.c.connection, table.c.mailing, table.c.reference)
        if mailing is not None:
            asked = asked.where(table.c.mailing == mailing)
        with self._engine.begin() as connection:
            return [Consulted(**row._mapping) for row in connection.execute(asked)]
