"""`hub plugins`: what is installed, what it can do, and who uses it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import FILE, folder_of

if TYPE_CHECKING:
    from rich.console import Console


def plugins(folder: Path | None) -> Answer:
    """List the plugins; inside a project, with the connections that use them."""
    from hub.registry import Registry

    used = _used(folder)
    data = [
        {
            "name": name,
            "shape": installed.shape,
            "summary": installed.plugin.summary,
            "package": installed.package,
            "version": installed.version,
            "keys": _keys(installed.plugin.config_model),
            "proven": installed.plugin.proven,
            "can": abilities(installed.plugin),
            "connections": used.get(name, []),
        }
        for name, installed in Registry().plugins.items()
    ]
    return Answer(data, lambda console: _table(console, data))


def _keys(model: Any) -> dict[str, str]:
    return {field.alias or name: field.description or "" for name, field in model.model_fields.items()}


def abilities(plugin: Any) -> list[str]:
    """Say which of the optional parts of its shape a plugin has."""
    from hub.contracts import Destination, DoNotContactRegister, Lookup, Source

    able = []
    if issubclass(plugin, DoNotContactRegister):
        able.append("knows who must not be contacted")
    if issubclass(plugin, Lookup):
        able.append("knows more of organisations")
    if issubclass(plugin, Source):
        able.append("brings data in")
    if issubclass(plugin, Destination):
        optional = {
            "send": "sends messages",
            "sync": "takes audiences and rows",
            "ask": "says what became of messages",
            "feedback": "brings reactions back",
            "unsubscribe_url": "gives unsubscribe links",
        }
        able += [
            word for method, word in optional.items() if getattr(plugin, method) is not getattr(Destination, method)
        ]
    if plugin.receives():
        able.append("takes pushes")
    return [*able, *(["brings a mapping"] if plugin.default_mapping else [])]


def proof(proven: str) -> str:
    """Say against what a plugin was proven."""
    return f"proven against {proven}" if proven else "unverified against the live service"


def _used(folder: Path | None) -> dict[str, list[str]]:
    """Read which connections use which plugin, from hub.yaml alone: it may have mistakes elsewhere."""
    from hub.errors import ConfigurationError
    from hub.project.yaml import read

    try:
        document, _ = read(folder_of(folder) / FILE, FILE)
    except ConfigurationError:
        if folder is not None:
            raise
        return {}
    connections = document.get(("connections",))
    found: dict[str, list[str]] = {}
    for name, entry in connections.items() if isinstance(connections, dict) else ():
        if isinstance(entry, dict):
            found.setdefault(str(entry.get("plugin")), []).append(str(name))
    return found


def _table(console: Console, data: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for plugin in data:
        package = f"{plugin['package']} {plugin['version']}".strip()
        used = f"; used by {', '.join(plugin['connections'])}" if plugin["connections"] else ""
        told = Text(plugin["summary"].removesuffix("."))
        told.append(f"\n{', '.join(plugin['can'])} ({package}){used}", style="dim")
        told.append(f"\n{proof(plugin['proven'])}", style="dim")
        table.add_row(Text(plugin["name"], style="bold"), plugin["shape"], told)
    console.print(table)
