"""What the tests of text message vendors share: messages, who pushes, and how networks count parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.contracts import Destination, Message, PhoneRecipient, Place, Pushed
from hub.testing.destinations import sample_message

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PHONE = "+31612345678"
HUB = "https://hub.example"
_TWICE = set("^{}\\[~]|€")
_ONCE = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ÄÖÑÜ§¿äöñüà") | set(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)


def text(content: str, phone: str = PHONE, number: int = 1) -> Message:
    message = replace(sample_message("sms", number), content={"text": content}, recipient=PhoneRecipient(phone))
    return replace(message, id=f"{number:032x}")


def made(plugin: Any, public_url: str = HUB, **settings: Any) -> Destination:
    config = plugin.config_model(allow_private=True, **settings)
    destination: Destination = plugin(config, Place("sms", Path(), public_url=public_url))
    return destination


def get(query: Mapping[str, str], path: str = "", **headers: str) -> Pushed:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Pushed("GET", path, query, named, b"", NOW)


def post(body: bytes, kind: str, path: str = "", query: Mapping[str, str] | None = None, **headers: str) -> Pushed:
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"content-type": kind}
    return Pushed("POST", path, query or {}, named, body, NOW)


def parts(content: str) -> int:
    """Count parts as a network does; for texts in which no escape falls on the edge of a part."""
    if set(content) <= _ONCE | _TWICE:
        units, alone, joined = len(content) + sum(letter in _TWICE for letter in content), 160, 153
    else:
        units, alone, joined = len(content.encode("utf-16-be")) // 2, 70, 67
    return 1 if units <= alone else -(-units // joined)
