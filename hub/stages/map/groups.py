"""Groups: the mappings of one connection by the table they fill, and what of the lake each has not seen yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hub.lake import Load
from hub.project.identity import IdentityFile
from hub.project.project import MappedTable
from hub.schema import Schema
from hub.stages.map.raw import RawData
from hub.warehouse import Transaction
from hub.warehouse.constructs import text_constant
from hub.warehouse.state import fingerprint

VERSION = 1
"""Raise it when the same mapping would give other rows than before: everything is then mapped again."""


@dataclass(frozen=True)
class Seen:
    """What is known to be mapped: the load packages per mapping fingerprint, for one target table."""

    loads: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Task:
    """One mapping with the load packages to read now."""

    mapped: MappedTable
    fingerprint: str
    loads: Sequence[Load]


@dataclass(frozen=True)
class Group:
    """All mappings of a connection to one table. `former` are fingerprints that no mapping has any more."""

    target: str
    tasks: Sequence[Task]
    former: frozenset[str]

    @property
    def has_work(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.former) or any(task.loads for task in self.tasks)


def seen(transaction: Transaction) -> dict[str, dict[str, Seen]]:
    """Read which load packages were mapped: connection -> target -> fingerprint -> load ids."""
    stored = transaction.table("mapped_load")
    found: dict[str, dict[str, dict[str, set[str]]]] = {}
    for connection, target, mapping, load_id in transaction.rows(
        sa.select(stored.c.connection, stored.c.target, stored.c.mapping, stored.c.load_id)
    ):
        found.setdefault(connection, {}).setdefault(target, {}).setdefault(mapping, set()).add(load_id)
    return {
        connection: {
            target: Seen({mapping: frozenset(loads) for mapping, loads in mappings.items()})
            for target, mappings in targets.items()
        }
        for connection, targets in found.items()
    }


def groups(
    mappings: Iterable[MappedTable], known: Mapping[str, Seen], data: RawData, connection: str, marks: Mapping[int, str]
) -> list[Group]:
    """Plan the work of one connection, in an order in which a row comes after the row it refers to."""
    loads = data.loads(connection)
    by_target: dict[str, list[MappedTable]] = {}
    for mapped in mappings:
        by_target.setdefault(mapped.target, []).append(mapped)
    planned = []
    for target in _in_order(by_target):
        current = {marks[id(mapped)] for mapped in by_target[target]}
        before = known.get(target, Seen({}))
        former = frozenset(before.loads) - current
        tasks = []
        for mapped in by_target[target]:
            mark = marks[id(mapped)]
            done = before.loads.get(mark, frozenset()) if not former else frozenset()
            todo = [load for load in loads if mapped.mapping.from_ in load.files and load.load_id not in done]
            tasks.append(Task(mapped, mark, todo))
        planned.append(Group(target, tasks, former))
    gone = [Group(target, (), frozenset(known[target].loads)) for target in known if target not in by_target]
    return [group for group in (*gone, *planned) if group.has_work]


def mark(mapped: MappedTable, schema: Schema, identity: IdentityFile, notation: str, timezone: str) -> str:
    """Name the exact form of a mapping: whatever changes its rows changes the name."""
    table = schema.get("source_record" if mapped.target == "person" else mapped.target)
    return fingerprint(
        VERSION,
        mapped.connection,
        mapped.target,
        mapped.mapping.model_dump_json(by_alias=True, exclude={"checks"}),
        [
            check.condition
            for check in (*(own for _, own in mapped.mapping.row_checks), *mapped.shared_checks)
            if check.otherwise == "quarantine"
        ],
        sorted((name, sorted(entries.items(), key=str)) for name, entries in mapped.lookups.items()),
        [(column.name, column.type) for column in table.columns] if table else [],
        notation,
        timezone,
        identity.scoped,
    )


def remember_loads(transaction: Transaction, connection: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Write down what each load package gave."""
    if rows:
        stored = transaction.table("mapped_load")
        transaction.execute(sa.insert(stored).values([{"connection": connection, **row} for row in rows]))


def forget_loads(transaction: Transaction, connection: str, target: str) -> None:
    """Forget which load packages were mapped to a table."""
    stored = transaction.table("mapped_load")
    transaction.execute(
        sa.delete(stored).where(
            stored.c.connection == text_constant(connection), stored.c.target == text_constant(target)
        )
    )


def _in_order(by_target: Mapping[str, Sequence[MappedTable]]) -> list[str]:
    """Order the targets as written, but after those they go through; people first: they tell who is kept out."""
    ordered: list[str] = []

    def visit(target: str, above: frozenset[str]) -> None:
        if target in ordered or target in above or target not in by_target:
            return
        for mapped in by_target[target]:
            person = mapped.mapping.person
            if isinstance(person, Mapping) and "through" in person:
                visit(person["through"], above | {target})
        ordered.append(target)

    for target in sorted(by_target, key=lambda it: it != "person"):
        visit(target, frozenset())
    return ordered
