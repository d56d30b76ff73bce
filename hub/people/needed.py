"""Needed: what scenarios read of the traits and segments of a project. Simulations and cases compute nothing else.

What was missed here could not go unnoticed: an expression that names a trait or segment that is not computed does not
compile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from hub.expressions import names_in
from hub.people.segments import segments_asked, segments_named
from hub.project import Project
from hub.project.scenario import Scenario, expressions
from hub.project.segments import Segment


def needed(project: Project, *only: Scenario) -> Project:
    """Give the project with only the segments and traits that decide who gets what by its scenarios, or by `only` some.

    Templates get no values.
    """
    scenarios = only or tuple(project.scenarios.values())
    written = [text for scenario in scenarios for text in expressions(scenario)]
    asked = {name for scenario in scenarios for name in _started_by(scenario)}
    asked |= {name for text in written for name in segments_named(text)}
    segments = _with_asked(project.segments, asked)
    written += [text for segment in segments.values() for text in (segment.where, segment.by) if text is not None]
    reads = frozenset().union(*(names_in(text) for text in written))
    return replace(project, segments=segments, reads=reads, recommendations=None)


def _started_by(scenario: Scenario) -> Iterator[str]:
    for trigger in scenario.trigger.any:
        yield from filter(None, (trigger.enters, trigger.leaves))


def _with_asked(segments: Mapping[str, Segment], asked: set[str]) -> dict[str, Segment]:
    """Give the segments that are asked for, and those that these ask for in turn."""
    waiting, found = set(asked), set[str]()
    while waiting:
        name = waiting.pop()
        if name in segments and name not in found:
            found.add(name)
            waiting |= segments_asked(segments[name])
    return {name: segment for name, segment in segments.items() if name in found}
