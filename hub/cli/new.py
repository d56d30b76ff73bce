"""`hub new`: make a package of its own with a source or a destination, whose tests pass as it is made."""

from __future__ import annotations

import keyword
import re
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hub.cli.answer import Answer
from hub.cli.init import contents_of
from hub.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

Shape = Literal["source", "destination"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def new(shape: Shape, name: str, folder: Path | None) -> Answer:
    """Write the package into a folder, which is named after it where none is given."""
    _judge(name)
    package = f"schakel-{name.replace('_', '-')}"
    folder = folder or Path(package)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is there already and not empty: choose another folder with --to")
    words = {
        "@NAME@": name,
        "@UPPER@": name.upper(),
        "@CLASS@": "".join(part.capitalize() for part in name.split("_")),
        "@PACKAGE@": package,
    }
    written = []
    for path, content in sorted(contents_of(files("hub.cli").joinpath("scaffold", shape))):
        path = _filled(path.removesuffix(".template"), words)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(content, words), encoding="utf-8")
        written.append(path)
    return Answer({"folder": str(folder), "files": written}, lambda console: _show(console, folder, written))


def _judge(name: str) -> None:
    """Refuse a name that can't be a module of Python, or that another plugin has."""
    from hub.registry import GROUP, Registry

    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f": {better}" if _NAME.fullmatch(better) and not keyword.iskeyword(better) else ""
        raise ConfigurationError(
            f"'{name}' can't be the name of a plugin: take small letters, digits and underscores, with a letter first, "
            f"and no word of Python{hint}"
        )
    plugin = Registry().plugins.get(name)
    modules = {point.name: point.dist.name if point.dist else point.value for point in entry_points(group=GROUP)}
    if plugin is not None or name in modules:
        package = plugin.package if plugin is not None else modules[name]
        raise ConfigurationError(f"the name '{name}' is taken by the package {package}: choose another")


def _filled(text: str, words: dict[str, str]) -> str:
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


def _show(console: Console, folder: Path, written: list[str]) -> None:
    console.print(f"Made {folder} with {len(written)} files.", markup=False)
    console.print(f"Next: cd {folder}; python -m pytest; pip install -e .", markup=False)
