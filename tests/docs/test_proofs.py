"""No connector claims a proof that no test gave: what it says is held against the record and the suites that run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, version
from pathlib import Path
from types import ModuleType

import pytest

from hub.contracts import Plugin, Proof
from hub.errors import PluginError
from hub.registry import Registry
from hub.testing import DestinationSuite, LookupWorld, RegisterWorld, SourceWorld
from tests import postgres
from tests_real.proven import RECORD, record

ROOT = Path(__file__).parents[2]
IN_EVERY_RUN = {
    "AsyncSSH": version("asyncssh"),
    "moto": version("moto"),
    "PostgreSQL": postgres.major(),
    "SQLite": sqlite3.sqlite_version,
    "segment-analytics-python": version("segment-analytics-python"),
}
WITHOUT_A_SUITE = {"ga4": "test_ga4.py", "ga4_reports": "test_ga4_reports.py"}
"""What lands whole days or files, so that no suite fits, and the tests of its own."""
CLAIMED = [
    pytest.param(installed.plugin, proof, id=f"{name}: {proof.against} {proof.version}")
    for name, installed in Registry().plugins.items()
    for proof in installed.plugin.proven
]


@cache
def tried() -> frozenset[str]:
    """Give the names of the plugins that a conformance suite of ours tries."""
    for file in sorted((ROOT / "tests" / "plugins").rglob("test_*.py")):
        import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    shapes = (DestinationSuite, SourceWorld, LookupWorld, RegisterWorld)
    plugins = [getattr(one, "plugin", None) for shape in shapes for one in _below(shape)]
    return frozenset(plugin.name for plugin in plugins if plugin is not None)


def _below(shape: type) -> Iterator[type]:
    for one in shape.__subclasses__():
        yield one
        yield from _below(one)


@pytest.mark.parametrize(("plugin", "proof"), CLAIMED)
def test_a_claim_has_a_test_behind_it(plugin: type[Plugin], proof: Proof) -> None:
    if proof.how == "played contract":
        own = ROOT / "tests" / "plugins" / "vendors" / WITHOUT_A_SUITE.get(plugin.name, "none")
        assert plugin.name in tried() or own.exists(), "no conformance suite tries it"
    elif proof.against in IN_EVERY_RUN:
        assert IN_EVERY_RUN[proof.against].startswith(proof.version)
    else:
        ran = json.loads(RECORD.read_text(encoding="utf-8")).get(proof.against.lower().replace(" ", "_"))
        assert ran is not None, f"no run of tests_real proved {proof.against}"
        assert ran["version"].startswith(proof.version)
        assert proof.day <= date.fromisoformat(ran["day"])
        assert ran["tests"] > 0


def test_every_connector_of_this_distribution_was_proven_against_something() -> None:
    ours = [one for one in Registry().plugins.values() if one.package == "schakel"]
    assert [one.plugin.name for one in ours if not one.plugin.proven] == []


def test_a_failed_run_takes_a_proof_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests_real.proven.RECORD", tmp_path / "proven.json")
    proof = {"version": "1.4.5", "day": "2026-11-22", "tests": 3}
    record({"kannel": proof, "odoo": proof})
    record({"odoo": None})
    assert json.loads((tmp_path / "proven.json").read_text(encoding="utf-8")) == {"kannel": proof}


@pytest.mark.parametrize("words", [("seen", "Odoo", "19.0"), ("real system", "", "19.0"), ("real system", "Odoo", "")])
def test_a_proof_that_leaves_something_out_is_none(words: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="a proof "):
        Proof(*words, date(2026, 11, 22))  # type: ignore[arg-type]


def test_a_proof_in_words_is_refused_when_the_plugin_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins.sources.vendure import Vendure

    boast = type("Boast", (Vendure,), {"name": "boast", "proven": "everything, always"})
    module = ModuleType("boast")
    module.hub_plugins = import_module("hub.hookspecs").hookimpl(lambda: [boast])  # type: ignore[attr-defined]
    monkeypatch.setitem(import_module("sys").modules, "boast", module)
    with pytest.raises(PluginError, match=r"'boast' says in words what it was proven against"):
        _ = Registry({"boast": EntryPoint("boast", "boast", "hub")}).plugins
