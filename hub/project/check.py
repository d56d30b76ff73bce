"""What refers to what: every name that one file uses must be given by another, or by an installed plugin."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from importlib.util import find_spec
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub.contracts import Capabilities, Channel, Destination
from hub.errors import Problem, suggest
from hub.project.consent_checks import consent_problems
from hub.project.cron import wrong_schedule
from hub.project.models import TableMapping, Translated
from hub.project.project import MappedTable, Origin, Project
from hub.project.quality_checks import quality_problems
from hub.project.scenario_check import posts_nowhere, step_problems, trigger_problems, unsent_channels
from hub.project.sync_check import (
    connection_problems,
    destination_problems,
    form_problems,
    return_problems,
    source_problems,
)
from hub.schema import Table
from hub.schema.shape import PROVENANCE, RECORD

FILLED_BY_THE_HUB = {
    "source_record": "write `person:`",
    "identifier": "write `identifiers:` under `person:`",
    "audience_member": "write the step `add_to` in a scenario",
    "person_field": "write the step `set` in a scenario",
    "task": "write the step `task` in a scenario",
    "banner": "write the step `banner` in a scenario",
    "posted_row": "write the step `post` in a scenario",
}
FILLED_COLUMNS = {
    "connection": "it is the file's `connection:`",
    "source_key": "write `key:`",
    "source_time": "write `updated_at:`",
    "load_id": "the hub fills it",
    "record_id": "write `person:`",
    "person_id": "the hub fills it",
    "company_id": "the hub fills it, by the numbers of `kvk`, `branch` and `vat`",
}
RECORD_COLUMNS = {"record_no", "linked_by", "linked_to"} | set(FILLED_COLUMNS)
SHORTEST_KEY = 16


def cross_checks(project: Project, declared: Set[str], complete: bool, unread: Set[str]) -> list[Problem]:
    """Find names that lead nowhere.

    `declared` are the connections that hub.yaml names, also those with mistakes of their own; what depends on what
    connections can do is checked only where all of them are `complete`. What files or folders that are `unread` would
    give is not missed: their own mistakes come first.
    """
    complete = complete and "hub.yaml" not in unread
    capabilities, failing = _capabilities(project) if complete else ({}, [])
    found: list[Problem] = [*failing, *_hub(project), *_names(project), *_extras(project)]
    found += _mapped_twice(project)
    for mapped in project.mappings:
        if "hub.yaml" not in unread:
            found += _connection_of(mapped, project, declared)
        if "schema.yaml" not in unread:
            found += _mapping(mapped, project, declared if "hub.yaml" not in unread else None)
    if "schema.yaml" not in unread:
        found += _traits(project)
        found += quality_problems(project, declared if "hub.yaml" not in unread else None)
    for scenario in project.scenarios.values():
        if "schema.yaml" not in unread:
            found += trigger_problems(scenario, project, all_segments="segments" not in unread)
        found += step_problems(scenario, project)
    if not unread & {"consent-texts.yaml", "hub.yaml"}:
        found += consent_problems(project)
    for sync in project.syncs.values():
        found += form_problems(sync, project)
        if "schema.yaml" not in unread:
            found += source_problems(sync, project, all_segments="segments" not in unread)
        if "hub.yaml" not in unread:
            found += connection_problems(sync, project, declared, all_mappings="mappings" not in unread)
            if "mappings" not in unread:
                found += return_problems(sync, project)
    if complete and not failing:
        found += _channels(project, capabilities)
        found += _kept(project)
        found += _key(project, capabilities)
        for sync in project.syncs.values():
            found += destination_problems(sync, project, capabilities)
    return found


def _capabilities(project: Project) -> tuple[dict[str, Capabilities], list[Problem]]:
    """Ask each destination what it can do, as configured; a plugin that can't even say that is a problem."""
    found: dict[str, Capabilities] = {}
    failing: list[Problem] = []
    for connection in project.destinations:
        try:
            plugin = connection.open()
            if isinstance(plugin, Destination):
                found[connection.name] = plugin.capabilities
        except Exception as error:  # noqa: BLE001 - a stranger's plugin may raise anything; its message may hold a secret
            message = (
                f"the plugin '{connection.plugin.name}' fails with {type(error).__name__}: report it to its author"
            )
            failing.append(project.origins["connection", connection.name].at_key(message=message))
    return found, failing


def _extras(project: Project) -> Iterator[Problem]:
    """Tell what the configuration asks for and the installation lacks."""
    if project.identity.match is not None and find_spec("splink") is None:
        message = "links by probability need Splink: `pip install 'schakel[match]'`, or remove `match`"
        yield project.origins["identity",].at_key("match", message=message)


