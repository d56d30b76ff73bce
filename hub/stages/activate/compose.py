"""Compose: from a decided message to one that is rendered and ready to go. The same message gives the same bytes."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from hub.contracts import Channel, Destination, Message
from hub.normalise.names import salutation
from hub.project import Project
from hub.recipients import full_name, recipient
from hub.stages.activate.last_look import Cleared
from hub.templates import NotRenderedError, Renderer

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


def unsubscribe_token(key: bytes, message_id: str) -> str:
    """Make the token of a message's unsubscribe link: it leads back to the message, and can't be guessed."""
    return f"{message_id}.{hmac.new(key, f'unsubscribe|{message_id}'.encode(), sha256).hexdigest()}"


def template_values(given: Mapping[str, Any], unsubscribe_url: str) -> dict[str, Any]:
    """Give all that a template may use: what was decided, the salutation, and the unsubscribe link."""
    return {**given, "salutation": _salutation(given), "unsubscribe_url": unsubscribe_url}


def _message(one: Cleared, project: Project, destination: Destination, renderer: Renderer, pinned: str) -> Message:
    channel: Channel = one.queued.channel  # type: ignore[assignment]  # a column of text
    token = unsubscribe_token(project.key, one.queued.id)
    values = template_values(one.values, destination.unsubscribe_url(token))
    return Message(
        id=one.queued.id,
        channel=channel,
        recipient=recipient(channel, one.address, full_name(one.values)),
        content=renderer.render(pinned, values),
        queued_at=one.queued.queued_at,
        unsubscribe_token=token,
        data=values if channel == "letter" else {},
    )


def _salutation(values: Mapping[str, Any]) -> str | None:
    gender, given_name, prefix, surname, partner_prefix, partner_surname, partner_first = (
        values.get(name) for name in NAMES
    )
    return salutation(gender, given_name, prefix, surname, partner_prefix, partner_surname, bool(partner_first))
