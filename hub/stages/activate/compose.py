"""Compose: from a decided message to one that is rendered and ready to go. The same message gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.contracts import Channel, Destination, Message
from hub.links import links
from hub.normalise.names import salutation
from hub.project import Project
from hub.recipients import full_name, recipient
from hub.stages.activate.last_look import Cleared
from hub.templates import NotRenderedError, Renderer
from hub.tokens import token

NAMES = ("gender", "given_name", "prefix", "surname", "partner_prefix", "partner_surname", "partner_first")


def compose(
    cleared: Sequence[Cleared],
    project: Project,
    destination: Destination,
    renderer: Renderer,
    templates: Mapping[str, str],
) -> tuple[list[Message], dict[str, str]]:
    """Render messages; give those that can go, and id -> reason for those that can't be rendered."""
    ready: list[Message] = []
    unrenderable: dict[str, str] = {}
    for one in cleared:
        pinned = templates.get(one.queued.template)
        if pinned is None:
            unrenderable[one.queued.id] = "its template is not in the ledger"
            continue
        try:
            ready.append(_message(one, project, destination, renderer, pinned))
        except NotRenderedError as error:
            unrenderable[one.queued.id] = str(error)
    return ready, unrenderable


def template_values(given: Mapping[str, Any], offered: Mapping[str, str]) -> dict[str, Any]:
    """Give all that a template may use: what was decided, the salutation, and the links that a message offers."""
    return {**given, "salutation": _salutation(given), **offered}


def _message(one: Cleared, project: Project, destination: Destination, renderer: Renderer, pinned: str) -> Message:
    channel: Channel = one.queued.channel  # type: ignore[assignment]  # a column of text
    unsubscribe = token(project.key, "unsubscribe", one.queued.id)
    offered = links(project.key, project.hub.public_url, one.queued.id)
    values = template_values(one.values, {**offered, "unsubscribe_url": destination.unsubscribe_url(unsubscribe)})
    return Message(
        id=one.queued.id,
        channel=channel,
        recipient=recipient(channel, one.address, full_name(one.values)),
        content=renderer.render(pinned, values),
        queued_at=one.queued.queued_at,
        unsubscribe_token=unsubscribe,
        data=values if channel == "letter" else {},
    )


def _salutation(values: Mapping[str, Any]) -> str | None:
    gender, given_name, prefix, surname, partner_prefix, partner_surname, partner_first = (
        values.get(name) for name in NAMES
    )
    return salutation(gender, given_name, prefix, surname, partner_prefix, partner_surname, bool(partner_first))
