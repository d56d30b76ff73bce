"""The hooks of the hub. A package implements what it needs in the module that its entry point names.

[project.entry-points.hub]
weather = "schakel_weather"

# schakel_weather.py
from hub.hookspecs import hookimpl

@hookimpl
def hub_plugins():
return [Weather]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pluggy

from hub.contracts import Function, Plugin, Scorer

hookspec = pluggy.HookspecMarker("hub")
hookimpl = pluggy.HookimplMarker("hub")


@hookspec
def hub_plugins() -> Sequence[type[Plugin]]:  # type: ignore[empty-body]
    """Hand over source, look-up and destination classes."""


@hookspec
def hub_functions() -> Sequence[Function]:  # type: ignore[empty-body]
    """Hand over functions that YAML expressions may call."""


@hookspec
def hub_template_filters() -> dict[str, Callable[..., str]]:  # type: ignore[empty-body]
    """Hand over filters that Liquid templates may use, by name."""


@hookspec
def hub_scorers() -> Sequence[Scorer]:  # type: ignore[empty-body]
    """Hand over ways to score people."""
