"""Where the hub's pages are for the world: the address that links in messages begin with."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _checked(value: str) -> str:
    parts = urlsplit(value)
    if parts.hostname is None or parts.query or parts.fragment or not value.isascii() or set(value) & set(' <>"'):
        raise ValueError("write a full address such as https://mail.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname)):
        raise ValueError("links in messages need https; http is for this machine only")
    return value.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


PublicUrl = Annotated[str, AfterValidator(_checked)]
