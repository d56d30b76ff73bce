"""Cases of mappings: examples beside each mapping that run as tests. Given these raw rows, expect these rows.

    a guest order joins on the billing address:
      orders: [{order_no: 77, customer_id: null, billing_email: " Anna@Example.nl "}]
      expect:
        sales_order: [{source_key: "77"}]
        identifier: [{type: email, value: anna@example.nl}]

The map stage itself does the work, on an embedded warehouse of its own; each case is rolled back after it was compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.arrow import as_text
from hub.cases.comparing import differences
from hub.cases.result import CaseResult
from hub.contracts import Function
from hub.errors import ConfigurationError, suggest
from hub.lake import LOAD_ID, ROW, Load, Place, raw_name
from hub.project import Project
from hub.project import yaml as places
from hub.stages.map import plugin_functions
from hub.stages.map.connection import ConnectionMapping
from hub.warehouse import Transaction, Warehouse, open_warehouse

if TYPE_CHECKING:
    import pyarrow as pa

EXPECT = "expect"
LOAD = "1"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The as-of moment of cases where none is given."""

Row = Mapping[str, Any]


def run_mapping_cases(project: Project, as_of: datetime = NOON) -> list[CaseResult]:
    """Run the cases beside every mapping file of a project, in the order of files and cases."""
    files = [mapping.file for mapping in project.mappings]
    beside = {file: file.with_name(f"{file.stem}.cases.yaml") for file in dict.fromkeys(files)}
    found = [(file, cases) for file, cases in beside.items() if cases.is_file()]
    if not found:
        return []
    plugins = plugin_functions(project)
    with _warehouse(project) as warehouse:
        return [
            result
            for file, cases in found
            for result in _File(warehouse, project, file, cases, as_of, plugins).results()
        ]


@contextmanager
def _warehouse(project: Project) -> Iterator[Warehouse]:
    with TemporaryDirectory() as folder:
        warehouse = open_warehouse("duckdb", project.schema, Path(folder))
        try:
            yield warehouse
        finally:
            warehouse.close()


@dataclass(frozen=True)
class _File:
    """The cases beside one mapping file."""

    warehouse: Warehouse
    project: Project
    mapping: Path
    cases: Path
    as_of: datetime
    plugins: Mapping[str, Function]

    def results(self) -> Iterator[CaseResult]:
        shown = self.cases.relative_to(self.project.folder) if self._is_own else self.cases
        document, problems = places.read(self.cases, str(shown))
        for problem in problems:
            yield CaseResult(problem.file, problem.line, self.cases.name, (problem.message,))
        if problems:
            return
        for name, case in (document.value or {}).items():
            line = document.at_key((name,), "").line
            yield CaseResult(str(shown), line, str(name), tuple(self._run(name, case, document)))

    @property
    def _is_own(self) -> bool:
        return self.cases.is_relative_to(self.project.folder)

    def _run(self, name: str, case: Any, document: places.Document) -> Iterator[str]:
        wrong = list(self._form(case))
        if wrong:
            yield from wrong
            return
        beside = [mapped for mapped in self.project.mappings if mapped.file == self.mapping]
        connection = beside[0].connection
        mappings = tuple(mapped for mapped in beside if mapped.connection == connection)
        project = replace(self.project, mappings=mappings)
        tables = {table: rows for table, rows in case.items() if table != EXPECT}
        known = {mapped.mapping.from_ for mapped in mappings}
        for table in tables.keys() - known:
            yield f"no mapping reads the raw table '{table}'.{suggest(table, known)}"
        problem: ConfigurationError | None = None
        for typed in (False, True):
            data = _Given(connection, tables, self.as_of, _plain_paths(document, name) if typed else frozenset())
            with self.warehouse.begin() as transaction:
                try:
                    ConnectionMapping(transaction, project, data, connection, self.as_of, self.plugins).run({})
                except ConfigurationError as error:
                    problem = problem or error
                else:
                    yield from _differences(transaction, case[EXPECT], ZoneInfo(self.project.hub.timezone))
                    problem = None
                transaction.connection.rollback()
            if problem is None:
                return
        if problem is not None:
            yield from str(problem).splitlines()

    def _form(self, case: Any) -> Iterator[str]:
        if not isinstance(case, dict) or not isinstance(case.get(EXPECT), dict):
            yield "a case has raw tables with their rows, and `expect:` with tables and the rows that must be there"
            return
        for where, tables in (("", case), (f"{EXPECT}.", case[EXPECT])):
            for table, rows in tables.items():
                if table == EXPECT and not where:
                    continue
                if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                    yield f"{where}{table} is a list of rows: [{{column: value}}]"
        for table, rows in case[EXPECT].items():
            shape = self.project.schema.get(table)
            if shape is None:
                hint = suggest(table, (known.name for known in self.project.schema))
                yield f"there is no table '{table}' to expect.{hint}"
                continue
            names = [column.name for column in shape.all_columns]
            for row in rows if isinstance(rows, list) else ():
                for column in row if isinstance(row, dict) else ():
                    if column not in names:
                        yield f"{table} has no column '{column}'.{suggest(str(column), names)}"


