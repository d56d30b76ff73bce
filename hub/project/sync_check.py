"""What is wrong with a sync: in itself, in what it refers to, and in what its destination can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from hub.contracts import Capabilities, Operation
from hub.errors import Problem, suggest
from hub.lake import raw_name
from hub.project.cron import wrong_schedule
from hub.project.packs import no_segment
from hub.project.project import Origin, Project
from hub.project.sync import PERSON, Leaving, Mode, Sync

WRITES: Mapping[Mode, Operation] = {
    "mirror": "upsert",
    "upsert": "upsert",
    "add": "add",
    "update": "update",
    "fill_empty": "update",
}
"""The operation by which rows of each mode are written."""

LEAVINGS: Mapping[Mode, tuple[Leaving, ...]] = {
    "mirror": ("remove", "clear", "delete"),
    "upsert": ("keep", "clear", "remove", "delete"),
    "add": ("keep", "remove", "delete"),
    "update": ("keep", "clear"),
    "fill_empty": ("keep",),
}
"""What may happen to those who leave, by mode: what a sync has not made, it does not take away."""


def source_problems(sync: Sync, project: Project, all_segments: bool) -> Iterator[Problem]:
    """Find what is wrong with where rows come from, and under which consent."""
    origin, from_ = project.origins["sync", sync.sync], sync.from_
    if (from_.segment is None) == (from_.table is None):
        yield origin.at_key("from", message="say who is synced: either `segment` or `table`")
        return
    if from_.segment is not None:
        near = suggest(from_.segment, project.segments)
        if from_.where is not None:
            yield origin.at_key("from", "where", message="`where` goes with `table`: a segment has its own conditions")
        if from_.segment not in project.segments and (all_segments or near):
            yield origin.at_value("from", "segment", message=no_segment(from_.segment, project.segments))
    elif from_.table != PERSON:
        table = project.schema.get(from_.table or "")
        if table is None or not table.mapped:
            yield _no_such_table(origin, str(from_.table), project)
            return
        if sync.key is None:
            yield origin.at_key("from", message=f"say what tells rows of {table.name} apart there: `key` is missing")
    yield from _consent(sync, project, origin)


def form_problems(sync: Sync, project: Project) -> Iterator[Problem]:
    """Find what does not go together within a sync."""
    origin = project.origins["sync", sync.sync]
    allowed = LEAVINGS[sync.mode]
    if sync.on_leaving not in allowed:
        hint = " A mirror that keeps who left is `mode: upsert`." if sync.mode == "mirror" else ""
        yield origin.at_value(
            "leaving",
            message=f"`{sync.leaving}` does not go with `mode: {sync.mode}`: write {' or '.join(allowed)}.{hint}",
        )
    if sync.schedule is not None and (wrong := wrong_schedule(sync.schedule)):
        yield origin.at_value("schedule", message=wrong)


def connection_problems(sync: Sync, project: Project, declared: Set[str], all_mappings: bool) -> Iterator[Problem]:
    """Find connections that are not there, and people who can't be written back where they never came from."""
    origin, connection = project.origins["sync", sync.sync], sync.to.connection
    if connection not in declared:
        near = suggest(connection, declared)
        yield origin.at_value("to", "connection", message=f"hub.yaml has no connection '{connection}'.{near}")
    elif sync.write_back and all_mappings and all(mapped.connection != connection for mapped in project.mappings):
        message = f"no mapping brings anything from '{connection}', so nothing can be written back to it: use `consent`"
        yield origin.at_value("write_back", message=message)


def return_problems(sync: Sync, project: Project) -> Iterator[Problem]:
    """Find what is said of rows that come back, and can't be."""
    origin, told = project.origins["sync", sync.sync], sync.comes_back
    connection = sync.to.connection
    read = {mapped.mapping.from_: None for mapped in project.mappings if mapped.connection == connection}
    if told is not None:
        if told.in_ not in read:
            message = f"no mapping of '{connection}' reads a raw table '{told.in_}'.{suggest(told.in_, read)}"
            yield origin.at_value("comes_back", "in", message=message)
        for name in told.fields:
            if name not in sync.fields:
                message = f"the sync has no field '{name}'.{suggest(name, sync.fields)}"
                yield origin.at_key("comes_back", "fields", name, message=message)
    elif sync.owner == "hub" and raw_name(sync.to.object) not in read:
        message = f"the hub never sees what becomes of '{sync.to.object}': say by `comes_back` in which raw table it is"
        yield origin.at_value("owner", message=message)
    if sync.owner == "hub" and sync.mode in ("add", "fill_empty"):
        message = f"`mode: {sync.mode}` leaves alone what is there, so the hub can't have the last word"
        yield origin.at_value("owner", message=message)


