"""Visitors without cookies: a name for a browser that holds until midnight, from its address and its user agent.

Neither is kept: what is kept is a hash of them with the salt of the day, which is thrown away when the day is over.
"""

from __future__ import annotations

import asyncio
import hmac
from datetime import date

from starlette.requests import Request

from hub.serve.site import Site

BYTES = 12


class Visitors:
    """Names visitors for all connections of a site; somebody who visits two of them has two names."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._salt: tuple[date, bytes] | None = None

    async def name(self, request: Request, connection: str) -> str:
        """Give the visitor of a request; empty where no browser sent it."""
        agent = request.headers.get("user-agent", "")
        if not agent.startswith("Mozilla/") or request.client is None:
            return ""
        salt = await self._salt_of(self._site.project.calendar.day(self._site.clock()))
        told = "|".join([connection, request.client.host, agent])
        return "day-" + hmac.digest(salt, told.encode(errors="replace"), "sha256")[:BYTES].hex()

    async def _salt_of(self, day: date) -> bytes:
        if self._salt is None or self._salt[0] != day:
            self._salt = (day, await asyncio.to_thread(self._site.ledger.day_salts.of, day))
        return self._salt[1]
