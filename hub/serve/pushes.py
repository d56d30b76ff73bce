"""`/in/<connection>`: what other systems push. It is kept before it is answered, or refused and not kept.

2xx   it is in the ledger (or was already): the sender need not send it again
400   it can't be read            401   it is not signed as it must be, or too old
404   nobody takes pushes there   408   its body came too slowly   413   it is too large
429   too much at once            503   the ledger does not take it now: send it again
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hub import log
from hub.contracts import Plugin, Pushed, Received
from hub.errors import HubError, RejectedError, TemporaryError, UnsignedError
from hub.failpoints import reach
from hub.ledger import Push, sealed_push
from hub.serve import refusals
from hub.serve.body import body_of
from hub.serve.site import Site

METHODS = ("GET", "POST", "PUT")
"""Some senders ask with a GET first whether the address is ours; what a GET means is for the plugin to say."""


class Pushes:
    """Answers pushes to the connections of a project whose plugins take them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._plugins: Mapping[str, Plugin] = {
            name: connection.open()
            for name, connection in site.project.connections.items()
            if connection.plugin.receives()
        }

    async def answer(self, request: Request) -> Response:
        """Judge one push, keep it and answer it."""
        name = request.path_params["connection"]
        plugin = self._plugins.get(name)
        if plugin is None:
            raise HTTPException(404)
        caller = request.client.host if request.client else ""
        _hold_back(self._site.refusals.wait(caller))
        pushed = Pushed(
            request.method,
            request.path_params.get("rest", "").strip("/"),
            dict(request.query_params),
            {key.lower(): value for key, value in request.headers.items()},
            await body_of(request, self._site.project.hub.serve.largest_push),
            self._site.clock(),
        )
        try:
            received = await asyncio.to_thread(plugin.webhook, pushed)
            push = sealed_push(self._site.project.key, name, received.id, received.rows, pushed.received_at)
            await asyncio.to_thread(refusals.suppress, self._site.ledger, self._site.project.key, name, received)
        except UnsignedError as error:
            self._site.refusals.take(caller)
            raise _told(name, 401, error) from None
        except RejectedError as error:
            raise _told(name, 400, error) from None
        except TemporaryError as error:
            raise _told(name, 503, error) from None
        except HubError as error:
            raise _told(name, 500, error) from None
        if any(received.rows.values()):
            _hold_back(self._site.pushes.take(name))
            reach("push judged, not kept")
            await self._keep(name, push)
            reach("push kept, not answered")
        return _answer(received)

    async def _keep(self, name: str, push: Push) -> None:
        try:
            await self._site.keeper.keep(push)
        except TemporaryError as error:
            raise _told(name, 503, error) from None


def _hold_back(seconds: int) -> None:
    if seconds:
        raise HTTPException(429, headers={"Retry-After": str(seconds)})


def _answer(received: Received) -> Response:
    after = BackgroundTask(_answered)
    if received.answer is None:
        return Response(status_code=204, background=after)
    return PlainTextResponse(received.answer, background=after)


async def _answered() -> None:
    reach("push answered")


def _told(connection: str, status: int, error: HubError) -> HTTPException:
    """Tell the operator why; the sender learns the status only."""
    log.get("hub.serve").warning("push refused", connection=connection, status=status, reason=str(error))
    return HTTPException(status, headers={"Retry-After": "30"} if status == 503 else None)