def _hub(project: Project) -> Iterator[Problem]:
    hub, origin = project.hub, project.origins["hub",]
    if not is_timezone(hub.timezone):
        yield origin.at_value("timezone", message=f"there is no time zone '{hub.timezone}': try Europe/Amsterdam")
    if not re.fullmatch(r"[a-z]{2}-[A-Z]{2}", hub.locale):
        yield origin.at_value("locale", message="write a language and a country, such as nl-NL, nl-BE or fr-BE")
    for name, embedded, value in (("engine", "duckdb", hub.engine), ("ledger", "sqlite", hub.ledger)):
        if value != embedded and not value.startswith(("postgresql://", "postgresql+psycopg://")):
            near = suggest(value, [embedded])
            yield origin.at_value(
                name, message=f"{name} is {embedded}, or postgresql://user:password@host/database.{near}"
            )
        elif re.search(r"//[^/@]*:[^/@]+@", value) and (name,) not in origin.document.substituted:
            yield origin.at_value(
                name, message="a password is not written in YAML: write ${...} for the whole address or the password"
            )
    for name, cron in hub.schedules.model_dump(exclude_none=True).items():
        if wrong := wrong_schedule(cron):
            yield origin.at_value("schedules", name, message=wrong)


def is_timezone(name: str) -> bool:
    """Say whether there is a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _names(project: Project) -> Iterator[Problem]:
    for (kind, name), origin in _named(project):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield _at_name(origin, kind, f"'{name}' is no name: use lower-case letters, digits and _, a letter first")
    person = project.schema["person"]
    for kind, names in (("trait", project.traits), ("score", project.scores)):
        for name in names:
            if person.column(name) is not None:
                yield _at_name(
                    project.origins[kind, name], kind, f"'{name}' is a column of person already: rename the {kind}"
                )


def _named(project: Project) -> Iterator[tuple[tuple[str, str], Origin]]:
    for key, origin in project.origins.items():
        if key[0] in ("trait", "segment", "score", "scenario", "sync", "connection"):
            yield (key[0], key[1]), origin


def _at_name(origin: Origin, kind: str, message: str) -> Problem:
    """Point at the name itself: a key, or the value of `scenario:` or `sync:`."""
    return origin.at_key(message=message) if origin.path else origin.at_value(kind, message=message)


# mappings ------------------------------------------------------------------------------------------------------------


def _connection_of(mapped: MappedTable, project: Project, declared: Set[str]) -> Iterator[Problem]:
    if mapped.connection not in declared:
        near = suggest(mapped.connection, declared)
        document = project.origin(mapped).document
        yield document.at_value(("connection",), f"hub.yaml has no connection '{mapped.connection}'.{near}")


def _mapped_twice(project: Project) -> Iterator[Problem]:
    """Find mappings of the same rows to the same rows, such as a file that was copied: nobody says which one wins."""
    seen: dict[tuple[str | None, ...], Origin] = {}
    for mapped in project.mappings:
        its, origin = mapped.mapping, project.origin(mapped)
        first = seen.setdefault((mapped.connection, mapped.target, its.from_, its.where, its.key), origin)
        if first is not origin:
            place = first.at_key(message="")
            known = f"'{its.from_}' fills {mapped.target} by this key in {place.file}:{place.line} already"
            yield origin.at_key(message=f"{known}: remove one")


def _mapping(mapped: MappedTable, project: Project, declared: Set[str] | None) -> Iterator[Problem]:
    origin, target, mapping = project.origin(mapped), mapped.target, mapped.mapping
    mappable = [table.name for table in project.schema.mapped if table.name not in FILLED_BY_THE_HUB] + ["person"]
    if target not in mappable:
        near = suggest(target, mappable)
        yield origin.at_key(
            message=f"'{target}' is filled by the hub: {FILLED_BY_THE_HUB.get(target, 'leave it out')}"
            if target in project.schema
            else f"there is no table '{target}' in the shared schema.{near}"
        )
        return
    table = project.schema["source_record" if target == "person" else target]
    kinds = project.identity.kinds
    yield from _columns(origin, target, table, mapping, kinds)
    yield from _whose(origin, target, table, mapping, declared, kinds)


def _columns(
    origin: Origin, target: str, table: Table, mapping: TableMapping, kinds: Sequence[str]
) -> Iterator[Problem]:
    hidden = filled_by_the_hub(target)
    known = [column.name for column in table.columns if column.name not in hidden]
    for name, value in mapping.columns.items():
        if name in known:
            if isinstance(value, Translated) and value.map is not None and not value.map:
                yield origin.at_value("columns", name, "map", message="the list of values is empty")
            continue
        if name in FILLED_COLUMNS:
            remedy = f"'{name}' is no column to fill here: {FILLED_COLUMNS[name]}"
        elif target == "person" and name in kinds:
            remedy = f"person has no column '{name}' to fill: write it under `identifiers:`"
        else:
            near = suggest(name, known) or f" It has {', '.join(known)}; a column of your own goes into schema.yaml"
            remedy = f"{target} has no column '{name}'.{near}"
        yield origin.at_key("columns", name, message=remedy)


def filled_by_the_hub(target: str) -> set[str]:
    """Name the columns of a target that no mapping fills."""
    if target == "person":
        return RECORD_COLUMNS
    provenance = {column.name for column in (*PROVENANCE, RECORD)}
    return provenance | {"company_id"} if target == "organisation" else provenance


def _whose(
    origin: Origin,
    target: str,
    table: Table,
    mapping: TableMapping,
    declared: Set[str] | None,
    kinds: Sequence[str],
) -> Iterator[Problem]:
    """Check how rows find their person."""
    only_person = {"identifiers": mapping.identifiers, "consent": mapping.consent, "preference": mapping.preference}
    if target == "person":
        for key, value in {"person": mapping.person, "guest": mapping.guest}.items():
            if value:
                yield origin.at_key(key, message=f"a person record is the person's own: `{key}` has no place here")
    else:
        for key, statement in only_person.items():
            if statement:
                yield origin.at_key(key, message=f"`{key}` belongs under `person:`; not under {target}")
        if table.personal and mapping.person is None and not mapping.guest:
            yield origin.at_key(message=f"say whose row it is: {target} needs `person:` or `guest:`")
        if not table.personal and (mapping.person is not None or mapping.guest):
            key = "person" if mapping.person is not None else "guest"
            yield origin.at_key(key, message=f"rows of {target} belong to nobody: leave `{key}` out")
    person = mapping.person if isinstance(mapping.person, dict) else {}
    known = f" Known: {', '.join(kinds)}"
    for part, named in (("identifiers", mapping.identifiers), ("guest", mapping.guest), ("person", person)):
        for name in named:
            if part == "person" and name == "through":
                continue
            system, _, kind = name.rpartition(".")
            if kind not in kinds:
                near = suggest(kind, kinds)
                yield origin.at_key(
                    part,
                    name,
                    message=f"there is no kind of identifier '{kind}'.{near or known}",
                )
            if system and declared is not None and system not in declared:
                yield origin.at_key(
                    part, name, message=f"hub.yaml has no connection '{system}'.{suggest(system, declared)}"
                )


# traits ------------------------------------------------------------------------------------------------------------


def _traits(project: Project) -> Iterator[Problem]:
    tables = [table.name for table in project.schema]
    for name, trait in project.traits.items():
        if trait.of is not None and trait.of not in project.schema:
            yield project.origins["trait", name].at_value(
                "of", message=f"there is no table '{trait.of}'.{suggest(trait.of, tables)}"
            )


# what the connections can do -----------------------------------------------------------------------------------------


def _channels(project: Project, capabilities: dict[str, Capabilities]) -> Iterator[Problem]:
    senders: dict[Channel, list[str]] = defaultdict(list)
    for name, can in capabilities.items():
        if can.channel is not None:
            senders[can.channel].append(name)
    hub = project.origins["hub",]
    for channel, name in project.hub.channels.items():
        if name not in project.connections:
            near = suggest(name, project.connections)
            yield hub.at_value("channels", channel, message=f"there is no connection '{name}'.{near}")
        elif name not in senders[channel]:
            able = ", ".join(senders[channel]) or "none"
            yield hub.at_value("channels", channel, message=f"'{name}' sends no {channel}. Connections that do: {able}")
    for channel, names in list(senders.items()):
        if len(names) > 1 and channel not in project.hub.channels:
            yield project.origins["connection", names[-1]].at_key(
                message=f"several connections send {channel} ({', '.join(names)}): choose one under `channels:`"
            )
    for scenario in project.scenarios.values():
        yield from unsent_channels(scenario, project, senders)
        yield from posts_nowhere(scenario, project, capabilities)


def _kept(project: Project) -> Iterator[Problem]:
    """Say which systems that must keep what they have are none."""
    for name in project.hub.erasure.keep:
        if name not in project.connections:
            near = suggest(name, project.connections)
            yield project.origins["hub",].at_key(
                "erasure", "keep", name, message=f"there is no connection '{name}'.{near}"
            )


def _key(project: Project, capabilities: dict[str, Capabilities]) -> Iterator[Problem]:
    """Refuse to start without a signing key of one's own as soon as messages can go out."""
    sender = next((name for name, can in capabilities.items() if can.channel is not None), None)
    if sender is None:
        return
    origin = project.origins["connection", sender]
    remedy = (
        f"set HUB_KEY in the environment, in .env, or in the secrets folder to at least {SHORTEST_KEY} random "
        "characters (`openssl rand -hex 32` makes them)"
    )
    if not project.key:
        yield origin.at_key(message=f"'{sender}' sends messages, and HUB_KEY signs their unsubscribe links: {remedy}")
    elif len(project.key) < SHORTEST_KEY or _guessable(project.key):
        yield origin.at_key(message=f"HUB_KEY, which signs unsubscribe links, can be guessed: {remedy}")


def _guessable(key: bytes) -> bool:
    """Tell keys that stand in examples, and keys of few different characters or in sequence."""
    known = re.search(rb"(?i)change.?me|secret|default|example|password|your.?key|insecure", key)
    steps = [abs(after - before) for before, after in pairwise(key)]
    return known is not None or len(set(key)) < 8 or sum(step <= 1 for step in steps) > len(steps) / 2
