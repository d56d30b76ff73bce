"""Raw rows: what the lake holds of some people, in every load package and every table, mapped or not.

A mapped row is found as the mapping reads it: by whose record it belongs to, or by the row of the warehouse that it
became; all its earlier versions are. A row of which nobody knows whose it is (its table is not mapped, it was set
aside, it failed) is found by the values that point at these people and at nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.lake import LOAD_ID, ROW, Lake, Load, raw_name
from hub.privacy.holdings import Holding
from hub.privacy.stores import Stores
from hub.privacy.subject import Known, Subject
from hub.project.project import MappedTable
from hub.stages.map.connection import ConnectionMapping, plugin_functions
from hub.stages.map.raw import LakeData
from hub.stages.map.rows import whose
from hub.stages.map.translate import Translation
from hub.warehouse import Transaction
from hub.warehouse.constructs import extract_first, text_constant

BETWEEN = "\x1f"
"""What stands between the values of a row: no value goes on in the next one."""
SO_MANY = 50
"""Engines take about a hundred arguments in one call."""

Place = tuple[str, str, str]
"""Connection, raw table, load package."""


@dataclass
class RawRows:
    """Rows of the lake, by their place in it. `keys` are the keys under which quarantine would know them."""

    rows: dict[Place, set[int]] = field(default_factory=dict)
    keys: dict[Place, set[str]] = field(default_factory=dict)

    def add(self, place: Place, row: int, key: str | None = None) -> None:
        """Note a row."""
        self.rows.setdefault(place, set()).add(row)
        self.keys.setdefault(place, set()).add(key if key is not None else f"#{row}")

    @property
    def number(self) -> int:
        """Count the rows."""
        return sum(len(found) for found in self.rows.values())

    def as_data(self) -> list[Any]:
        """Give them as what JSON can hold."""
        return [[*place, sorted(rows), sorted(self.keys[place])] for place, rows in sorted(self.rows.items())]


def from_data(data: Sequence[Any]) -> RawRows:
    """Read what `as_data` gave."""
    found = RawRows()
    for connection, table, load_id, rows, keys in data:
        found.rows[connection, table, load_id] = set(rows)
        found.keys[connection, table, load_id] = set(keys)
    return found


@dataclass(frozen=True)
class Search:
    """A search through the lake, in one transaction. `loads` narrows it to some load packages per connection."""

    transaction: Transaction
    stores: Stores
    as_of: datetime
    loads: Mapping[str, frozenset[str]] | None = None

    def find(self, subject: Subject, held: Sequence[Holding]) -> tuple[RawRows, Subject]:
        """Find the rows of a subject; give it back with the values that earlier versions of its rows knew it by."""
        found = RawRows()
        further: set[Known] = set()
        stored = {it.name: it for it in held}
        keys: dict[tuple[str, str], set[str]] = {}
        for mapped, translation, rows in self._judged(self._referred_first):
            own = [*self._own_rows(mapped, rows, stored), *self._by_reference(mapped, rows, keys)]
            if own:
                further |= set(self._take(found, mapped, translation, rows, sa.or_(*own), keys))
        subject = subject.with_known(self.transaction, further)
        if subject.texts:
            self._by_texts(found, subject)
        return found, subject

    def whose_records(self) -> Iterator[tuple[MappedTable, sa.Select[Any]]]:
        """Give the names of all records that raw rows belong to, by mapping."""
        for mapped, _, rows in self._judged():
            if "_record" in rows.c:
                yield mapped, sa.select(rows.c["_record"]).where(rows.c["_record"].is_not(None)).distinct()

    @cached_property
    def _referred_first(self) -> list[MappedTable]:
        """Give the mappings, those whose rows refer to rows of people last."""
        project = self.stores.project
        return sorted(project.mappings, key=lambda mapped: bool(self._references(mapped)))

    def _references(self, mapped: MappedTable) -> dict[str, str]:
        """Give the columns that refer to tables of people: column -> table."""
        schema = self.stores.project.schema
        table = schema.get("source_record" if mapped.target == "person" else mapped.target)
        found: dict[str, str] = {}
        for column in table.columns if table is not None else ():
            target = schema.get(column.references or "")
            if target is not None and target.personal and target.mapped:
                found[column.name] = target.name
        return found

    def _own_rows(
        self, mapped: MappedTable, rows: sa.Subquery, stored: Mapping[str, Holding]
    ) -> Iterator[sa.ColumnElement[bool]]:
        """Say which rows are the subject's: of its records, or those that became its rows."""
        if "_record" in rows.c:
            yield rows.c["_record"].in_(_erased_records())
        held = stored.get("source_record" if mapped.target == "person" else mapped.target)
        if held is not None and "source_key" in held.table.c:
            became = sa.select(held.table.c.source_key).where(
                held.condition, held.table.c.connection == text_constant(mapped.connection)
            )
            # an older version of a row may be somebody else's by now
            yield sa.and_(rows.c["_key"].in_(became), self._nobodys(rows))

    def _by_reference(
        self, mapped: MappedTable, rows: sa.Subquery, keys: Mapping[tuple[str, str], set[str]]
    ) -> Iterator[sa.ColumnElement[bool]]:
        """Say which rows refer to rows that were found to be the subject's."""
        for column, target in self._references(mapped).items():
            known = keys.get((mapped.connection, target))
            if known and f"c_{column}" in rows.c:
                theirs = rows.c[f"c_{column}"].in_([text_constant(key) for key in sorted(known)])
                yield sa.and_(theirs, self._nobodys(rows))

    def _nobodys(self, rows: sa.Subquery) -> sa.ColumnElement[bool]:
        if "_record" not in rows.c:
            return sa.true()
        record = self.transaction.table("source_record")
        return sa.or_(rows.c["_record"].is_(None), rows.c["_record"].not_in(sa.select(record.c.record_id)))

    def _take(
        self,
        found: RawRows,
        mapped: MappedTable,
        translation: Translation,
        rows: sa.Subquery,
        own: sa.ColumnElement[bool],
        keys: dict[tuple[str, str], set[str]],
    ) -> Iterator[Known]:
        """Note the subject's rows with their keys, and give the identifiers that they hold."""
        told = [
            (rule.type, f"{prefix}i_{place}", f"{prefix}o_{place}")
            for prefix, rules in (("", translation.identifiers), ("g", translation.guests))
            for place, rule in enumerate(rules)
        ]
        columns = [rows.c["_load"], rows.c["_row"], rows.c["_key"]]
        columns += [rows.c["_record"]] if "_record" in rows.c else []
        columns += [rows.c[name] for _, *names in told for name in names]
        for row in self.transaction.rows(sa.select(*columns).where(own)):
            given = row._mapping
            found.add((mapped.connection, mapped.mapping.from_, given["_load"]), int(given["_row"]), given["_key"])
            if given["_key"] is not None:
                keys.setdefault((mapped.connection, mapped.target), set()).add(given["_key"])
            for type_, value, original in told:
                if given[value] is not None:
                    yield Known(given.get("_record") or "", type_, given[value], given[original])

    def _by_texts(self, found: RawRows, subject: Subject) -> None:
        """Note the rows that name the subject and are known to be nobody else's."""
        owners = self._owners
        for connection, table, raw, columns in self._raw_tables():
            text = sa.func.lower(_joined([raw.c[name] for name in columns]), type_=sa.Text())
            said = sa.select(raw.c[LOAD_ID].label("load"), raw.c[ROW].label("row"), text.label("text")).subquery("said")
            holds = _holds_one_of(said.c.text, subject.texts)
            candidates = [
                (row.load, int(row.row))
                for row in self.transaction.rows(sa.select(said).where(holds))
                if subject.named_in(row.text) and int(row.row) not in found.rows.get((connection, table, row.load), ())
            ]
            if not candidates:
                continue
            others = self._of_others(owners.get((connection, table), ()), candidates)
            for load_id, number in candidates:
                if (load_id, number) not in others:
                    found.add((connection, table, load_id), number)

    @cached_property
    def _owners(self) -> dict[tuple[str, str], list[MappedTable]]:
        by_table: dict[tuple[str, str], list[MappedTable]] = {}
        for mapped in self.stores.project.mappings:
            by_table.setdefault((mapped.connection, mapped.mapping.from_), []).append(mapped)
        return by_table

    def _of_others(
        self, mappings: Sequence[MappedTable], candidates: Sequence[tuple[str, int]]
    ) -> set[tuple[str, int]]:
        """Say which of some rows belong to people who are not meant."""
        record = self.transaction.table("source_record")
        others: set[tuple[str, int]] = set()
        for _, _, rows in self._judged(mappings):
            if "_record" in rows.c:
                living = sa.select(record.c.record_id).where(record.c.record_id.not_in(_erased_records()))
                among = rows.c["_row"].in_({number for _, number in candidates})
                asked = sa.select(rows.c["_load"], rows.c["_row"]).where(among, rows.c["_record"].in_(living))
                others |= {(row[0], int(row[1])) for row in self.transaction.rows(asked)}
        return others

    def _judged(
        self, among: Sequence[MappedTable] | None = None
    ) -> Iterator[tuple[MappedTable, Translation, sa.Subquery]]:
        """Give the raw rows of each mapping, with whose they are."""
        project = self.stores.project
        plugins = plugin_functions(project)
        for mapped in project.mappings if among is None else among:
            loads = self._loads(mapped.connection, mapped.mapping.from_)
            if not loads:
                continue
            work = ConnectionMapping(self.transaction, project, self._data, mapped.connection, self.as_of, plugins)
            raw, translation, problems = work.translation(mapped, loads)
            if problems:
                raise ConfigurationError(problems)
            yield mapped, translation, whose(self.transaction, translation, raw, mapped.connection)

    def _raw_tables(self) -> Iterator[tuple[str, str, sa.FromClause, list[str]]]:
        """Give every table of the lake, with its columns that hold what the system said."""
        lake = self.stores.lake
        for connection in connections(self.stores):
            for table in sorted({table for load in self._data.loads(connection) for table in load.files}):
                loads = self._loads(connection, table)
                if not loads:
                    continue
                names = [name for name in lake.columns(connection, table, loads) if name not in (LOAD_ID, ROW)]
                if not names:
                    continue
                raw = self._data.relation(self.transaction, table, loads)
                yield connection, table, raw, names

    @cached_property
    def _data(self) -> LakeData:
        return LakeData(self.stores.lake, strict=False)

    def _loads(self, connection: str, table: str) -> list[Load]:
        wanted = None if self.loads is None else self.loads.get(connection, frozenset())
        return [
            load
            for load in self._data.loads(connection)
            if table in load.files and (wanted is None or load.load_id in wanted)
        ]


