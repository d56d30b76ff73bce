"""What quality.yaml names must be there; and which mapping each of its checks of rows belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

from hub.errors import Problem, suggest
from hub.project.project import MappedTable, Project
from hub.project.quality import QualityCheck, QualityFile
from hub.schema import Schema, Table

DRIFTING = ("text", "boolean", "integer", "number")
"""The types whose spread over values is measured."""


def table_of(schema: Schema, name: str) -> Table | None:
    """Give the table that a name of quality.yaml stands for: `person` is what systems say about people."""
    table = schema["source_record"] if name == "person" else schema.get(name)
    return table if table is not None and table.mapped and name not in ("source_record", "identifier") else None


def shared_checks(quality: QualityFile, mappings: Iterable[MappedTable]) -> Iterator[MappedTable]:
    """Give each mapping the checks of rows that it is held to: those whose column it fills.

    What a connection does not give at all is no mistake of a row.
    """
    for mapped in mappings:
        found = [
            check
            for check in quality.checks.get(mapped.target, ())
            if check.of_rows and check.connection in (None, mapped.connection) and _fills(mapped, check)
        ]
        yield replace(mapped, shared_checks=tuple(found)) if found else mapped


def _fills(mapped: MappedTable, check: QualityCheck) -> bool:
    given = mapped.mapping.columns.keys() | mapped.mapping.identifiers.keys()
    return check.column is None or check.column in given


def quality_problems(project: Project, declared: Set[str] | None) -> Iterator[Problem]:
    """Find tables, columns and connections that lead nowhere; connections only where they are all `declared`."""
    if ("quality",) not in project.origins:
        return
    origin = project.origins["quality",]
    known = ["person", *(table.name for table in project.schema.mapped if table_of(project.schema, table.name))]
    for name, checks in project.quality.checks.items():
        table = table_of(project.schema, name)
        if table is None:
            yield origin.at_key("checks", name, message=f"there is no table '{name}' to check.{suggest(name, known)}")
            continue
        for number, check in enumerate(checks):
            path = ("checks", name, number)
            if check.connection is not None and declared is not None and check.connection not in declared:
                near = suggest(check.connection, declared)
                yield origin.at_value(
                    *path, "connection", message=f"hub.yaml has no connection '{check.connection}'.{near}"
                )
            for key, message in _wrong(check, name, table, project):
                yield origin.at_value(*path, key, message=message)
    for connection, tables in project.quality.arrivals.items():
        if declared is not None and connection not in declared:
            near = suggest(connection, declared)
            yield origin.at_key("arrivals", connection, message=f"hub.yaml has no connection '{connection}'.{near}")
            continue
        read = {mapped.mapping.from_ for mapped in project.mappings if mapped.connection == connection}
        for raw in tables if isinstance(tables, dict) else ():
            if raw not in read:
                message = f"no mapping of {connection} reads a raw table '{raw}'.{suggest(raw, read)}"
                yield origin.at_key("arrivals", connection, raw, message=message)


def _wrong(check: QualityCheck, name: str, table: Table, project: Project) -> Iterator[tuple[str, str]]:
    """Say what is wrong with the column of a check, by key."""
    if check.rows == "per day" and table.time is None:
        yield "rows", f"{name} has no time to count days by: write `rows: per load`"
    if check.column is None:
        return
    column = table.column(check.column)
    if column is None:
        identifiers = {
            kind for mapped in project.mappings if mapped.target == name for kind in mapped.mapping.identifiers
        }
        if check.column in identifiers and check.demand in ("filled", "matches", "one_of"):
            return
        known = [known.name for known in table.all_columns] + sorted(identifiers)
        yield "column", f"{name} has no column '{check.column}'.{suggest(check.column, known)}"
    elif check.newest is not None and column.type not in ("date", "timestamp"):
        yield "column", f"`newest` needs a date or a moment, and {check.column} is {column.type}"
    elif check.drift is not None and column.type not in DRIFTING:
        yield "column", f"`drift` is measured on {', '.join(DRIFTING)}, and {check.column} is {column.type}"
    elif check.changes is not None and table.time is not None:
        yield "changes", f"the rows of {name} happen once: `changes` is counted in tables without a time"
    elif check.refers and column.references is None:
        references = [known.name for known in table.columns if known.references]
        yield "column", f"{check.column} refers to no table.{suggest(check.column, references)}"
