"""Groups that results are cut by: segments, and traits or columns of a person that tell people apart in few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from hub.errors import Problem, suggest
from hub.expressions import Scope, compile_expression
from hub.project import Project
from hub.project.packs import comes_with

UNKNOWN = "unknown"
"""The group of those who have no value."""


def groupings(project: Project, scope: Scope) -> Mapping[str, sa.ColumnElement[str]]:
    """Give the group of a person by each grouping of hub.yaml, as a text. A trait goes before a segment of its name."""
    return {name: _group(name, scope) for name in project.hub.results.groups}


def grouping_problems(project: Project, scope: Scope) -> Iterator[Problem]:
    """Find groupings that there are not, or that have too many values to tell people apart by."""
    names = [*scope.names, *project.segments]
    hub = project.origins["hub",]
    for place, name in enumerate(project.hub.results.groups):
        if name not in names:
            near = comes_with("trait", name) or comes_with("segment", name) or suggest(name, names)
            message = f"there is no segment, trait or column of person '{name}'.{near}"
        elif name in scope.names and scope.names[name].type not in ("text", "boolean", "null"):  # null: a wrong trait
            message = f"'{name}' is of the type {scope.names[name].type}: group by a text, or by a segment"
        else:
            continue
        if name in project.traits and hub.document.get(("results", "groups")) is None:
            # nobody wrote it there: life_cycle is what results are grouped by where nothing is said
            message += f". Results are grouped by '{name}' unless hub.yaml says `results: {{groups: [...]}}`"
            yield project.origins["trait", name].at_key(message=message)
            continue
        yield hub.at_value("results", "groups", place, message=message)


def _group(name: str, scope: Scope) -> sa.ColumnElement[str]:
    written = name if name in scope.names else f"member_of('{name}')"
    found = compile_expression(written, scope)
    if found.type == "boolean":
        return sa.case((found.element, "yes"), (sa.not_(found.element), "no"), else_=UNKNOWN)
    return sa.func.coalesce(sa.func.nullif(sa.cast(found.element, sa.Text()), ""), UNKNOWN, type_=sa.Text())
