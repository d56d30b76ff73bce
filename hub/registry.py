"""Which plugins are installed, and the classes behind the names in hub.yaml.

Our own plugins come through the same entry points as everybody's. A plugin that does not load stops the run with
a message that names it: a run that quietly goes without a source is worse than no run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import pluggy

from hub import hookspecs
from hub.contracts import Destination, DoNotContactRegister, Function, Lookup, Plugin, Proof, Scorer, Source
from hub.errors import PluginError, suggest

GROUP = "hub"

SHAPES = (Source, Lookup, DoNotContactRegister, Destination)


@dataclass(frozen=True)
class Installed:
    """A plugin class and the package that brought it."""

    plugin: type[Plugin]
    package: str
    version: str

    @property
    def shape(self) -> str:
        """Say source, look-up, register, destination, or source and destination."""
        shapes = {
            "look-up": Lookup,
            "register": DoNotContactRegister,
            "source": Source,
            "destination": Destination,
        }
        return " and ".join(name for name, shape in shapes.items() if issubclass(self.plugin, shape))


class Registry:
    """The plugins of this installation, loaded once, at first use."""

    def __init__(self, installed: Mapping[str, EntryPoint] | None = None) -> None:
        self._entry_points = installed

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        manager = pluggy.PluginManager("hub")
        manager.add_hookspecs(hookspecs)
        for point in self._points():
            if manager.has_plugin(point.name):
                raise PluginError(f"two packages bring a plugin module called '{point.name}': uninstall one of them")
            try:
                module = point.load()
            except Exception as error:
                raise PluginError(
                    f"the plugin '{point.name}' ({_package(point)}) does not load: {type(error).__name__}: {error}. "
                    f"Mend or uninstall {_package(point)}."
                ) from error
            try:
                manager.register(module, name=point.name)
                manager.check_pending()
            except pluggy.PluginValidationError as error:
                raise PluginError(f"the plugin '{point.name}' ({_package(point)}) has a wrong hook: {error}") from error
        return manager

    @cached_property
    def plugins(self) -> dict[str, Installed]:
        """Every plugin by its name."""
        packages = {point.name: point for point in self._points()}
        found: dict[str, Installed] = {}
        for caller in self._manager.hook.hub_plugins.get_hookimpls():
            point = packages[caller.plugin_name]
            for plugin in _ask(point, cast(Callable[[], Sequence[type[Plugin]]], caller.function)):
                if not (isinstance(plugin, type) and issubclass(plugin, SHAPES)):
                    raise PluginError(
                        f"{_package(point)}: hub_plugins() gave {plugin!r}, which is no Source, Lookup, "
                        "DoNotContactRegister or Destination"
                    )
                if not (isinstance(plugin.proven, tuple) and all(isinstance(it, Proof) for it in plugin.proven)):
                    raise PluginError(
                        f"{_package(point)}: the plugin '{plugin.name}' says in words what it was proven against: "
                        "write a tuple of hub.contracts.Proof"
                    )
                if plugin.name in found:
                    raise PluginError(
                        f"the plugin '{plugin.name}' comes from {found[plugin.name].package} and {_package(point)}: "
                        "uninstall one of them"
                    )
                found[plugin.name] = Installed(plugin, _package(point), point.dist.version if point.dist else "")
        return dict(sorted(found.items()))

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Every function that plugins add to YAML expressions, by its name."""
        return {function.name: function for functions in self._manager.hook.hub_functions() for function in functions}

    @cached_property
    def template_filters(self) -> dict[str, Callable[..., str]]:
        """Every filter that plugins add to templates, by its name."""
        return {name: call for filters in self._manager.hook.hub_template_filters() for name, call in filters.items()}

    @cached_property
    def scorers(self) -> dict[str, Scorer]:
        """Every way to score people that plugins bring, by its name."""
        return {scorer.name: scorer for scorers in self._manager.hook.hub_scorers() for scorer in scorers}

    def get(self, name: str) -> type[Plugin]:
        """Return the class of a plugin; PluginError says what is there, and which package may bring it."""
        if name not in self.plugins:
            raise PluginError(
                f"no plugin '{name}' is installed.{suggest(name, self.plugins)} `hub plugins` lists those that are. "
                f"If '{name}' is right, its package is missing: try `pip install schakel-{name.replace('_', '-')}`."
            )
        return self.plugins[name].plugin

    def _points(self) -> Sequence[EntryPoint]:
        return _found_on(tuple(sys.path)) if self._entry_points is None else list(self._entry_points.values())


@lru_cache(maxsize=1)
def _found_on(_path: tuple[str, ...]) -> Sequence[EntryPoint]:
    """Look through what is installed, once for a search path: there may be hundreds of packages."""
    return tuple(entry_points(group=GROUP))


def _ask(point: EntryPoint, hook: Callable[[], Sequence[type[Plugin]]]) -> Sequence[type[Plugin]]:
    try:
        return hook()
    except Exception as error:
        raise PluginError(
            f"the plugin '{point.name}' ({_package(point)}) does not hand over its classes: "
            f"{type(error).__name__}: {error}. Mend or uninstall {_package(point)}."
        ) from error


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
