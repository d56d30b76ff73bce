"""`POST /v1/banners`: a site asks what scenarios decided to show to who is there.

    {"writeKey": "...", "anonymousId": "...", "place": "home", "context": {"consent": {...}}}
    -> {"banners": [{"banner": "toys_again", "place": "home", "until": "...", "content": {...}}]}

A browser is known by its device only, whose name nobody can guess; a customer number is taken from servers only, since
anybody can count. Who is not known, who has no banner and who did not agree to be recognised get the same answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub import log
from hub.contracts import Collector
from hub.errors import HubError, RejectedError
from hub.serve.banners.shown import Shown
from hub.serve.events.callers import Callers, allowed, cross_origin
from hub.serve.events.reading import read_call
from hub.serve.site import Site


class Ask:
    """Answers sites and servers, for the connections whose plugins collect their events."""

    def __init__(self, site: Site, callers: Callers) -> None:
        self._site = site
        self._callers = callers
        self._shown = Shown(site)

    @property
    def routes(self) -> Sequence[Route]:
        """Give the route; none where no connection collects events."""
        return [Route("/v1/banners", self._answer, methods=["POST", "OPTIONS"])] if self._callers.any else ()

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return self._callers.preflight(request)
        try:
            key, call = await read_call(request)
        except RejectedError as error:
            log.get("hub.serve").warning("a question for banners refused", reason=str(error))
            raise HTTPException(400) from None
        name, collector = self._callers.owner(key)
        origin = allowed(request.headers, collector.origins)
        seconds = self._site.questions.take(name)
        if seconds:
            raise HTTPException(429, headers={"Retry-After": str(seconds)})
        headers = cross_origin(origin)
        if not collector.recognises(call):
            return JSONResponse({"banners": []}, headers=headers)
        who = _who(name, collector, call)
        try:
            found = await asyncio.to_thread(self._shown.to, who, _text(call, "place"), self._site.clock())
        except HubError as error:
            log.get("hub.serve").warning("banners can't be told", connection=name, reason=str(error))
            raise HTTPException(503, headers={"Retry-After": "30"}) from None
        return JSONResponse({"banners": [_told(row) for row in found]}, headers=headers)


def _who(connection: str, collector: Collector, call: Mapping[str, Any]) -> list[str]:
    """Give the names of who is asked about: the device, and for a server the customer's number too."""
    names = [f"device|{device}" for device in [_text(call, "anonymousId")] if device]
    # pages show their key to everybody: who has it could go through all numbers there are
    if not collector.origins and (user := _text(call, "userId")):
        names.append(f"user|{connection}|{user}")
    return names


def _told(row: tuple[str, str, str, str]) -> Mapping[str, Any]:
    banner, place, until, content = row
    return {
        "banner": banner,
        "place": place,
        "until": datetime.fromisoformat(until).isoformat(),
        "content": json.loads(content),
    }


def _text(call: Mapping[str, Any], name: str) -> str:
    value = call.get(name)
    return value.strip() if isinstance(value, str) else ""
