"""schema.yaml: the columns and tables that admins add to the shared schema."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hub.errors import Problem, suggest
from hub.project.models import CustomColumn, SchemaFile
from hub.project.yaml import Document, KeyPath
from hub.schema import BUILT_IN, Column, Schema, Table, Type
from hub.schema.shape import PROVENANCE, RECORD

RESERVED = {column.name for column in (*PROVENANCE, RECORD)} | {"person_id"}


def own_schema(form: SchemaFile, document: Document) -> tuple[Schema, list[Problem]]:
    """Grow the shared schema by what schema.yaml adds.

    A column on `person` is also a column of `source_record`: each record has its own value, the person the chosen one.
    """
    problems = list(_problems(form, document))
    columns = {
        table: [_column(name, kind) for name, kind in added.items()]
        for table, added in form.columns.items()
        if table in BUILT_IN
    }
    if "person" in columns:
        columns["source_record"] = columns["person"] + columns.get("source_record", [])
    tables = [
        Table(
            name,
            "your own",
            table.summary,
            tuple(_column(column, kind) for column, kind in table.columns.items()),
            personal=table.personal,
            time=table.time,
            custom=True,
        )
        for name, table in form.tables.items()
        if name not in BUILT_IN
    ]
    return BUILT_IN.extended(columns, tables), problems


def _column(name: str, kind: Type | CustomColumn) -> Column:
    if isinstance(kind, CustomColumn):
        return Column(name, kind.type, kind.summary, kind.references)
    return Column(name, kind)


def _problems(form: SchemaFile, document: Document) -> Iterator[Problem]:
    tables = [table.name for table in BUILT_IN] + list(form.tables)
    for name, added in form.columns.items():
        path: KeyPath = ("columns", name)
        table = BUILT_IN.get(name)
        if table is None:
            own = " It is a table of your own: write the column there." if name in form.tables else ""
            yield document.at_key(path, f"there is no table '{name}'.{own or suggest(name, tables)}")
        elif not table.mapped and name != "person":
            yield document.at_key(path, f"'{name}' is filled by the hub: add columns to tables that mappings fill")
        yield from _columns(path, added, _taken(table), tables, document)
    for name, custom in form.tables.items():
        path = ("tables", name)
        if name in BUILT_IN:
            yield document.at_key(path, f"'{name}' is a table of the shared schema: add columns to it under `columns:`")
        yield from _word(path, name, document)
        yield from _columns((*path, "columns"), custom.columns, set(), tables, document)
        if custom.time is not None:
            kind = custom.columns.get(custom.time)
            found = kind.type if isinstance(kind, CustomColumn) else kind
            if found is None:
                near = suggest(custom.time, custom.columns)
                yield document.at_value((*path, "time"), f"{name} has no column '{custom.time}'.{near}")
            elif found not in ("date", "timestamp"):
                yield document.at_value((*path, "time"), f"{custom.time} is {found}; a time is a date or a timestamp")


def _taken(table: Table | None) -> set[str]:
    """Name the columns that are there already; what is added to `person` is added to its records too."""
    both = (table, BUILT_IN["source_record"]) if table is not None and table.name == "person" else (table,)
    return {column.name for it in both if it is not None for column in it.all_columns}


def _columns(
    path: KeyPath,
    added: dict[str, Type | CustomColumn],
    taken: set[str],
    tables: list[str],
    document: Document,
) -> Iterator[Problem]:
    for name, kind in added.items():
        yield from _word((*path, name), name, document)
        if name in RESERVED or name in taken:
            yield document.at_key((*path, name), f"the column '{name}' is there already: give yours another name")
        if isinstance(kind, CustomColumn) and kind.references is not None and kind.references not in tables:
            near = suggest(kind.references, tables)
            yield document.at_value((*path, name, "references"), f"there is no table '{kind.references}'.{near}")


def _word(path: KeyPath, name: str, document: Document) -> Iterator[Problem]:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,58}", name) or name.endswith("__next"):
        yield document.at_key(path, f"'{name}' is no name: use lower-case letters, digits and _, a letter first")
