"""The application: which address leads where."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from hub import log
from hub.errors import ConfigurationError, TemporaryError
from hub.serve.banners import Ask
from hub.serve.events import Callers, Collect
from hub.serve.guard import Guard
from hub.serve.pages.confirm import Confirm
from hub.serve.pages.look import Look
from hub.serve.pages.preferences import Preferences
from hub.serve.pages.survey import Survey
from hub.serve.pages.unsubscribe import Unsubscribe
from hub.serve.pushes import METHODS, Pushes
from hub.serve.site import Site

Answer = Callable[[Request], Awaitable[Response]]


class Page(Protocol):
    """A page behind a link."""

    async def answer(self, request: Request) -> Response:
        """Show it at a GET, do what it is for at a POST."""


def application(site: Site) -> ASGIApp:
    """Make the ASGI application of a project. Raises ConfigurationError without a signing key."""
    if not site.project.key:
        raise ConfigurationError("HUB_KEY is not set: links are checked, and what is pushed is sealed, with it")
    pushes, callers = Pushes(site), Callers(site)
    look = Look(site.project.templates, site.project.hub.name, site.project.hub.locale)
    pages: dict[str, Page] = {
        "unsubscribe": Unsubscribe(site, look),
        "preferences": Preferences(site, look),
        "confirm": Confirm(site, look),
        "survey": Survey(site, look),
    }
    routes = [
        Route("/healthz", _Health(site).answer, methods=["GET"]),
        Route("/in/{connection}", pushes.answer, methods=[*METHODS]),
        Route("/in/{connection}/{rest:path}", pushes.answer, methods=[*METHODS]),
        *(Route(f"/{kind}/{{token}}", _told(page, look), methods=["GET", "POST"]) for kind, page in pages.items()),
        *Collect(site, callers).routes,
        *Ask(site, callers).routes,
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return Guard(app, tls=(site.project.hub.public_url or "").startswith("https:"))


def _told(page: Page, look: Look) -> Answer:
    """Show a page, and where the ledger does not answer, another one: nobody believes that something was kept."""

    async def answer(request: Request) -> Response:
        try:
            return await page.answer(request)
        except TemporaryError as error:
            log.get("hub.serve").warning("a page waits for the ledger", reason=str(error))
            return look.too_late(request)

    return answer


class _Health:
    """`/healthz`: 200 while the ledger answers, 503 while it does not."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def answer(self, request: Request) -> Response:
        """Ask the ledger."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self._site.ledger.inbox.reach), timeout=5)
        except Exception as error:  # noqa: BLE001 - whatever it is, this server can't keep anything
            return PlainTextResponse(f"the ledger does not answer: {type(error).__name__}\n", 503)
        return PlainTextResponse("ok\n")
