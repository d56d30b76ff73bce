"""What people decided by hand: these two records are one person, or they never are.

A verdict is about two records, never about a person: persons come and go with merges and splits, records stay. Each
verdict is added and none is changed, so that the history tells who said what, when and why; the last one about a
pair counts. It holds no personal data: a record is named by its system and key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from hub.errors import RejectedError
from hub.ledger import tables

if TYPE_CHECKING:
    import pyarrow as pa

Ruling = Literal["same", "different", "withdrawn"]

table = tables.verdict


@dataclass(frozen=True)
class Verdict:
    """One verdict on a pair of records (`connection:key`, the smaller first)."""

    number: int
    low: str
    high: str
    ruling: Ruling
    by: str
    at: datetime
    why: str


class Verdicts:
    """The verdicts of a ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def give(self, one: str, other: str, same: bool, by: str, at: datetime, why: str) -> None:
        """Say that two records are always one person (`same`), or never.

        It supersedes what was said about the pair before. Raises RejectedError for a record paired with itself, and
        without a reason.
        """
        self._add(one, other, "same" if same else "different", by, at, why)

    def withdraw(self, one: str, other: str, by: str, at: datetime, why: str) -> None:
        """Take back what was said about a pair: the rules decide again. RejectedError where nothing stands."""
        if not any(verdict.ruling != "withdrawn" for verdict in self.history((one, other))[-1:]):
            raise RejectedError(f"nothing stands between {one} and {other}: there is no verdict to withdraw")
        self._add(one, other, "withdrawn", by, at, why)

    def standing(self) -> list[tuple[str, str, bool]]:
        """Return the verdicts that stand: low, high (low < high) and whether they are one, in order of the pair."""
        newest = sa.select(sa.func.max(table.c.number)).group_by(table.c.low, table.c.high)
        standing = sa.select(table.c.low, table.c.high, table.c.ruling).where(
            table.c.number.in_(newest), table.c.ruling != "withdrawn"
        )
        with self._engine.begin() as connection:
            return sorted((row.low, row.high, row.ruling == "same") for row in connection.execute(standing))

    def current(self) -> pa.Table:
        """Return the verdicts that stand as a table: low and high (text) and same (boolean)."""
        import pyarrow as pa

        schema = pa.schema([("low", pa.string()), ("high", pa.string()), ("same", pa.bool_())])
        found = self.standing()
        if not found:  # from lists of nothing too, Arrow loads pandas where it is installed
            return pa.Table.from_batches([], schema)
        return pa.table(list(zip(*found, strict=True)), schema)

    def history(self, pair: tuple[str, str] | None = None, records: Sequence[str] | None = None) -> list[Verdict]:
        """Return every verdict ever given, the first first: of one pair, or on any of some records, or all."""
        asked = sa.select(table).order_by(table.c.number)
        if pair is not None:
            asked = asked.where(table.c.low == min(pair), table.c.high == max(pair))
        if records is not None:
            asked = asked.where(sa.or_(table.c.low.in_(records), table.c.high.in_(records)))
        with self._engine.begin() as connection:
            return [Verdict(**row._mapping) for row in connection.execute(asked)]

    def mark(self) -> str:
        """Name the verdicts given so far; another mark means that there are new ones."""
        with self._engine.begin() as connection:
            # a number can be committed after a higher one: the count tells
            row = connection.execute(sa.select(sa.func.count(), sa.func.max(table.c.number))).one()
        return f"{row[0]}:{row[1] or 0}"

    def _add(self, one: str, other: str, ruling: Ruling, by: str, at: datetime, why: str) -> None:
        if one == other:
            raise RejectedError(f"{one} is one record: a verdict is about two of them")
        if not why.strip():
            raise RejectedError("a verdict needs a reason: say why, for who reads it next year")
        row = {"low": min(one, other), "high": max(one, other), "ruling": ruling, "by": by, "at": at, "why": why}
        with self._engine.begin() as connection:
            connection.execute(sa.insert(table).values(**row))
