"""Replay: have rows in quarantine tried again now.

Rows return by themselves when the mapping changes or the system sends a mended row. What the hub can't see changing
is left: a library that now reads more, a check that depends on the day, a row whose reason a person doubts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from hub.errors import RejectedError
from hub.lake import Lake
from hub.ledger import Ledger
from hub.project import Project
from hub.stages.map.connection import plugin_functions
from hub.stages.map.groups import seen
from hub.stages.map.quarantine import WHOLE_COLUMN
from hub.stages.map.raw import LakeData
from hub.stages.map.rejected import LANDING
from hub.stages.map.stopped import stopped
from hub.stages.map.together import Round
from hub.warehouse import Transaction, Warehouse
from hub.warehouse.constructs import text_constant


@dataclass(frozen=True)
class Choice:
    """Which rows of quarantine are meant; what is None does not matter. `reason` is a part of it."""

    connection: str | None = None
    target: str | None = None
    reason: str | None = None
    key: str | None = None

    def conditions(self, table: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        """Give the conditions on the table of quarantine."""
        exact = {"connection": self.connection, "target": self.target, "source_key": self.key}
        found: list[sa.ColumnElement[bool]] = [
            table.c[name] == text_constant(value) for name, value in exact.items() if value is not None
        ]
        if self.reason is not None:
            place = sa.func.strpos(table.c.reason, text_constant(self.reason), type_=sa.Integer())
            found.append(place > sa.literal_column("0"))
        return found


@dataclass
class Replayed:
    """How many of the chosen reasons there were per connection, and how many are left."""

    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)


def replay(
    warehouse: Warehouse,
    project: Project,
    lake: Lake,
    choice: Choice,
    as_of: datetime,
    accepted: Mapping[str, str] = MappingProxyType({}),
    ledger: Ledger | None = None,
) -> Replayed:
    """Map the load packages of the chosen rows once more, one transaction per connection: killed, it did nothing.

    A mapping reads the oldest of those packages and every later one, so that the newest version still wins, and asks
    libraries again about values that they refused. What has landed since is mapped too, as a run would: with a
    `ledger`, rows about people who were erased are kept out. Raises RejectedError where nothing is chosen, or nothing
    that a mapping set aside; StoppedError where a check stops the connection.
    """
    done = Replayed()
    plugins = plugin_functions(project)
    with warehouse.begin() as transaction:
        connections = list(_chosen(transaction, choice))
    if not connections:
        raise RejectedError(
            "no row in quarantine is meant by that: `hub quarantine list` shows what there is. What could not even be "
            "read from a file (landing) is mended in the file"
        )
    for connection in connections:
        with warehouse.begin() as transaction:
            oldest = _chosen(transaction, choice).get(connection, {})
            done.before[connection] = _count(transaction, connection, choice)
            for mapping, load_id in oldest.items():
                _forget(transaction, connection, mapping, load_id)
            _forget_refusals(transaction)
            known, before = seen(transaction), stopped(transaction)
            work = Round(warehouse, project, lake, as_of, accepted, ledger, known, before, plugins)
            mapped = work.one(transaction, connection, LakeData(lake), work.erased())
            done.after[connection] = _count(transaction, connection, choice)
            work.let_go(transaction, connection, mapped)
            transaction.let_go_all()
    return done


def _chosen(transaction: Transaction, choice: Choice) -> dict[str, dict[str, str]]:
    """Give the oldest load package with chosen rows, by connection and mapping."""
    stored = transaction.table("quarantine")
    conditions = [*choice.conditions(stored), *_of_rows(stored)]
    found: dict[str, dict[str, str]] = {}
    query = sa.select(stored.c.connection, stored.c.mapping, stored.c.load_id).where(*conditions).distinct()
    for connection, mapping, load_id in sorted(transaction.rows(query), key=lambda row: float(row[2])):
        found.setdefault(connection, {}).setdefault(mapping, load_id)
    return found


def _count(transaction: Transaction, connection: str, choice: Choice) -> int:
    stored = transaction.table("quarantine")
    here = stored.c.connection == text_constant(connection)
    return transaction.count(stored, here, *_of_rows(stored), *choice.conditions(stored))


def _of_rows(stored: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    """Leave out what no mapping has read, and what is said of a column as such."""
    return stored.c.mapping != text_constant(LANDING), stored.c.source_key != text_constant(WHOLE_COLUMN)


def _forget(transaction: Transaction, connection: str, mapping: str, load_id: str) -> None:
    """Forget that a mapping has read a load package and those after it, and what it set aside of them."""
    for name in ("mapped_load", "quarantine"):
        stored = transaction.table(name)
        rows = _of_rows(stored) if name == "quarantine" else ()
        later = sa.cast(stored.c.load_id, sa.Double()) >= sa.cast(text_constant(load_id), sa.Double())
        here = (stored.c.connection == text_constant(connection), stored.c.mapping == text_constant(mapping))
        transaction.execute(sa.delete(stored).where(*here, *rows, later))


def _forget_refusals(transaction: Transaction) -> None:
    stored = transaction.table("lookup_value")
    transaction.execute(sa.delete(stored).where(stored.c.output.is_(None)))
