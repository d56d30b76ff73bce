"""What the expressions of a project say wrong: checked against the schema, without data, before anything runs.

`load_project` has checked the form of the files and the names in them; this checks what is written in expressions
and templates. Both tell every mistake with its file, line and column.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Set
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.errors import ConfigurationError, PluginError, Problem, suggest
from hub.expressions import ExpressionError, Name, Scope, compile_condition, compile_expression
from hub.lake import Lake, raw_name
from hub.links import PAGES
from hub.people.golden_problems import golden_problems
from hub.people.groups import grouping_problems
from hub.people.recommendations import FIELDS, product_scope
from hub.people.scenarios import scenario_problems
from hub.people.scope import People, trial_people
from hub.people.segments import segment_problems
from hub.people.synced import scope_of
from hub.people.traits import try_traits
from hub.project import MappedTable, Origin, Project, Reading
from hub.project.check import FILLED_BY_THE_HUB, is_timezone
from hub.project.load import ANY_NAME
from hub.project.program import program
from hub.project.quality_checks import table_of
from hub.project.scenario import Scenario, Send
from hub.project.sync import Sync
from hub.registry import Registry
from hub.stages.decide.queue import given_to_templates
from hub.stages.map.problems import problems_of_mapping
from hub.templates import BLOCKS, Renderer, Template, load_template, offers_refusal


def check_project(
    project: Project,
    as_of: datetime,
    lake: Lake | None = None,
    registry: Registry | None = None,
    lost: Set[str] = frozenset(),
) -> list[Problem]:
    """Find every mistake in mappings' expressions, golden rules, traits, segments, scenarios, syncs and templates.

    The names of raw columns are checked for tables that have landed in `lake`. A trait that is wrong, or `lost` with
    the form of its file, is told once, and not again by all that use it.
    """
    registry = registry or Registry()
    found = [problem for mapped in project.mappings for problem in _mapping(mapped, project, lake, registry)]
    found += golden_problems(project)
    found += _quality(project, as_of)
    found += _recommendations(project, as_of)
    plan, in_traits, failed = try_traits(project, as_of)
    missed = lost | failed
    people = trial_people(project, as_of, plan, missed)
    by_people = [*in_traits, *segment_problems(project, as_of, people.scope)]
    by_people += scenario_problems(project, people.scope, as_of)
    by_people += grouping_problems(project, people.scope)
    for sync in project.syncs.values():
        by_people += _sync(sync, project, people, as_of)
    found += [problem for problem in by_people if not _names_one_of(missed, problem)]
    renderer = Renderer(registry.template_filters)
    for scenario in project.scenarios.values():
        found += _templates(scenario, project, renderer)
    return sorted(set(found))


def check_reading(
    reading: Reading, as_of: datetime, lake: Lake | None = None, registry: Registry | None = None
) -> list[Problem]:
    """Find every mistake in what could be read of a project, beside those that reading it has told.

    What only follows from those is not told: it is mended with them.
    """
    if not reading.problems:
        return check_project(reading.project, as_of, lake, registry)
    files = {it.file for it in reading.problems}
    if files & {"schema.yaml", "identity.yaml"}:
        return []  # nobody knows which columns and identifiers there are
    told = {_place(it) for it in reading.problems} | reading.left_out
    try:
        found = check_project(_what_is_right(reading.project, told, files), as_of, lake, registry, reading.lost)
    except PluginError:
        return []  # told by reading
    # a template that is not there is told at the step that sends it
    return [it for it in found if _place(it) not in told and not Path(it.file).is_absolute()]


def _what_is_right(project: Project, told: Set[tuple[str, int, int]], files: Set[str]) -> Project:
    """Leave out what expressions can't be checked with: a time zone, tables, columns and rows that there are not."""
    timezone = project.hub.timezone if is_timezone(project.hub.timezone) else "UTC"
    sound = {name for name in project.syncs if project.origins["sync", name].document.file not in files}
    mappable = {"person", *(table.name for table in project.schema.mapped)} - FILLED_BY_THE_HUB.keys()
    return replace(
        project,
        hub=project.hub.model_copy(update={"timezone": timezone}),
        mappings=tuple(_right_parts(it, project, told) for it in project.mappings if it.target in mappable),
        syncs={name: sync for name, sync in project.syncs.items() if name in sound},
    )


