"""A scenario as `decide` works with it: its templates read, its channels' destinations known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.contracts import Channel
from hub.project import Project
from hub.project.models import Scenario, Send
from hub.templates import Template, load_template
from hub.warehouse.state import fingerprint


@dataclass(frozen=True)
class Plan:
    """One scenario, ready to be decided. `destinations` lacks the channels that no connection sends."""

    scenario: Scenario
    destinations: Mapping[Channel, str]
    templates: Mapping[Channel, Template]

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.scenario.scenario

    @property
    def step(self) -> Send:
        """The one step."""
        return self.scenario.steps[0]

    @property
    def version(self) -> str:
        """Name this exact form of the scenario."""
        return fingerprint(self.scenario.model_dump_json())


def plans(project: Project) -> list[Plan]:
    """Give the scenarios, higher priority first, then by name. ConfigurationError when a template is missing."""
    ordered = sorted(project.scenarios.values(), key=lambda scenario: (-scenario.priority, scenario.scenario))
    return [_plan(project, scenario) for scenario in ordered]


def _plan(project: Project, scenario: Scenario) -> Plan:
    step = scenario.steps[0]
    connections = {channel: project.channel(channel) for channel in step.by}
    destinations = {channel: found.name for channel, found in connections.items() if found is not None}
    templates = {channel: load_template(project.templates, step.send, channel) for channel in destinations}
    return Plan(scenario, destinations, templates)
