"""Packs: traits, segments and scores that come with the hub; a project switches them on by name in hub.yaml.

They are YAML files in `hub/packs/`, in the form that admins write. What a project defines under the same name goes
before what a pack says.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

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
