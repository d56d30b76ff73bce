"""Cases: the examples beside a mapping, run as tests through the real lake and the real map stage.

    a negative total is set aside:
      orders: [{order_no: 78, total: "-3.00"}]
      expect: {sales_order: [], quarantine: [{reason: total >= 0}]}

Each table under `expect` must hold exactly the rows shown; a row shows the columns that matter. Raw columns that a case
leaves out are empty. `as_of` says when it is, where that matters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.errors import ConfigurationError, Problem, suggest
from hub.expressions import ExpressionError, names_in
from hub.lake import LOAD_ID, ROW, Lake
from hub.project import MappedTable, Project
from hub.project.models import Translated
from hub.project.yaml import Document, read
from hub.stages.map import map_loads
from hub.warehouse import Warehouse, open_warehouse

ENDING = ".cases.yaml"
EXPECT = "expect"
AS_OF = "as_of"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CaseResult:
    """One case: where it is written, and what differs from what it expects."""

    file: str
    line: int
    name: str
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Say whether everything is as expected."""
        return not self.differences


def run_cases(project: Project, now: datetime) -> list[CaseResult]:
    """Run the cases of all mappings. Raises ConfigurationError with everything that is wrong in the case files."""
    results: list[CaseResult] = []
    problems: list[Problem] = []
    for document, mapped in _files(project):
        wrong = list(_problems(document, mapped, project))
        problems += wrong
        if not wrong and not problems:
            results += _run_file(document, mapped, project, now)
    if problems:
        raise ConfigurationError(problems)
    return results


def _files(project: Project) -> Iterator[tuple[Document, list[MappedTable]]]:
    """Give the case files, each with the mappings of the file that it stands beside."""
    by_file: dict[Path, list[MappedTable]] = {}
    for mapped in project.mappings:
        by_file.setdefault(mapped.file, []).append(mapped)
    paths = {file.with_name(file.stem + ENDING): mapped for file, mapped in by_file.items()}
    known = {**{path: [] for path in (project.folder / "mappings").glob(f"*{ENDING}")}, **paths}
    for path, mapped in sorted(known.items()):
        if path.is_file():
            inside = path.is_relative_to(project.folder)
            document, problems = read(path, str(path.relative_to(project.folder)) if inside else path.name)
            if not mapped:
                mapping = path.name.replace(ENDING, ".yaml")
                problems.append(Problem(document.file, 0, 0, f"stands beside no mapping: there is no {mapping}"))
            if problems:
                raise ConfigurationError(problems)
            yield document, mapped


def _problems(document: Document, mapped: Sequence[MappedTable], project: Project) -> Iterator[Problem]:
    if not isinstance(document.value, dict):
        yield Problem(document.file, 1, 1, "write cases as `a sentence: {raw table: [rows], expect: {table: [rows]}}`")
        return
    raw = {table.mapping.from_ for table in mapped}
    tables = {table.name: table for table in project.schema if table.mapped or table.name == "quarantine"}
    for name, case in document.value.items():
        if not isinstance(case, dict) or not isinstance(case.get(EXPECT), dict):
            yield document.at_key((name,), f"the case needs `{EXPECT}:` with tables and their rows")
            continue
        for table, rows in case.items():
            if table not in (EXPECT, AS_OF):
                if table not in raw:
                    yield document.at_key(
                        (name, table), f"no mapping reads a raw table '{table}'.{suggest(table, raw)}"
                    )
                yield from _not_rows(document, (name, table), rows)
        for table, rows in case[EXPECT].items():
            found = tables.get(table)
            if found is None:
                near = suggest(table, tables)
                yield document.at_key((name, EXPECT, table), f"there is no table '{table}' that mappings fill.{near}")
                continue
            wrong = list(_not_rows(document, (name, EXPECT, table), rows))
            yield from wrong
            columns = [column.name for column in found.all_columns]
            for number, row in enumerate(rows if not wrong else ()):
                for column in row:
                    if column not in columns:
                        near = suggest(column, columns)
                        place = (name, EXPECT, table, number, column)
                        yield document.at_key(place, f"{table} has no column '{column}'.{near}")


def _not_rows(document: Document, path: tuple[str, ...], rows: Any) -> Iterator[Problem]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield document.at_value(path, f"write {path[-1]} as a list of rows: [{{column: value}}]")


def _run_file(
    document: Document, mapped: Sequence[MappedTable], project: Project, now: datetime
) -> Iterator[CaseResult]:
    """Run the cases of one file, one after the other, in one warehouse that is emptied in between."""
    alone = replace(project, mappings=tuple(mapped))
    with TemporaryDirectory() as folder:
        warehouse = open_warehouse("duckdb", project.schema, Path(folder) / "state", [Path(folder)])
        try:
            for number, (name, case) in enumerate(document.value.items()):
                line = document.keys[name,][0]
                differences = _run_case(case, alone, warehouse, Path(folder) / f"lake-{number}", now)
                yield CaseResult(document.file, line, str(name), tuple(differences))
        finally:
            warehouse.close()


