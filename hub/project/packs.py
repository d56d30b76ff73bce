"""Packs: traits, segments and scores that come with the hub; a project switches them on by name in hub.yaml.

They are YAML files in `hub/packs/`, in the form that admins write. What a project defines under the same name goes
before what a pack says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from hub.errors import suggest
from hub.project import yaml
from hub.project.form import validate
from hub.project.models import Form
from hub.project.scores import Score
from hub.project.segments import Segment
from hub.project.traits import Trait

FOLDER = Path(__file__).parent.parent / "packs"


class PackFile(Form):
    """hub/packs/*.yaml."""

    pack: str = Field(description="Its name.")
    summary: str = Field(description="What it is for, in one line.")
    needs: list[str] = Field(default_factory=list, description="The packs that it builds on.")
    traits: dict[str, Trait] = Field(default_factory=dict, description="Its traits by name.")
    segments: dict[str, Segment] = Field(default_factory=dict, description="Its segments by name.")
    scores: list[Score] = Field(default_factory=list, description="Its scores.")


def pack_names() -> list[str]:
    """Name the packs that come with the hub."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def pack_path(name: str) -> Path:
    """Give the file of a pack."""
    return FOLDER / f"{name}.yaml"


def comes_with(kind: Literal["trait", "segment"], name: str) -> str:
    """Say which pack gives a name, where one does: a hint for who uses it without the pack. Scores are traits too."""
    pack = _givers().get((kind, name.lower()))
    return f" It comes with the pack `{pack}`: add it to `packs:` in hub.yaml." if pack else ""


def no_segment(name: str, known: Collection[str]) -> str:
    """Tell that there is no such segment, and which pack would bring it or which name is near."""
    return f"there is no segment '{name}'.{comes_with('segment', name) or suggest(name, known)}"


@cache
def _givers() -> Mapping[tuple[str, str], str]:
    """Give the pack of every trait, score and segment; read only when somebody asks for a name that is not there."""
    found: dict[tuple[str, str], str] = {}
    for pack in pack_names():
        form, _ = validate(PackFile, yaml.read(pack_path(pack), f"pack {pack}")[0])
        if form is not None:
            traits = [*form.traits, *(name for it in form.scores for name in (it.score, f"{it.score}_reason"))]
            found |= {("trait", name): pack for name in traits} | {("segment", name): pack for name in form.segments}
    return found
