"""What is wrong with a scenario in itself and in what it refers to: segments, tables, templates, channels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from hub.contracts import Capabilities, Channel
from hub.errors import Problem, suggest
from hub.expressions import ExpressionError, names_in
from hub.project.actions import AddTo, Banner, Post, Task
from hub.project.lengths import length, moves
from hub.project.packs import no_segment
from hub.project.program import inside, program
from hub.project.project import Origin, Project
from hub.project.scenario import PERSON, AnyStep, End, Path, Scenario, Send, Wait, ways

TEMPLATE_FILES: dict[Channel, tuple[str, ...]] = {
    "email": ("subject.txt", "email.txt"),
    "sms": ("sms.txt",),
    "letter": ("letter.typ",),
}
"""Per channel, the files that a template's folder needs."""

WHO_SOMEBODY_IS = frozenset(
    {
        "given_name",
        "initials",
        "surname",
        "partner_surname",
        "birth_date",
        "email",
        "phone",
        "street",
        "house_number",
        "house_letter",
        "house_addition",
        "postcode",
    }
)
"""What says who somebody is, or leads to them: no site shows it to a browser that nobody logged in to."""


def trigger_problems(scenario: Scenario, project: Project, all_segments: bool) -> Iterator[Problem]:
    """Find triggers of tables and segments that are not there. `all_segments` says whether all of them are known."""
    origin = project.origins["scenario", scenario.scenario]
    timed = [table.name for table in project.schema if table.personal and table.time]
    for number, trigger in enumerate(scenario.trigger.any):
        place = ("trigger", "any", number)
        if trigger.of is not None and trigger.of not in timed:
            what = "belongs to nobody, or has no time" if trigger.of in project.schema else "does not exist"
            yield origin.at_value(*place, "of", message=f"the table '{trigger.of}' {what}.{suggest(trigger.of, timed)}")
        for key, segment in (("enters", trigger.enters), ("leaves", trigger.leaves)):
            near = suggest(segment, project.segments) if segment is not None else ""
            if segment is not None and segment not in project.segments and (all_segments or near):
                yield origin.at_value(*place, key, message=no_segment(segment, project.segments))
        if scenario.table in timed and trigger.of != scenario.table:
            yield origin.at_key(
                *place,
                message=f"with `per: {scenario.per}` only rows of {scenario.table} start it: write "
                f"{{of: {scenario.table}, where: ...}}",
            )
    if scenario.goal is not None and scenario.goal.of not in timed:
        of = scenario.goal.of
        what = "belongs to nobody, or has no time" if of in project.schema else "does not exist"
        yield origin.at_value("goal", "of", message=f"the table '{of}' {what}.{suggest(of, timed)}")
    if scenario.table is not None and scenario.table not in timed:
        what = "belongs to nobody, or has no time" if scenario.table in project.schema else "does not exist"
        yield origin.at_value(
            "per", message=f"the table '{scenario.table}' {what}.{suggest(scenario.table, [*timed, PERSON])}"
        )


def step_problems(scenario: Scenario, project: Project) -> Iterator[Problem]:
    """Find steps that can't be reached, waits of nothing, names that are used twice, templates that are not there."""
    origin = project.origins["scenario", scenario.scenario]
    yield from _order(scenario.steps, ("steps",), origin)
    laid_out = program(scenario)
    names: dict[str, Path] = {}
    for op in laid_out.ops:
        if op.name in names:
            yield origin.at_key(*op.path, message=f"two steps go by the name '{op.name}': give one another `name:`")
        names[op.name] = op.path
        if isinstance(op.step, Wait):
            yield from _empty_wait(op.step, op.path, origin)
        yield from _action(op.step, op.path, origin, scenario)
    if scenario.goal is not None and length(scenario.goal.within) == (0, timedelta()):
        yield origin.at_value("goal", "within", message="`within` is no time at all: nothing could reach the goal")
    if scenario.stop_when.strip().lower() == "true":
        yield origin.at_value("stop_when", message="it stops everybody before the first step: say what interrupts them")
    for op, send in laid_out.sends:
        if send.if_capped == "next channel" and len(send.by) == 1:
            yield origin.at_value(*op.path, "if_capped", message="`by` names no next channel: add one")
        yield from _template(send.send, send.by, op.path, origin, project)
        yield from _recommended(send, op.path, origin, project)
    if scenario.again_after is not None:
        gap = timedelta(days=length(scenario.again_after)[0])
        if gap < laid_out.longest:
            yield origin.at_value(
                "per",
                message=f"people may enter again after {gap.days} days, but the steps can take "
                f"{_told(laid_out.longest)}: allow more time, or write `each time`",
            )


def _recommended(send: Send, path: Path, origin: Origin, project: Project) -> Iterator[Problem]:
    its = project.recommendations
    if send.recommendations is None:
        return
    if its is None:
        message = "the project has no recommendations.yaml: `at_most: 4` in it switches recommendations on"
        yield origin.at_value(*path, "recommendations", message=message)
    elif send.recommendations > its.at_most:
        message = f"people have at most {its.at_most}: raise `at_most` in recommendations.yaml"
        yield origin.at_value(*path, "recommendations", message=message)