def _right_parts(mapped: MappedTable, project: Project, told: Set[tuple[str, int, int]]) -> MappedTable:
    """Leave out the parts of a mapping that are told to have no place there, and columns that there are not."""
    origin, mapping = project.origin(mapped), mapped.mapping

    def right(*path: str) -> bool:
        return _place(origin.at_key(*path, message="")) not in told

    parts: dict[str, Any] = {
        part: {name: value for name, value in getattr(mapping, part).items() if right(part, name)}
        for part in ("columns", "identifiers", "guest")
    }
    if not (right("person") and right("guest")):
        parts |= {"person": None, "guest": {}}
    parts |= {part: [] for part in ("consent", "preference") if not right(part)}
    parts |= {"identifiers": {}} if not right("identifiers") else {}
    return replace(mapped, mapping=mapping.model_copy(update=parts))


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


def _names_one_of(missed: Set[str], problem: Problem) -> bool:
    """Say whether a problem is that something is not there which would be, were it not wrong or lost itself."""
    name = re.match(r"there is no (?:segment )?'([^']+)'", problem.message)
    if name is None or not missed:
        return False
    # a family of traits gives names that begin with its own
    return ANY_NAME in missed or any(name[1] == it or name[1].startswith(f"{it}_") for it in missed)


def _mapping(mapped: MappedTable, project: Project, lake: Lake | None, registry: Registry) -> Iterator[Problem]:
    raw = lake.columns(mapped.connection, mapped.mapping.from_) if lake is not None else {}
    origin, connection = project.origin(mapped), project.connections.get(mapped.connection)
    for path, message, column in problems_of_mapping(
        mapped,
        project.schema,
        raw or None,
        connection.notation if connection is not None else "iso",
        project.hub.timezone,
        registry.functions,
        project.identity,
    ):
        if path[:1] == ("lookups",):
            yield origin.document.at_value(path, message)
            continue
        written = origin.document.get((*origin.path, *path))
        known_as = _name_in_the_lake(written, raw) if isinstance(written, str) else ""
        yield origin.at_value(*path, message=message + known_as, offset=column - 1)


def _name_in_the_lake(written: str, raw: Collection[str]) -> str:
    """Say how a column is called in the lake, where an expression names it as the system does: `E-mailadres`."""
    for said in (written, *re.findall(r"\(([^(),']+)", written)):
        if not re.fullmatch(r"\w+", said) and raw_name(said) in raw:
            return f" The column '{said.strip()}' is called {raw_name(said)} here"
    return ""


def never_landed(project: Project, lake: Lake) -> list[Problem]:
    """Find raw tables that mappings read and that never came, of connections that have landed others."""
    found = []
    for mapped in project.mappings:
        landed = [] if mapped.of_plugin else lake.tables(mapped.connection)
        if landed and mapped.mapping.from_ not in landed:
            near = suggest(mapped.mapping.from_, landed) or f" Landed: {', '.join(landed)}"
            message = f"{mapped.connection} has landed no rows of '{mapped.mapping.from_}' yet.{near}"
            found.append(project.origin(mapped).at_value("from", message=message))
    return sorted(found)


def _quality(project: Project, as_of: datetime) -> Iterator[Problem]:
    """Check what quality.yaml demands of rows, over the columns and identifiers that mappings could fill."""
    for target, checks in project.quality.checks.items():
        table = table_of(project.schema, target)
        if table is None:
            continue
        stored = project.schema.table(table.name)
        names = {column.name: Name(stored.c[column.name], column.type) for column in table.columns}
        if target == "person":
            names |= {kind: Name(stored.c.record_id, "text") for kind in project.identity.kinds}
        scope = Scope(names, timezone=project.hub.timezone, as_of=as_of)
        for number, check in enumerate(checks):
            if not check.of_rows or (check.column is not None and check.column not in names):
                continue
            key = "that" if check.that is not None else check.demand
            try:
                compile_condition(check.condition, scope)
            except ExpressionError as error:
                offset = error.column - 1 if check.that is not None else None
                path = ("checks", target, number, key)
                yield project.origins["quality",].at_value(*path, message=error.message, offset=offset)


