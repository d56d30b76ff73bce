"""A scenario as `decide` works with it: its program laid out, its channels' destinations known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hub.contracts import Channel
from hub.project import Project
from hub.project.program import Program, program
from hub.project.scenario import Scenario
from hub.templates import load_template
from hub.warehouse.state import fingerprint


@dataclass(frozen=True)
class Plan:
    """One version of a scenario, ready to be decided. `destinations` lacks the channels that no connection sends."""

    scenario: Scenario
    program: Program
    destinations: Mapping[Channel, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.scenario.scenario

    @property
    def is_marketing(self) -> bool:
        """Whether limits hold for it: service messages are exempt."""
        return self.scenario.purpose == "marketing"

    @cached_property
    def version(self) -> str:
        """Name this exact form of the scenario."""
        return fingerprint(self.scenario.text)


def plans(project: Project) -> list[Plan]:
    """Give the scenarios, higher priority first, then by name. ConfigurationError when a template is missing."""
    ordered = sorted(project.scenarios.values(), key=lambda scenario: (-scenario.priority, scenario.scenario))
    planned = [plan_of(project, scenario) for scenario in ordered]
    for plan in planned:
        for _, send in plan.program.sends:
            for channel in plan.destinations.keys() & set(send.by):
                load_template(project.templates, send.send, channel)
    return planned


def plan_of(project: Project, scenario: Scenario) -> Plan:
    """Lay one scenario out."""
    laid_out = program(scenario)
    channels = {channel for _, send in laid_out.sends for channel in send.by}
    connections = {channel: project.channel(channel) for channel in channels}
    destinations = {channel: found.name for channel, found in connections.items() if found is not None}
    return Plan(scenario, laid_out, destinations)
