"""A world for cases: people and rows that come in at their time, on stores of its own, and the stages themselves.

The cases of one scenario share a world. Their people have nothing to do with each other: each case has records and
rows of its own, so a day costs the same for one case and for twenty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.errors import suggest
from hub.ledger import Ledger, open_ledger
from hub.project import Project
from hub.project.cases import CasePerson, Given
from hub.schema import Table, Type
from hub.stages.enrich import enrich
from hub.stages.segment import segment
from hub.warehouse import Transaction, Warehouse, open_warehouse
from hub.warehouse.state import fingerprint, remember

LONG_BEFORE = timedelta(days=365)
"""How long before its first day the people of a case gave the consent that they have."""
NOT_GIVEN = frozenset({"connection", "source_key", "source_time", "load_id", "record_id"})
MESSAGE = "message"
"""In a row of message_event: the step of the message that it is about."""


@dataclass(frozen=True)
class Coming:
    """A row that comes in at a moment; None: from the start. `after` names the step of the message it is about."""

    table: str
    at: datetime | None
    values: Mapping[str, Any]
    after: str | None = None


@dataclass
class Case:
    """One example in a world: its people by their key, and its rows in the order in which they come in."""

    name: str
    number: int
    given: Given
    project: Project
    people: dict[str, int] = field(default_factory=dict)
    rows: list[Coming] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def connection(self) -> str:
        """Name the system that its records and rows come from."""
        return f"case{self.number}"

    @property
    def records(self) -> dict[str, str]:
        """Give the records of its people, with their keys."""
        return {f"{self.connection}:{person.key}": person.key for person in self.given.people}

    @property
    def first(self) -> datetime | None:
        """Give the moment of its first dated row."""
        return min((row.at for row in self.rows if row.at is not None), default=None)

    @property
    def last(self) -> datetime | None:
        """Give the moment of its last dated row."""
        return max((row.at for row in self.rows if row.at is not None), default=None)


def case_of(name: str, number: int, given: Given, project: Project) -> Case:
    """Read what a case gives; what is wrong with it stands in its problems."""
    made = Case(name, number, given, project)
    for table, rows in given.tables.items():
        shape = project.schema.get(table)
        if shape is None or not shape.mapped or table in ("source_record", "identifier"):
            known = [it.name for it in project.schema.mapped]
            made.problems.append(f"there is no table '{table}' to give rows of.{suggest(table, known)}")
            continue
        made.rows += [row for place, entry in enumerate(rows) if (row := _row(made, shape, place, entry)) is not None]
    made.rows.sort(key=lambda row: (row.at is not None, row.at))
    for person in given.people:
        _columns(made, "person", person.model_extra or {}, project.schema["person"])
    return made


def _row(case: Case, table: Table, place: int, entry: Mapping[str, Any]) -> Coming | None:
    where = f"{table.name}[{place + 1}]"
    given = {name: value for name, value in entry.items() if name not in ("key", "person", MESSAGE)}
    values = _columns(case, where, given, table)
    person = str(entry.get("person", case.given.people[0].key))
    if person not in (known := [it.key for it in case.given.people]):
        case.problems.append(f"{where}: there is no person '{person}'.{suggest(person, known)}")
        return None
    values |= {"connection": case.connection, "source_key": str(entry.get("key", f"{table.name}{place + 1}"))}
    if table.personal:
        values["record_id"] = f"{case.connection}:{person}"
    if table.name == "consent":
        values = {"purpose": "marketing", "given": True, **values}
    time = values.get(table.time or "")
    at = time if isinstance(time, datetime) else _start(case, time) if isinstance(time, date) else None
    if table.name == "consent" and values["given"] and at is not None:
        values = {**agreed(case.project, str(values.get("channel")), str(values["purpose"]), at), **values}
    return Coming(table.name, at, values, entry.get(MESSAGE) if table.name == "message_event" else None)


def agreed(project: Project, channel: str, purpose: str, at: datetime) -> dict[str, str]:
    """Say to which words somebody agreed, where the project declares any: the first that were shown then."""
    for text in project.terms.texts or ():
        shown = text.since <= at and (text.until is None or at < text.until)
        if shown and channel in text.channels and text.purpose == purpose:
            return {"text": text.name, "basis": "consent"}
    return {}


def _start(case: Case, day: date) -> datetime:
    return case.project.calendar.start(day)


def _columns(case: Case, where: str, given: Mapping[str, Any], table: Table) -> dict[str, Any]:
    known = {column.name: column.type for column in table.all_columns if column.name not in NOT_GIVEN}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            case.problems.append(f"{where}: {table.name} has no column '{name}'.{suggest(name, known)}")
            continue
        try:
            values[name] = None if value is None else _value(value, known[name], case.project)
        except (ValueError, KeyError, InvalidOperation):
            case.problems.append(f"{where}: {name} is {known[name]}, but '{value}' is none")
    return values


def _value(value: Any, type_: Type, project: Project) -> Any:
    match type_:
        case "timestamp":
            return moment(str(value), project)
        case "date":
            return date.fromisoformat(str(value))
        case "number":
            return Decimal(str(value))
        case "integer":
            return int(value)
        case "boolean":
            return {"true": True, "false": False}[str(value).lower()]
        case _:
            return str(value)


def moment(written: str, project: Project) -> datetime:
    """Read a day or a local time. Raises ValueError."""
    found = datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(project.hub.timezone))


@dataclass
class World:
    """Stores with the people of some cases; time goes by in `reach`."""

    project: Project
    warehouse: Warehouse
    ledger: Ledger
    cases: Sequence[Case]

    def settle_in(self, start: datetime) -> None:
        """Bring the people in, with their consents, and the rows that are there from the start."""
        with self.warehouse.begin() as transaction:
            number = 0
            for case in self.cases:
                for person in case.given.people:
                    number += 1
                    case.people[person.key] = number
                    self._person(transaction, case, person, number, start)
            self._news(transaction, start)

    def reach(self, as_of: datetime) -> None:
        """Let in what has happened by a moment, and compute traits and segments."""
        with self.warehouse.begin() as transaction:
            came = False
            for case in self.cases:
                ready = [row for row in case.rows if row.at is None or row.at <= as_of]
                case.rows = [row for row in case.rows if row not in ready]
                for row in ready:
                    self._let_in(transaction, case, row, as_of)
                came = came or bool(ready)
            if came:
                self._news(transaction, as_of)
        enrich(self.warehouse, self.project, as_of)
        segment(self.warehouse, self.project, as_of)

    def _person(self, transaction: Transaction, case: Case, person: CasePerson, number: int, start: datetime) -> None:
        record = f"{case.connection}:{person.key}"
        own = {"connection": case.connection, "source_key": person.key, "record_id": record}
        columns = _columns(case, "person", person.model_extra or {}, self.project.schema["person"])
        transaction.execute(
            sa.insert(transaction.table("source_record")).values(**own, record_no=number, person_id=number)
        )
        whole = {"person_id": number, "record_id": record, "records": 1, "household_head": True, **columns}
        transaction.execute(sa.insert(transaction.table("person")).values(**whole))
        for channel in person.consents:
            at = start - LONG_BEFORE
            given = {**own, "source_key": f"{person.key}/{channel}", "channel": channel, "purpose": "marketing"}
            given |= agreed(self.project, channel, "marketing", at)
            transaction.execute(sa.insert(transaction.table("consent")).values(**given, given=True, at=at))

    def _let_in(self, transaction: Transaction, case: Case, row: Coming, as_of: datetime) -> None:
        values = dict(row.values)
        if row.after is not None:
            message = self._message(transaction, str(values["record_id"]), row.after)
            if message is None:
                case.problems.append(f"message_event: '{row.after}' has sent no message by {row.at:%Y-%m-%d %H:%M}")
                return
            values |= {"message_key": message[0], "connection": message[1]}
            if values.get("type") == "bounced":
                self.ledger.outbox.move({message[0]: ""}, "bounced", as_of)
        table = transaction.table(row.table)
        same = sa.and_(table.c.connection == values["connection"], table.c.source_key == values["source_key"])
        transaction.execute(sa.delete(table).where(same))
        transaction.execute(sa.insert(table).values(**values))

    def _message(self, transaction: Transaction, record: str, step: str) -> tuple[str, str] | None:
        decision = transaction.table("decision")
        mine = (decision.c.record_id == record, decision.c.step == step, decision.c.outcome == "queued")
        found = transaction.rows(
            sa.select(decision.c.decision_id, decision.c.connection)
            .where(*mine)
            .order_by(decision.c["at"].desc(), decision.c.decision_id)
            .limit(1)
        )
        return (found[0][0], found[0][1]) if found else None

    def _news(self, transaction: Transaction, as_of: datetime) -> None:
        for stage in ("map", "resolve"):
            remember(transaction, stage, fingerprint("case", as_of), as_of)


@contextmanager
def world(project: Project, cases: Sequence[Case]) -> Iterator[World]:
    """Open a world on stores of its own."""
    with TemporaryDirectory(prefix="hub-cases-") as folder:
        warehouse = open_warehouse("duckdb", project.schema, Path(folder))
        ledger = open_ledger("sqlite", Path(folder))
        try:
            hub = project.hub.model_copy(update={"engine": "duckdb", "ledger": "sqlite"})
            yield World(replace(project, hub=hub), warehouse, ledger, cases)
        finally:
            ledger.close()
            warehouse.close()
