"""What mappings and scenarios say about the words that people agree to, held against consent-texts.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hub.errors import Problem, suggest
from hub.project.project import Origin, Project
from hub.project.yaml import KeyPath

FILE = "consent-texts.yaml"

WITHOUT_WORDS = ("contract", "legitimate interest")

_REFUSAL = re.compile(r"\s*(?:false|case\s+when\b(?:(?!\bthen\b|\belse\b).)*\bthen\s+false\s+end)\s*", re.I | re.S)
"""An expression that can only be false, or say nothing."""


def consent_problems(project: Project) -> Iterator[Problem]:
    """Find texts that are not declared, and scenarios that ask for a confirmation that nobody could give."""
    for mapped in project.mappings:
        origin = project.origin(mapped)
        for position, said in enumerate(mapped.mapping.consent):
            if _REFUSAL.fullmatch(said.given):
                continue  # nobody agrees to anything here
            if said.channel != "all" and said.purpose != "service" and said.basis not in WITHOUT_WORDS:
                yield from _text(project, origin, ("consent", position), said.text, said.channel, said.purpose)
    for name, scenario in project.scenarios.items():
        asked, origin = scenario.confirms, project.origins["scenario", name]
        if asked is None:
            continue
        yield from _text(project, origin, ("confirms",), asked.text, asked.channel, asked.purpose)
        if scenario.purpose != "service":
            message = "who is asked to confirm has not said yes yet: write `purpose: service`, and advertise nothing"
            yield origin.at_key("confirms", message=message)
        if project.hub.public_url is None:
            message = "there is no page to confirm on: set `public_url` in hub.yaml, where `hub serve` can be reached"
            yield origin.at_key("confirms", message=message)


def _text(project: Project, origin: Origin, path: KeyPath, text: str, channel: str, purpose: str) -> Iterator[Problem]:
    if project.consent_texts is None:
        return
    known = project.consent_texts.texts
    if not text:
        yield origin.at_key(*path, message=f"name the `text` that people agreed to: one of {FILE}")
    elif text not in known:
        near = suggest(text, known) or f" There are: {', '.join(known) or 'none'}."
        yield origin.at_value(*path, "text", message=f"{FILE} declares no text '{text}'.{near}")
    elif channel not in known[text].channels or purpose != known[text].purpose:
        asks = f"{known[text].purpose} by {', '.join(known[text].channels)}"
        message = f"the text '{text}' asks for {asks}, not for {purpose} by {channel}"
        yield origin.at_value(*path, "text", message=message)
