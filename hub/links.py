"""The links that a message offers its reader, each with a token that leads back to the message."""

from __future__ import annotations

from collections.abc import Mapping

from hub.tokens import Kind, token

PAGES: Mapping[str, Kind] = {"preferences_url": "preferences", "confirm_url": "confirm", "survey_url": "survey"}
"""The values that templates get, and the page behind each: `<public_url>/<page>/<token>`."""


def links(key: bytes, public_url: str | None, message_id: str) -> dict[str, str]:
    """Give the links of a message for its template, by their names there; empty where the hub serves no pages."""
    if not public_url:
        return dict.fromkeys(PAGES, "")
    return {name: f"{public_url}/{page}/{token(key, page, message_id)}" for name, page in PAGES.items()}