def unsent_channels(
    scenario: Scenario, project: Project, senders: Mapping[Channel, Sequence[str]]
) -> Iterator[Problem]:
    """Find channels that no connection sends."""
    origin = project.origins["scenario", scenario.scenario]
    for op, send in program(scenario).sends:
        for place, channel in enumerate(send.by):
            if not senders.get(channel):
                where = _by(op.path, place, origin)
                yield origin.at_value(*where, message=f"no connection of hub.yaml sends {channel}")


def posts_nowhere(scenario: Scenario, project: Project, capabilities: Mapping[str, Capabilities]) -> Iterator[Problem]:
    """Find rows that are posted to what takes no rows."""
    origin = project.origins["scenario", scenario.scenario]
    able = [name for name, can in capabilities.items() if can.operations & {"upsert", "add"}]
    for op in program(scenario).ops:
        if isinstance(op.step, Post) and op.step.to not in able:
            what = "takes no rows" if op.step.to in project.connections else "is no connection of hub.yaml"
            near = suggest(op.step.to, able) or f" Connections that take rows: {', '.join(able) or 'none'}"
            yield origin.at_value(*op.path, "to", message=f"'{op.step.to}' {what}.{near}")


def _order(steps: Sequence[AnyStep], path: Path, origin: Origin) -> Iterator[Problem]:
    for number, step in enumerate(steps):
        if number + 1 < len(steps) and _ends(step):
            yield origin.at_key(
                *path, number + 1, message="nobody comes to this step: everybody ends at the one before it"
            )
        for way, inner in ways(step).items():
            yield from _order(inner, (*path, number, *inside(step, way)), origin)


def _ends(step: AnyStep) -> bool:
    """Say whether everybody ends at a step."""
    branches = ways(step)
    return isinstance(step, End) or (
        bool(branches) and all(any(_ends(inner) for inner in below) for below in branches.values())
    )


def _empty_wait(step: Wait, path: Path, origin: Origin) -> Iterator[Problem]:
    for key, written in (("for", step.wait.for_), ("at_most", step.wait.at_most)):
        if written is not None and length(written) == (0, timedelta()):
            alone = isinstance(origin.document.get((*origin.path, *path, "wait")), str)
            place = ("wait",) if alone else ("wait", key)
            yield origin.at_value(*path, *place, message="a wait of zero is no wait: leave it out")


def _action(step: AnyStep, path: Path, origin: Origin, scenario: Scenario) -> Iterator[Problem]:
    """Find lengths of nothing, rows that go to others for marketing without consent, banners that tell who it is."""
    lengths: dict[str, str | None] = {}
    if isinstance(step, Banner):
        yield from _telling(step, path, origin)
    match step:
        case AddTo() | Banner():
            lengths = {"for": step.for_}
        case Task():
            lengths = {"due": step.due}
        case Send():
            lengths = {"if_capped": moves(step.if_capped), "if_outranked": moves(step.if_outranked)}
        case Post() if step.consent is None and scenario.purpose == "marketing":
            yield origin.at_key(
                *path,
                message="a row about a person that goes out for marketing needs `consent: {channel: ...}`; or write "
                "`purpose: service` where the scenario is no marketing",
            )
    for key, given in lengths.items():
        if given is not None and length(given) == (0, timedelta()):
            remedy = "say how long it is shown" if isinstance(step, Banner) else "leave it out"
            yield origin.at_value(*path, key, message=f"`{key}` is no time at all: {remedy}")


def _telling(step: Banner, path: Path, origin: Origin) -> Iterator[Problem]:
    """Find what says who somebody is in what a site shows to whoever sits at their device."""
    for name, text in step.content.items():
        try:
            telling = sorted(names_in(text) & WHO_SOMEBODY_IS)
        except ExpressionError:  # it is told where expressions are checked
            continue
        if telling:
            yield origin.at_value(
                *path,
                "content",
                name,
                message=f"a banner is shown to whoever sits at the device: leave out {', '.join(telling)}",
            )


def _template(
    template: str, channels: Sequence[Channel], path: Path, origin: Origin, project: Project
) -> Iterator[Problem]:
    folder = project.templates / template
    if not re.fullmatch(r"[\w-]+", template) or not folder.is_dir():
        there = sorted(place.name for place in project.templates.glob("*") if place.is_dir())
        files = ", ".join(file for channel in channels for file in TEMPLATE_FILES[channel])
        near = suggest(template, there) or f" Make it, with {files}"
        yield origin.at_value(*path, "send", message=f"there is no folder templates/{template}.{near}")
        return
    for place, channel in enumerate(channels):
        for file in TEMPLATE_FILES[channel]:
            if not (folder / file).is_file():
                yield origin.at_value(*_by(path, place, origin), message=f"{channel} needs templates/{template}/{file}")


def _by(path: Path, place: int, origin: Origin) -> Path:
    """Point at a channel: in the list, or where it stands alone."""
    listed = isinstance(origin.document.get((*origin.path, *path, "by")), list)
    return (*path, "by", place) if listed else (*path, "by")


def _told(time: timedelta) -> str:
    return f"{time.days} days" if not time.seconds else f"{time / timedelta(hours=1):.0f} hours"
