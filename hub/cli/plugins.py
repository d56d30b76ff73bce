"""`hub plugins`: what is installed, what it can do, what it was proven against, and who uses it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.answer import Answer
from hub.cli.project import FILE, folder_of

if TYPE_CHECKING:
    from rich.console import Console

    from hub.contracts import Proof
    from hub.registry import Installed

NOTHING = "nothing yet"


def plugins(folder: Path | None, name: str | None = None) -> Answer:
    """List the plugins, or tell all of one; inside a project, with the connections that use them.

    Raises PluginError for a name that no plugin has.
    """
    from hub.registry import Registry

    registry, used = Registry(), _used(folder)
    if name is not None:
        registry.get(name)
        one = _told(name, registry.plugins[name], used)
        return Answer(one, lambda console: _page(console, one))
    data = [_told(name, installed, used) for name, installed in registry.plugins.items()]
    return Answer(data, lambda console: _list(console, data))


def _told(name: str, installed: Installed, used: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "name": name,
        "shape": installed.shape,
        "summary": installed.plugin.summary,
        "package": installed.package,
        "version": installed.version,
        "keys": _keys(installed.plugin.config_model),
        "proven": [asdict(proof) for proof in installed.plugin.proven],
        "can": abilities(installed.plugin),
        "connections": used.get(name, []),
    }


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


def proof_in_full(proof: Proof) -> str:
    """Say in a sentence against what something was proven."""
    how = {
        "real system": "which ran for real",
        "played contract": "played by a server of the tests; the live service is unverified",
    }
    return f"{proof.against} ({proof.version}), {how[proof.how]}; {proof.day}"


def _in_short(proven: list[dict[str, Any]]) -> str:
    """Name the real systems; else say what was played, and that the live service was not asked."""
    real = [f"{proof['against']} {proof['version']}" for proof in proven if proof["how"] == "real system"]
    if not proven:
        return f"proven against {NOTHING}"
    day = max(proof["day"] for proof in proven)
    if real:
        return f"proven against {', '.join(real)}, {day}"
    return f"proven against {proven[0]['against']}, {day}; unverified against the live service"


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


def _list(console: Console, data: list[dict[str, Any]]) -> None:
    """Two lines each, however narrow the window: its own folding keeps them readable, and a pipe gets whole lines."""
    from rich.text import Text

    for plugin in data:
        told = Text(plugin["name"], style="bold")
        told.append(f"  {plugin['shape']}; {_in_short(plugin['proven'])}{_using(plugin)}", style="not bold dim")
        told.append(f"\n    {plugin['summary'].removesuffix('.')}", style="not bold")
        console.print(told, soft_wrap=True, highlight=False)
    console.print("`hub plugins NAME` tells what one can do, its keys, and what it was proven against", style="dim")


def _page(console: Console, plugin: dict[str, Any]) -> None:
    from rich.text import Text

    from hub.contracts import Proof

    told = Text(plugin["name"], style="bold")
    told.append(f"  {plugin['shape']} ({plugin['package']} {plugin['version']}){_using(plugin)}", style="not bold dim")
    told.append(f"\n{plugin['summary'].removesuffix('.')}\n", style="not bold")
    proofs = [proof_in_full(Proof(**proof)) for proof in plugin["proven"]] or [NOTHING]
    keys = [f"{key}: {about}" if about else key for key, about in plugin["keys"].items() if key != "plugin"]
    for title, lines in (("can", plugin["can"]), ("proven against", proofs), ("keys", keys)):
        told.append(f"\n{title}\n")
        told.append("".join(f"  {line}\n" for line in lines), style="not bold")
    console.print(told, soft_wrap=True, highlight=False, end="")


def _using(plugin: dict[str, Any]) -> str:
    return f"; used by {', '.join(plugin['connections'])}" if plugin["connections"] else ""
