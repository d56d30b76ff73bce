"""The generated page packs.md: every pack that comes with the hub, with its traits, scores and segments."""

from __future__ import annotations

from collections.abc import Iterator

from hub.cli.markdown import heading, row
from hub.people.families import members
from hub.project import yaml
from hub.project.form import validate
from hub.project.packs import PackFile, pack_names, pack_path


def packs_page() -> Iterator[str]:
    """Give the lines of the page."""
    yield "# Packs"
    yield ""
    yield "Traits, scores and segments that come with the hub. A project switches them on in hub.yaml:"
    yield ""
    yield "```yaml"
    yield "name: Mia(ou)m"
    yield "packs: [life_cycle, value_tiers, email_activity]"
    yield "```"
    yield ""
    yield "What you define under the same name goes before what a pack says: define `value_tier` anew, and the segments"
    yield "of its pack follow yours. How they are written stands in [traits and segments](traits-and-segments.md)."
    for name in pack_names():
        document, _ = yaml.read(pack_path(name), f"pack {name}")
        pack, _ = validate(PackFile, document)
        if pack is not None:
            yield from _pack(pack)


def _pack(pack: PackFile) -> Iterator[str]:
    yield ""
    yield f"## {pack.pack}"
    yield ""
    yield pack.summary
    if pack.needs:
        yield ""
        yield f"It brings along: {', '.join(pack.needs)}."
    traits = [(member.name, pack.traits[member.definition].summary) for member in members(pack.traits)]
    scores = [(score.score, score.summary) for score in pack.scores]
    segments = [(name, segment.summary) for name, segment in pack.segments.items()]
    for kind, things in (("trait", traits), ("score", scores), ("segment", segments)):
        if things:
            yield ""
            yield from heading(kind, "what it says" if kind != "segment" else "who is in it")
            yield from (row(f"`{name}`", summary) for name, summary in things)