def destination_problems(sync: Sync, project: Project, capabilities: Mapping[str, Capabilities]) -> Iterator[Problem]:
    """Find what a sync wants and its destination can't do."""
    origin, target = project.origins["sync", sync.sync], sync.to.connection
    if target not in project.connections:
        return
    can = capabilities.get(target)
    if can is None or not can.syncs:
        able = ", ".join(name for name, it in capabilities.items() if it.syncs) or "none"
        yield origin.at_value(
            "to", "connection", message=f"'{target}' takes no audiences or rows. Connections that do: {able}"
        )
        return
    told = f"It can {', '.join(sorted(can.operations))}."
    if WRITES[sync.mode] not in can.operations:
        message = f"`mode: {sync.mode}` needs a destination that can {WRITES[sync.mode]}, and '{target}' can't. {told}"
        yield origin.at_value("mode" if "mode" in sync.model_fields_set else "to", message=message)
    elif sync.mode == "fill_empty" and not can.can_read:
        yield origin.at_value(
            "mode", message=f"`fill_empty` needs a destination that can be read, and '{target}' can't"
        )
    leaving = sync.on_leaving
    if leaving != "keep" and taking_out(leaving, can) is None:
        message = f"`leaving: {leaving}` needs a destination that can {_needed(leaving)}, and '{target}' can't. {told}"
        yield origin.at_value("leaving" if sync.leaving else "to", message=message)
    elif sync.consent is not None and sync.mode != "fill_empty" and for_refusers(sync, can) is None:
        message = f"'{target}' can neither remove nor clear rows: who withdraws consent could not be taken out. {told}"
        yield origin.at_value("to", "connection", message=message)


def taking_out(leaving: Leaving, can: Capabilities) -> Operation | None:
    """Say by which operation rows are taken out; None where nothing is done, or the destination can't."""
    wanted: Mapping[Leaving, tuple[Operation, ...]] = {
        "remove": ("remove",),
        "delete": ("delete",),
        "clear": ("update", "upsert"),
        "keep": (),
    }
    return next((operation for operation in wanted[leaving] if operation in can.operations), None)


def for_refusers(sync: Sync, can: Capabilities) -> Leaving | None:
    """Say what happens to the rows of who refuses, or is nobody any more: as to leavers, and never `keep`.

    Where leavers are kept, they are removed; what the sync has not made itself is cleared instead. None where there
    is nothing that it could do.
    """
    if sync.mode == "fill_empty":
        return None
    ways: tuple[Leaving, ...] = (sync.on_leaving,)
    if sync.on_leaving == "keep":
        ways = ("clear",) if sync.mode == "update" else ("remove", "clear")
    return next((way for way in ways if taking_out(way, can) is not None), None)


def _no_such_table(origin: Origin, name: str, project: Project) -> Problem:
    known = [table.name for table in project.schema.mapped] + [PERSON]
    what = f"'{name}' is computed by the hub" if name in project.schema else f"there is no table '{name}'"
    return origin.at_value("from", "table", message=f"{what}.{suggest(name, known)}")


def _consent(sync: Sync, project: Project, origin: Origin) -> Iterator[Problem]:
    table = project.schema[sync.from_.table or PERSON]
    of_people = sync.of_people or table.personal
    if of_people and sync.consent is None and not sync.write_back:
        whose = "people" if sync.of_people else f"rows of {table.name}, which belong to people,"
        yield origin.at_key(
            "from",
            message=f"{whose} go nowhere without consent: write `consent: {{channel: ...}}`; or `write_back: true`, "
            "where the system already holds them",
        )
    elif not of_people and (sync.consent is not None or sync.write_back):
        key = "consent" if sync.consent is not None else "write_back"
        yield origin.at_key(key, message=f"rows of {table.name} belong to nobody: leave `{key}` out")
    elif sync.consent is not None and sync.write_back:
        yield origin.at_key("write_back", message="either `consent` or `write_back`: the one stands for the other")
    if sync.consent is not None and (sync.consent.channel, sync.consent.purpose) == ("ads", "service"):
        yield origin.at_value("consent", "purpose", message="ads are no service: write marketing or profiling")


def _needed(leaving: Leaving) -> str:
    return "update or upsert" if leaving == "clear" else leaving
