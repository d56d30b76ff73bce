"""Consent with a call: whether its person agreed to be recognised, and what is left of it where they did not.

It fails closed: a call that says nothing about consent is one without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from plugins.sources.events.values import part, text

KEPT_PROPERTIES = ("product_id", "sku", "query", "search", "title")
"""What is kept of an event's properties: things, and words that were looked for. Forms may hold anything."""


def agreed(call: Mapping[str, Any], categories: Sequence[str]) -> bool:
    """Say whether a call carries the consent to be recognised: `true`, and nothing that only looks like it."""
    preferences = part(call, "context", "consent", "categoryPreferences")
    return any(preferences.get(category) is True for category in categories)


def anonymous(call: Mapping[str, Any], visitor: str) -> dict[str, Any] | None:
    """Give what may be kept of a call without consent; None where nothing is left without its person."""
    if call.get("type") not in ("track", "page", "screen"):
        return None
    properties, page = part(call, "properties"), part(call, "context", "page")
    url = text(properties, "url") or text(page, "url")
    return {
        **{
            name: call[name]
            for name in ("type", "event", "name", "timestamp", "originalTimestamp", "sentAt")
            if name in call
        },
        "anonymousId": visitor,
        "properties": {
            **{name: properties[name] for name in KEPT_PROPERTIES if name in properties},
            "url": without_query(url),
        },
        "context": {"locale": text(part(call, "context"), "locale"), "library": part(call, "context", "library")},
    }


def without_query(url: str) -> str:
    """Leave the query and the fragment of an address out: they may name somebody."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme in ("http", "https") else parts.path
