"""Plugins: a stranger's package works like ours, and one that is missing, broken or double is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from hub.errors import ConfigurationError, PluginError
from hub.project import load_project
from hub.registry import Registry

WEATHER = """
    from collections.abc import Iterable
    from pydantic import Field, SecretStr
    from hub.contracts import Check, ConnectionConfig, Function, Source
    from hub.hookspecs import hookimpl

    class WeatherConfig(ConnectionConfig):
        city: str = Field(description="The city whose weather it is.")
        key: SecretStr

    class Weather(Source):
        name = "weather"
        summary = "The weather of a city."
        config_model = WeatherConfig

        def check(self):
            return Check(True, f"the weather of {self.config.city} is known")

        def resources(self):
            import dlt

            @dlt.resource(name="days")
            def days():
                yield [{"day": "2026-03-01", "degrees": 11}]

            return [days]

    @hookimpl
    def hub_plugins():
        return [Weather]

    @hookimpl
    def hub_functions():
        return [Function("wind_force", lambda value: value.strip() or None, "Beaufort.")]
    """


def install(site: Path, package: str, module: str, code: str, name: str = "") -> None:
    """Lay a package down as an installer does: a module, and metadata with its entry point."""
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(dedent(code))
    info = site / f"{package.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[hub]\n{name or module} = {module}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


def test_a_strangers_package_works_like_ours(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "schakel-weather", "schakel_weather", WEATHER)
    (tmp_path / "hub.yaml").write_text(
        "name: Sky\nconnections:\n"
        '  sky: {plugin: weather, city: Delft, key: "${SKY_KEY}"}\n'
        "  csv: {plugin: files, path: ./x}\n"
    )
    monkeypatch.setenv("SKY_KEY", "canary-sky")
    registry = Registry()
    assert registry.plugins["weather"].package == "schakel-weather"
    assert registry.plugins["weather"].shape == "source"
    assert registry.plugins["files"].package == "schakel"
    assert registry.functions["wind_force"].summary == "Beaufort."
    project = load_project(tmp_path, registry)
    assert project.connections["sky"].open().check().message == "the weather of Delft is known"
    assert "canary" not in repr(project)


def test_the_command_line_lists_a_strangers_package(site: Path, tmp_path: Path) -> None:
    install(site, "schakel-weather", "schakel_weather", WEATHER)
    done = subprocess.run(
        [sys.executable, "-c", "from hub.cli import main; main()", "plugins", "--json"],
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{Path.cwd()}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    listed: list[dict[str, Any]] = json.loads(done.stdout)
    weather = next(plugin for plugin in listed if plugin["name"] == "weather")
    assert weather == {
        "name": "weather",
        "shape": "source",
        "summary": "The weather of a city.",
        "package": "schakel-weather",
        "version": "1.2",
        "keys": {"city": "The city whose weather it is.", "key": ""},
        "proven": [],
        "can": ["brings data in"],
        "connections": [],
    }


def test_a_missing_plugin_says_which_package_may_bring_it() -> None:
    with pytest.raises(PluginError, match=r"no plugin 'sky_net' is installed\..*try `pip install schakel-sky-net`"):
        Registry().get("sky_net")


def test_a_plugin_that_does_not_load_is_named(site: Path) -> None:
    install(site, "schakel-broken", "schakel_broken", "import no_such_module\n")
    with pytest.raises(
        PluginError,
        match=r"the plugin 'schakel_broken' \(schakel-broken\) does not load: ModuleNotFoundError: "
        r"No module named 'no_such_module'\. Mend or uninstall schakel-broken\.",
    ):
        _ = Registry().plugins


def test_a_plugin_with_a_wrong_hook_is_named(site: Path) -> None:
    install(
        site,
        "schakel-hooked",
        "schakel_hooked",
        "from hub.hookspecs import hookimpl\n\n@hookimpl\ndef hub_plugins(what):\n    return []\n",
    )
    with pytest.raises(PluginError, match=r"the plugin 'schakel_hooked' \(schakel-hooked\) has a wrong hook"):
        _ = Registry().plugins


def test_a_plugin_that_hands_over_something_else_is_named(site: Path) -> None:
    install(
        site,
        "schakel-odd",
        "schakel_odd",
        "from hub.hookspecs import hookimpl\n\n@hookimpl\ndef hub_plugins():\n    return ['weather']\n",
    )
    with pytest.raises(PluginError, match=r"schakel-odd: hub_plugins\(\) gave 'weather', which is no Source"):
        _ = Registry().plugins


def test_two_packages_with_one_plugin_are_both_named(site: Path) -> None:
    install(site, "schakel-weather", "schakel_weather", WEATHER)
    install(site, "other-weather", "other_weather", WEATHER)
    with pytest.raises(PluginError, match=r"the plugin 'weather' comes from .*-weather and .*-weather: uninstall one"):
        _ = Registry().plugins


def test_two_modules_with_one_name_are_told(site: Path) -> None:
    install(site, "schakel-weather", "schakel_weather", WEATHER)
    twice = {name: EntryPoint("weather", "schakel_weather", "hub") for name in ("a", "b")}
    with pytest.raises(PluginError, match="two packages bring a plugin module called 'weather': uninstall one of them"):
        _ = Registry(twice).plugins


def test_a_broken_plugin_is_told_in_hub_yaml_with_all_other_mistakes(site: Path, tmp_path: Path) -> None:
    install(site, "schakel-broken", "schakel_broken", "import no_such_module\n")
    (tmp_path / "hub.yaml").write_text("name: Sky\ntimezone: Mars\nconnections:\n  csv: {plugin: files, path: ./x}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_project(tmp_path)
    assert [str(problem)[:60] for problem in caught.value.problems] == [
        "hub.yaml:2:11: there is no time zone 'Mars': try Europe/Amst",
        "hub.yaml:3:1: the plugin 'schakel_broken' (schakel-broken) d",
    ]