def _run_case(case: Row, project: Project, warehouse: Warehouse, lake: Path, now: datetime) -> list[str]:
    as_of = now
    if AS_OF in case:
        as_of = _moment(str(case[AS_OF]), project.hub.timezone) or now
    connection = project.mappings[0].connection
    for table, rows in case.items():
        if table not in (EXPECT, AS_OF) and rows:
            _land(Lake(lake), lake, connection, table, rows, _raw_columns(project, table), as_of)
    _empty(warehouse)
    report = map_loads(warehouse, project, Lake(lake), as_of)
    if report.failures:
        return list(report.failures)
    differences: list[str] = []
    with warehouse.begin() as transaction:
        for table, expected in case[EXPECT].items():
            stored = transaction.table(table)
            actual = [dict(row._mapping) for row in transaction.rows(sa.select(stored))]
            differences += _differences(table, expected, actual, project.hub.timezone)
    return differences


def _empty(warehouse: Warehouse) -> None:
    with warehouse.begin() as transaction:
        for table in transaction.schema:
            if table.name != "stage_state":
                transaction.execute(sa.delete(transaction.table(table.name)))


def _raw_columns(project: Project, raw_table: str) -> set[str]:
    """Find the raw columns that the mappings of a raw table use: those a case leaves out are there, and empty."""
    found: set[str] = set()
    for mapped in project.mappings:
        mapping = mapped.mapping
        if mapping.from_ != raw_table:
            continue
        person = mapping.person if isinstance(mapping.person, dict) else {"": mapping.person}
        written = [
            mapping.where,
            mapping.key,
            mapping.updated_at,
            *mapping.guest.values(),
            *mapping.identifiers.values(),
        ]
        written += [value for name, value in person.items() if name != "through"]
        for value in mapping.columns.values():
            written += [value.from_, value.else_] if isinstance(value, Translated) else [value]
        for consent in mapping.consent:
            written += [consent.given, consent.at, consent.evidence]
        for preference in mapping.preference:
            written += [preference.channel, preference.at]
        for expression in written:
            found |= _names(expression) if expression is not None else frozenset()
        for check in mapping.checks:
            found |= _names(check if isinstance(check, str) else next(iter(check))) - mapping.columns.keys()
    return found - {"loaded_at", "source_key"}


def _names(expression: str) -> frozenset[str]:
    try:
        return names_in(expression)
    except ExpressionError:
        return frozenset()


def _land(
    lake: Lake, folder: Path, connection: str, table: str, rows: Sequence[Row], columns: set[str], as_of: datetime
) -> None:
    """Write rows into a lake of their own, as one complete load package."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hub.arrow import table_of

    load_id = f"{as_of.timestamp():.6f}"
    content = table_of([{**dict.fromkeys(sorted(columns)), **row} for row in rows])
    for number, column in enumerate(content.schema):
        if pa.types.is_null(column.type):
            content = content.set_column(number, column.name, content.column(number).cast(pa.string()))
    content = content.append_column(LOAD_ID, pa.array([load_id] * len(rows)))
    content = content.append_column(ROW, pa.array(range(1, len(rows) + 1), pa.int64()))
    dataset = folder / lake.dataset_name(connection)
    (dataset / table).mkdir(parents=True, exist_ok=True)
    pq.write_table(content, dataset / table / f"{load_id}.1.parquet")
    (dataset / "_dlt_loads").mkdir(exist_ok=True)
    record = {"load_id": load_id, "status": 0, "inserted_at": as_of.isoformat()}
    (dataset / "_dlt_loads" / f"{load_id}.jsonl").write_text(json.dumps(record), encoding="utf-8")


# comparing -----------------------------------------------------------------------------------------------------------


def _differences(table: str, expected: Sequence[Row], actual: Sequence[Row], timezone: str) -> Iterator[str]:
    """Tell which expected rows are not there, and which rows are there and not expected."""
    left = list(actual)
    shown = list(dict.fromkeys(column for row in expected for column in row))
    missing = []
    for wanted in expected:
        same = next((row for row in left if all(_same(value, row[c], timezone) for c, value in wanted.items())), None)
        if same is None:
            missing.append(wanted)
        else:
            left.remove(same)
    for wanted in missing:
        yield f"{table}: expected {_told(wanted)}, and there is no such row"
    for row in left:
        told = {column: row[column] for column in shown} or {
            column: value for column, value in row.items() if value is not None
        }
        yield f"{table}: there is a row that is not expected: {_told(told)}"


def _same(expected: Any, actual: Any, timezone: str) -> bool:
    """Compare a value as YAML writes it with one as the warehouse holds it."""
    if expected is None or actual is None:
        return expected is None and actual is None
    if isinstance(actual, bool) or isinstance(expected, bool):
        return expected is actual
    if isinstance(actual, int | float | Decimal):
        try:
            return Decimal(str(expected)) == Decimal(str(actual))
        except InvalidOperation:
            return False
    if isinstance(actual, datetime):
        return _moment(str(expected), timezone) == (actual if actual.tzinfo else actual.replace(tzinfo=UTC))
    if isinstance(actual, date):
        return str(expected) == actual.isoformat()
    return str(expected) == str(actual)


def _moment(written: str, timezone: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone))


def _told(row: Row) -> str:
    return "{" + ", ".join(f"{column}: {_written(value)}" for column, value in row.items()) + "}"


def _written(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
