"""Plugins keep to hub's public names and do not know each other; hub names no plugin."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PUBLIC = {
    "hub.arrow",
    "hub.contracts",
    "hub.documented",
    "hub.errors",
    "hub.hookspecs",
    "hub.in_turn",
    "hub.incoming",
    "hub.incremental",
    "hub.lake",
    "hub.log",
    "hub.normalise",
    "hub.oauth",
    "hub.outgoing",
    "hub.patience",
    "hub.templated",
    "hub.units",
}
GUIDE = ROOT / "docs" / "writing-plugins.md"
PLUGINS = sorted(ROOT.glob("plugins/*/*.py")) + sorted(ROOT.glob("plugins/*/*/*.py"))


def imports(file: Path) -> set[str]:
    """Name the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"hub.{alias.name}" for alias in node.names} if node.module == "hub" else {node.module}
    return found


@pytest.mark.parametrize("file", PLUGINS, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_plugin_imports_only_public_names_of_hub_and_no_other_plugin(file: Path) -> None:
    for module in imports(file):
        if module.startswith("hub"):
            assert any(module == name or module.startswith(f"{name}.") for name in PUBLIC), module
        if module.startswith("plugins"):
            assert vendor(module) in {vendor(".".join(file.relative_to(ROOT).with_suffix("").parts)), *speaks(file)}, (
                module
            )


def test_the_guide_names_what_a_plugin_may_import() -> None:
    sentence = GUIDE.read_text(encoding="utf-8").partition("What you may import:")[2].partition("Everything")[0]
    assert set(re.findall(r"`(hub\.\w+)`", sentence)) == PUBLIC


def vendor(module: str) -> str:
    """Name whose a module is: what a vendor reads and what it is sent may know each other."""
    _, kind, *rest = module.split(".")
    return kind if kind in ("vendors", "scorers") else rest[0]


def speaks(file: Path) -> set[str]:
    """Vendors of which a file tells everything are told to the plugins `rest`, `sms_http` and `files`."""
    return {"rest", "sms_http", "files"} if file.parent.name == "vendors" else set()


def test_there_are_plugins_to_look_at() -> None:
    assert len(PLUGINS) >= 7


def test_hub_imports_no_plugin() -> None:
    for file in ROOT.glob("hub/**/*.py"):
        assert not any(module.split(".")[0] == "plugins" for module in imports(file)), file