def _plain_paths(document: places.Document, name: str) -> frozenset[tuple[Any, ...]]:
    """Give the places of plain texts below a case: those without quotes may be dates."""
    return frozenset(path[1:] for path in document.values if path[:1] == (name,) and path not in document.quoted)


@dataclass(frozen=True)
class _Given:
    """The raw rows of a case, as one load package. Plain texts at the places in `dates` are read as dates."""

    connection: str
    rows: Mapping[str, Sequence[Row]]
    as_of: datetime
    dates: frozenset[tuple[Any, ...]]
    strict: bool = field(default=False)

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        return {table: self._table(table, rows) for table, rows in self.rows.items() if rows}

    def loads(self, connection: str) -> Sequence[Load]:
        """Give the one load package."""
        files = {table: (table,) for table in self.tables}
        return [Load(connection, LOAD, self.as_of, files)] if connection == self.connection else []

    def columns(self, connection: str, table: str, loads: Sequence[Load]) -> Mapping[str, pa.DataType]:
        """Give the columns that the rows name."""
        return {column.name: column.type for column in self.tables[table].schema}

    def count(self, load: Load, table: str) -> int:
        """Count the rows."""
        return len(self.tables[table])

    def replaced(self, load: Load, table: str) -> Sequence[Place]:
        """Nobody mended anything."""
        return ()

    def relation(self, transaction: Transaction, table: str, loads: Sequence[Load]) -> sa.FromClause:
        """Copy the rows in."""
        return transaction.load("case_rows", self.tables[table])

    def _table(self, table: str, rows: Sequence[Row]) -> pa.Table:
        import pyarrow as pa

        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {
            raw_name(str(name)): _array([self._value(table, position, name, row) for position, row in enumerate(rows)])
            for name in names
        }
        columns[LOAD_ID] = pa.array([LOAD] * len(rows), pa.string())
        columns[ROW] = pa.array(range(1, len(rows) + 1), pa.int64())
        return pa.table(columns)

    def _value(self, table: str, position: int, name: Any, row: Row) -> Any:
        value = row.get(name)
        if isinstance(value, str) and (table, position, name) in self.dates:
            try:
                return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
            except ValueError:
                return value
        return as_text(value) if isinstance(value, list | dict) else value


def _array(values: Sequence[Any]) -> pa.Array:
    """Make a column; values of several kinds are text, as a file of text would have them."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return pa.array([None if value is None else float(value) for value in values])
    if kinds == {datetime} and any(value and value.tzinfo for value in values):
        aware = [value if value is None or value.tzinfo else value.replace(tzinfo=UTC) for value in values]
        return pa.array(aware, pa.timestamp("us", "UTC"))
    if len(kinds) > 1:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values)


def _differences(transaction: Transaction, expect: Mapping[str, Sequence[Row]], zone: ZoneInfo) -> Iterator[str]:
    aside = [row[0] for row in transaction.rows(sa.select(transaction.table("quarantine").c.reason).order_by("reason"))]
    found = False
    for table, wanted in expect.items():
        for difference in _table_differences(transaction, table, wanted, zone):
            found = True
            yield difference
    if found and aside and "quarantine" not in expect:
        yield f"set aside: {'; '.join(aside)}"


def _table_differences(transaction: Transaction, table: str, wanted: Sequence[Row], zone: ZoneInfo) -> Iterator[str]:
    stored = transaction.table(table)
    columns = list(dict.fromkeys(column for row in wanted for column in row)) or [stored.c[0].name]
    query = sa.select(*(stored.c[column] for column in columns)).order_by(
        *(stored.c[name] for name in stored.info["key"])
    )
    found = [dict(zip(columns, row, strict=True)) for row in transaction.rows(query)]
    yield from differences(table, wanted, found, zone)
