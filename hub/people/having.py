"""Having: what conditions about people may ask of rows: has('order_line', product.category = 'kibble', 30 days).

A condition on its own asks the table directly. The segments of a project ask together: what they want of one table is
counted in one scan of it, however many segments want something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.errors import suggest
from hub.expressions import Name, RowsAsked, RowsFunction, Scope
from hub.people.facts import Facts, facts
from hub.people.window import Window
from hub.schema import Schema
from hub.warehouse import Transaction


@dataclass(frozen=True)
class Asked:
    """Rows of people that a condition asks for: `condition` has the window too, `since` the window alone."""

    facts: Facts
    used: frozenset[str]
    condition: sa.ColumnElement[bool]
    since: sa.ColumnElement[bool] | None
    at_least: int
    written: str


Having = Callable[[Asked], sa.ColumnElement[bool]]
"""Gives the condition that a person has such rows."""


class Rows:
    """The tables whose rows belong to people, as of a moment, and the functions that ask for them."""

    def __init__(
        self, schema: Schema, timezone: str, as_of: datetime, elsewhere: Callable[[str], str] = lambda name: ""
    ) -> None:
        self.schema = schema
        self.elsewhere = elsewhere
        self.timezone = timezone
        self.as_of = as_of
        self._known: dict[str, Facts] = {}

    def functions(self, having: Having) -> dict[str, RowsFunction]:
        """Give has() and has_times() for a scope."""

        def build(rows: RowsAsked) -> Name:
            return Name(having(self._asked(rows)), "boolean")

        once = RowsFunction(
            "has('table'[, condition][, 30 days])", self._scope, build, False, "Whether the person has such a row."
        )
        often = RowsFunction(
            "has_times(count, 'table'[, condition][, 30 days])",
            self._scope,
            build,
            True,
            "Whether the person has at least so many such rows.",
        )
        return {"has": once, "has_times": often}

    def _scope(self, table: str) -> Scope:
        return Scope(self._facts(table).names, timezone=self.timezone, as_of=self.as_of, elsewhere=self.elsewhere)

    def _facts(self, table: str) -> Facts:
        mine = [it.name for it in self.schema if it.personal and it.mapped]
        if table not in mine:
            what = f"rows of '{table}' belong to no person" if table in self.schema else f"there is no table '{table}'"
            raise ValueError(f"{what}.{suggest(table, mine)}")
        return self._known.setdefault(table, facts(self.schema, table))

    def _asked(self, rows: RowsAsked) -> Asked:
        of = self._facts(rows.table)
        today = self.as_of.astimezone(ZoneInfo(self.timezone)).date()
        conditions = [rows.condition.element] if rows.condition is not None else []
        since = None
        if of.time is not None:
            until: Any = self.as_of if of.time.type == "timestamp" else today
            conditions.append(sa.or_(of.time.element.is_(None), of.time.element <= until))
        if rows.length is not None:
            if of.time is None:
                raise ValueError(f"{rows.table} has no time: leave the length of time out")
            since = Window(*rows.length).reaches(of.time.element, of.time.type, today, self.timezone)
            conditions.append(since)
        used = rows.condition.names & of.names.keys() if rows.condition is not None else frozenset()
        condition = sa.and_(sa.true(), *conditions)
        return Asked(of, frozenset(used), condition, since, rows.at_least, rows.written)


def one_by_one(record: sa.FromClause, person_id: sa.ColumnElement[int]) -> Having:
    """Ask for rows where the condition stands: one scan for each."""

    def having(asked: Asked) -> sa.ColumnElement[bool]:
        found = _people(record, asked.facts, asked.used).where(asked.condition)
        if asked.at_least > 1:
            found = found.group_by(found.selected_columns[0]).having(sa.func.count() >= asked.at_least)
        return person_id.in_(found.correlate(None))

    return having


class Together:
    """Collects what conditions ask for, and then counts it, table by table, in one scan of each.

    The conditions that it gives hold only after `count`.
    """

    def __init__(self, person_id: Callable[[], sa.ColumnElement[int]]) -> None:
        self._person_id = person_id
        self._asked: dict[str, dict[str, Asked]] = {}

    def __call__(self, asked: Asked) -> sa.ColumnElement[bool]:
        """Note what is asked for, and give the condition that a person has it."""
        others = self._asked.setdefault(asked.facts.table.name, {})
        others.setdefault(asked.written, asked)
        column = sa.column(f"asked_{list(others).index(asked.written)}", sa.BigInteger())
        counted = sa.table(_name(asked.facts), sa.column("person_id", sa.BigInteger()), column)
        return self._person_id().in_(sa.select(counted.c.person_id).where(column >= asked.at_least))

    @property
    def times(self) -> list[sa.ColumnElement[datetime]]:
        """Give the columns that say when the rows of the tables happened."""
        each = [next(iter(asked.values())).facts.time for asked in self._asked.values()]
        return [time.element for time in each if time is not None and time.type == "timestamp"]

    def count(self, transaction: Transaction) -> None:
        """Hold how many rows each person has of what was asked for."""
        record = transaction.table("source_record")
        for asked in self._asked.values():
            wanted = list(asked.values())
            of = wanted[0].facts
            rows = _people(record, of, frozenset().union(*(one.used for one in wanted)))
            windows = [one.since for one in wanted if one.since is not None]
            if len(windows) == len(wanted):
                rows = rows.where(sa.or_(*windows))
            counts = (
                sa.func.count().filter(one.condition).label(f"asked_{number}") for number, one in enumerate(wanted)
            )
            transaction.hold(_name(of), rows.add_columns(*counts).group_by(rows.selected_columns[0]))


def _people(record: sa.FromClause, of: Facts, used: frozenset[str]) -> sa.Select[Any]:
    """Select the person of each row."""
    whose = record.alias("whose")
    return (
        sa.select(whose.c.person_id)
        .select_from(of.relation(used).join(whose, whose.c.record_id == of.rows.c.record_id))
        .where(whose.c.person_id.is_not(None))
    )


def _name(of: Facts) -> str:
    return f"asked_of_{of.table.name}"