def _recommendations(project: Project, as_of: datetime) -> Iterator[Problem]:
    its = project.recommendations
    if its is None or its.products is None:
        return
    try:
        compile_condition(its.products, product_scope(project, as_of))
    except ExpressionError as error:
        yield project.origins["recommendations",].at_value("products", message=error.message, offset=error.column - 1)


def _sync(sync: Sync, project: Project, everybody: People, as_of: datetime) -> Iterator[Problem]:
    origin, scope = project.origins["sync", sync.sync], scope_of(project, everybody, sync, as_of)
    if sync.from_.where is not None:
        yield from _value(sync.from_.where, scope, origin, "from", "where", condition=True)
    yield from _value(sync.row_key, scope, origin, "key")
    for name, expression in sync.fields.items():
        yield from _value(expression, scope, origin, "fields", name)


def _value(written: str, scope: Scope, origin: Origin, *path: str | int, condition: bool = False) -> Iterator[Problem]:
    try:
        (compile_condition if condition else compile_expression)(written, scope)
    except ExpressionError as error:
        yield origin.at_value(*path, message=error.message, offset=error.column - 1)


def _templates(scenario: Scenario, project: Project, renderer: Renderer) -> Iterator[Problem]:
    """Parse the templates that a scenario sends, and look for values that nobody gives them."""
    for _, send in program(scenario).sends:
        for channel in send.by:
            try:
                template = load_template(project.templates, send.send, channel)
                renderer.check(template)
                yield from _unknown_values(scenario, send, template, project, renderer)
                if scenario.confirms is not None and "confirm_url" not in template.text:
                    message = f"{channel} asks for a confirmation and has no {{{{ confirm_url }}}} to give it by"
                    yield Problem(f"templates/{send.send}", 0, 0, message)
                if scenario.own_similar_products and not offers_refusal(template.text):
                    message = (
                        f"{channel} offers no refusal, and a soft opt-in allows none without: put {{{{ unsubscribe_url "
                        "}} into every part"
                    )
                    yield Problem(f"templates/{send.send}", 0, 0, message)
            except ConfigurationError as error:
                for problem in error.problems:
                    yield replace(problem, file=_template_file(send.send, problem.file))


def _unknown_values(
    scenario: Scenario, send: Send, template: Template, project: Project, renderer: Renderer
) -> Iterator[Problem]:
    """Find values that a template names and that neither the person nor the step that sends it gives."""
    known = given_to_templates(project.schema, send) | {"salutation", "unsubscribe_url", *PAGES}
    for used in renderer.uses(template):
        place = (_template_file(send.send, used.file), used.line, used.column)
        of_a_row = not used.written.startswith(used.name)
        if used.name not in known and of_a_row:
            continue  # it is told where the loop begins
        if used.name not in known:
            remedy = suggest(used.name, known) or (
                f" Give it in scenario '{scenario.scenario}' under `content:` of the step that sends '{send.send}'"
            )
            yield Problem(*place, f"there is no value '{used.name}'.{remedy}")
        elif used.field and used.name != "recommendations":
            yield Problem(*place, f"there is no value '{used.written}': '{used.name}' is a single value")
        elif used.field and used.field not in FIELDS:
            near = suggest(used.field, FIELDS) or f" Known: {', '.join(FIELDS)}."
            yield Problem(*place, f"there is no value '{used.written}'.{near}")


def _template_file(template: str, file: str) -> str:
    """Name a file of a template, or a shared block, as it lies in the project."""
    if file.startswith("templates/") or Path(file).is_absolute():
        return file
    return f"templates/{file}" if file.startswith(f"{BLOCKS}/") else f"templates/{template}/{file}".rstrip("/")
