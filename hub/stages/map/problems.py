"""Problems: what is wrong in a mapping, before any row is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.contracts import Function, Notation
from hub.expressions import Scope
from hub.project.identity import IdentityFile
from hub.project.project import MappedTable
from hub.schema import Schema
from hub.stages.map.raw import described_names, unknown_names
from hub.stages.map.translate import KeyPath, translate

if TYPE_CHECKING:
    import pyarrow as pa


def problems_of_mapping(
    mapped: MappedTable,
    schema: Schema,
    raw_columns: Mapping[str, pa.DataType] | None,
    notation: Notation = "iso",
    timezone: str = "Europe/Amsterdam",
    plugins: Mapping[str, Function] | None = None,
    identity: IdentityFile | None = None,
) -> list[tuple[KeyPath, str, int]]:
    """List the mistakes of a mapping as (key path below the target table, message, column in the expression).

    `raw_columns` are the columns of the raw table, or None where they are not known yet: then every name may be one.
    What quality.yaml demands is told at its own place, by `hub.check`.
    """
    known = raw_columns if not mapped.of_plugin else None
    names = unknown_names() if known is None else described_names(known, timezone)
    scope = Scope(
        names,
        notation=notation,
        timezone=timezone,
        as_of=datetime(2000, 1, 1, tzinfo=UTC),
        lookups_allowed=True,
        plugins=plugins or {},
    )
    _, problems = translate(replace(mapped, shared_checks=()), schema, scope, identity or IdentityFile())
    return [(problem.path, problem.message, problem.column) for problem in problems]