def _holds_one_of(text: sa.ColumnElement[str], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Say whether a text holds one of some values: the engine goes through it once, however many they are."""
    pattern = f"({'|'.join(map(re.escape, values))})"
    return extract_first(text, text_constant(pattern)).is_not(None)


def _joined(columns: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[str]:
    """Write a row as one text: it is looked through once for each value, however many columns it has."""
    texts: list[sa.ColumnElement[str]] = [sa.cast(column, sa.Text()) for column in columns]
    while len(texts) > 1:
        texts = [
            sa.func.concat_ws(text_constant(BETWEEN), *texts[start : start + SO_MANY], type_=sa.Text())
            for start in range(0, len(texts), SO_MANY)
        ]
    return texts[0]


def _erased_records() -> sa.Select[tuple[str]]:
    """Give the records of the subject: `holdings` keeps them in the transaction."""
    return sa.select(sa.table("erased_record", sa.column("record_id", sa.Text())).c.record_id)


def connections(stores: Stores) -> list[str]:
    """Name the connections that the lake has anything of: as the project does, or as the lake does."""
    named = {raw_name(name): name for name in stores.project.connections}
    named |= {raw_name(mapped.connection): mapped.connection for mapped in stores.project.mappings}
    return [named.get(dataset, dataset) for dataset in stores.lake.datasets()]


def cells(lake: Lake, found: RawRows) -> list[str]:
    """Give what stands in rows of the lake, as text, each once."""
    return sorted({str(value) for _, row in read(lake, found) for value in row.values()})


def read(lake: Lake, found: RawRows) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Give the rows themselves, as the system gave them."""
    for place, paths, numbers in _files(lake, found):
        for path in paths:
            for row in lake.read(path, numbers):
                yield place, {name: value for name, value in row.items() if value is not None and name != LOAD_ID}


def remove(lake: Lake, found: RawRows) -> int:
    """Take rows out of the lake; give how many went. Those that are gone already are no matter."""
    return sum(lake.rewrite(path, numbers) for _, paths, numbers in _files(lake, found) for path in paths)


def quarantined(transaction: Transaction, subject: Subject, found: RawRows) -> Holding | None:
    """Give the rows of quarantine that are about a subject: those of its raw rows, and those that name it."""
    import pyarrow as pa

    stored = transaction.table("quarantine")
    listed = [(*place, key) for place, keys in sorted(found.keys.items()) for key in sorted(keys)]
    if subject.texts:
        text = sa.func.lower(stored.c.row, type_=sa.Text())
        columns = [stored.c[name] for name in ("connection", "raw_table", "load_id", "source_key")]
        listed += [
            tuple(row[:4])
            for row in transaction.rows(sa.select(*columns, text).where(_holds_one_of(text, subject.texts)))
            if subject.named_in(row[4])
        ]
    if not listed:
        return None
    names = ["connection", "raw_table", "load_id", "source_key"]
    loaded = transaction.load(
        "erased_quarantine",
        pa.table({name: pa.array([row[place] for row in listed], pa.string()) for place, name in enumerate(names)}),
    )
    same = [loaded.c[name] == stored.c[name] for name in names]
    return Holding(stored, sa.exists(sa.select(loaded.c.source_key).where(*same)))


def _files(lake: Lake, found: RawRows) -> Iterator[tuple[Place, tuple[str, ...], set[int]]]:
    """Give the files that the rows stand in."""
    loads = {name: {load.load_id: load for load in lake.loads(name)} for name in {place[0] for place in found.rows}}
    for place, numbers in sorted(found.rows.items()):
        connection, table, load_id = place
        load = loads[connection].get(load_id)
        if load is not None:
            yield place, load.files.get(table, ()), numbers
