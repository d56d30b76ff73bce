"""Quarantine for people: what was set aside and why, what would mend it, and the rows where they are asked for.

It reads what the last run published. Raw rows are personal data: they are given only on demand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.project import MappedTable, Project
from hub.stages.map import LANDING, WHOLE_COLUMN, Choice

if TYPE_CHECKING:
    import pyarrow as pa

Ask = Callable[[str], "pa.Table"]
"""Runs one SQL statement on what was published."""

EXAMPLES = 3
HIDDEN = "***"


@dataclass(frozen=True)
class Reason:
    """Rows of one table that were set aside, or noted, for one reason; `keys` are examples."""

    connection: str
    raw_table: str
    target: str
    reason: str
    effect: str
    rows: int
    keys: Sequence[str]
    remedy: str


@dataclass(frozen=True)
class SetAside:
    """One row of quarantine; `row` is the raw row as JSON, None where it was not asked for."""

    connection: str
    raw_table: str
    target: str
    source_key: str
    reason: str
    effect: str
    load_id: str
    row: str | None


def reasons(project: Project, ask: Ask, choice: Choice) -> list[Reason]:
    """List the reasons, those with most rows first. Raises ConfigurationError where nothing is published yet."""
    grouped = ask(
        "SELECT connection, raw_table, target, reason, coalesce(effect, 'set aside') AS effect, count(*) AS rows, "  # noqa: S608 - quoted
        f"max(mapping) AS mapping, max(source_key) AS source_key FROM quarantine WHERE {_where(choice)} "
        "GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 3, 4"
    ).to_pylist()
    found = []
    for row in grouped:
        one = Choice(row["connection"], row["target"], row["reason"], choice.key)
        examples = rows_of(ask, one, EXAMPLES)
        found.append(
            Reason(
                row["connection"],
                row["raw_table"],
                row["target"],
                row["reason"],
                row["effect"],
                row["rows"],
                [example.source_key for example in examples],
                remedy(project, row),
            )
        )
    return found


def rows_of(ask: Ask, choice: Choice, limit: int | None = None, values: bool = False) -> list[SetAside]:
    """Give rows of quarantine; without `values`, raw rows and keys that are addresses stay hidden."""
    raw = '"row"' if values else "NULL"
    asked = (
        f"SELECT connection, raw_table, target, source_key, reason, coalesce(effect, 'set aside') AS effect, load_id, "  # noqa: S608 - quoted
        f'{raw} AS "row" FROM quarantine WHERE {_where(choice)} ORDER BY 1, 2, 3, 4, 5, 7'
    )
    found = ask(asked + (f" LIMIT {limit}" if limit is not None else "")).to_pylist()
    return [
        SetAside(**{**row, "source_key": row["source_key"] if values else shown_key(row["source_key"])})
        for row in found
    ]


def shown_key(key: str | None) -> str:
    """Hide a key that is an address itself."""
    return HIDDEN if key is not None and "@" in key else (key or "")


def _where(choice: Choice) -> str:
    exact = {"connection": choice.connection, "target": choice.target, "source_key": choice.key}
    found = [f"{name} = {_quoted(value)}" for name, value in exact.items() if value is not None]
    if choice.reason is not None:
        found.append(f"strpos(reason, {_quoted(choice.reason)}) > 0")
    return " AND ".join(found) or "true"


def _quoted(value: str) -> str:
    return "'" + value.replace("\x00", "").replace("'", "''") + "'"


# what would mend it


def remedy(project: Project, row: Mapping[str, Any]) -> str:
    """Say what to change, and where: in the mapping, or in the system that sent the row."""
    connection, reason = row["connection"], row["reason"]
    if row["mapping"] == LANDING and re.match(r"not \S+ at byte", reason):
        return f"if {connection} writes in another encoding, say so (hub.yaml: `encoding: cp1252`), or mend that line"
    if row["mapping"] == LANDING:
        return f"mend that line of the file, or of what {connection} sends; the next load brings it"
    mapped = _mapping_of(project, row)
    if mapped is None:
        return "no mapping reads this any more: it goes with the next change of the mappings"
    back = f"or mend it in {connection}; the row returns by itself"
    if row["source_key"] == WHOLE_COLUMN:
        return f"leave that column out of the mapping ({_place(project, mapped, 'columns')})"
    column = reason.partition(":")[0]
    otherwise = _otherwise(connection, reason)
    if reason == "key is empty":
        return f"say in `key:` ({_place(project, mapped, 'key')}) what tells rows apart, {back}"
    if reason.endswith(": not in the list"):
        return f"add the value to `map:`, or write `else:` ({_place(project, mapped, 'columns', column)}), {back}"
    if row["target"] == "identifier":
        place = _place(project, mapped, "identifiers", column)
        return f"the row is mapped without it; {otherwise} ({place}), {back}"
    if column in mapped.mapping.columns:
        place = _place(project, mapped, "columns", column)
        if row["effect"] == "noted":
            return f"the row is mapped without it; {otherwise} ({place}), {back}"
        return f"{otherwise}, or keep its row with `unreadable: empty` ({place}), {back}"
    if column in ("updated_at", "person"):
        return f"{otherwise} ({_place(project, mapped, column)}), {back}"
    shared = any(check.words == reason for check in mapped.shared_checks)
    return f"change the check (in {'quality.yaml' if shared else _place(project, mapped, 'checks')}), {back}"


def _otherwise(connection: str, reason: str) -> str:
    """Say how else a value could be read: dates and numbers by the notation of their system, or by their own form."""
    if reason.endswith((": not a date", ": not a date and time")):
        function = "timestamp(x, 'DD-MM-YYYY HH24:MI')" if reason.endswith("time") else "date(x, 'DD-MM-YYYY')"
        return f"name its form, `{function}`, or the `notation` of {connection} in hub.yaml"
    if reason.endswith((": not a number", ": not a whole number")):
        return f"read it otherwise, or name the `notation` of {connection} in hub.yaml"
    return "read it otherwise"


def _mapping_of(project: Project, row: Mapping[str, Any]) -> MappedTable | None:
    """Find the mapping that read the row: of the same raw table, to the same table where that is known."""
    read = [
        mapped
        for mapped in project.mappings
        if mapped.connection == row["connection"] and mapped.mapping.from_ == row["raw_table"]
    ]
    exact = [mapped for mapped in read if mapped.target == row["target"]]
    return next(iter(exact or (read if row["target"] == "identifier" else ())), None)


def _place(project: Project, mapped: MappedTable, *path: str) -> str:
    problem = project.origin(mapped).at_key(*path, message="")
    return f"{problem.file}:{problem.line}"
