"""`/v1/...`: events as analytics libraries send them, so that those of browsers, apps and servers work unchanged.

    POST /v1/track | identify | page | screen | group | alias     one call
    POST /v1/batch | import                                       many
    GET  /v1/pixel/<call>?data=<base64>                           one call, as an image
    GET  /v1/projects/<write key>/settings                        what a library asks before it starts

The write key (as Basic authentication, or in the body) says whose events they are. Calls are kept before they are
answered, each once by its `messageId`. No cookie is set or read.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub import log
from hub.contracts import Collected, Collector
from hub.errors import HubError, RejectedError, TemporaryError
from hub.ledger import Push, sealed_push
from hub.serve.events.callers import Callers, allowed, cross_origin
from hub.serve.events.reading import BATCHES, CALLS, Sent, read, read_pixel
from hub.serve.events.visitors import Visitors
from hub.serve.site import Site

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
UNMETERED = {"sampleRate": 0}
"""The browser's library tells its maker how it is used, unless its settings say not to: no visitor agreed to that."""


class Collect:
    """Takes events for the connections of a project whose plugins collect them."""

    def __init__(self, site: Site, callers: Callers) -> None:
        self._site = site
        self._visitors = Visitors(site)
        self._callers = callers

    @property
    def routes(self) -> Sequence[Route]:
        """Give the routes; none where no connection collects events."""
        if not self._callers.any:
            return ()
        return [
            *(Route(f"/v1/{name}", self._post, methods=["POST", "OPTIONS"]) for name in (*CALLS, *BATCHES)),
            *(Route(f"/v1/pixel/{name}", self._pixel, methods=["GET"]) for name in CALLS),
            Route("/v1/projects/{key}/settings", self._settings, methods=["GET", "OPTIONS"]),
        ]

    async def _post(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return self._callers.preflight(request)
        try:
            sent = await read(request, request.url.path.rpartition("/")[2])
        except RejectedError as error:
            raise _told("", 400, error) from None
        name, collector = self._callers.owner(sent.write_key)
        origin = allowed(request.headers, collector.origins)
        await self._keep(request, sent, name, collector)
        return JSONResponse({"success": True}, headers=cross_origin(origin))

    async def _pixel(self, request: Request) -> Response:
        try:
            sent = read_pixel(request, request.url.path.rpartition("/")[2])
        except RejectedError as error:
            raise _told("", 400, error) from None
        name, collector = self._callers.owner(sent.write_key)
        await self._keep(request, sent, name, collector)
        return Response(PIXEL, media_type="image/gif", headers=cross_origin(""))

    async def _settings(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return self._callers.preflight(request)
        _, collector = self._callers.owner(request.path_params["key"])
        origin = allowed(request.headers, collector.origins)
        public = (self._site.project.hub.public_url or str(request.base_url)).rstrip("/")
        own = {"apiKey": request.path_params["key"], "apiHost": f"{public.partition('://')[2]}/v1"}
        plan: dict[str, object] = {"track": {}, "identify": {}, "group": {}}
        settings = {"integrations": {"Segment.io": own}, "plan": plan, "metrics": UNMETERED}
        return JSONResponse(settings, headers=cross_origin(origin))

    async def _keep(self, request: Request, sent: Sent, name: str, collector: Collector) -> None:
        seconds = self._site.pushes.take(name)
        if seconds:
            raise HTTPException(429, headers={"Retry-After": str(seconds)})
        if sent.refused:
            log.get("hub.serve").warning("calls refused", connection=name, calls=sent.refused)
        visitor = await self._visitors.name(request, name)
        now = self._site.clock()
        try:
            pushes = await asyncio.to_thread(self._collected, sent, name, collector, visitor, now)
            await self._site.keeper.keep(*pushes)
        except RejectedError as error:
            raise _told(name, 400, error) from None
        except TemporaryError as error:
            raise _told(name, 503, error) from None

    def _collected(self, sent: Sent, name: str, collector: Collector, visitor: str, now: datetime) -> list[Push]:
        found = collector.collect(Collected(sent.calls, sent.sent_at, now, visitor))
        key = self._site.project.key
        return [sealed_push(key, name, received.id, received.rows, now) for received in found if received.rows]


def _told(connection: str, status: int, error: HubError) -> HTTPException:
    log.get("hub.serve").warning("events refused", connection=connection, status=status, reason=str(error))
    return HTTPException(status, headers={"Retry-After": "30"} if status == 503 else None)
