"""`/unsubscribe/<token>`: a POST takes somebody off at once, with one click (RFC 8058); a GET only shows a button.

Whoever sends the POST, a mail program or a person at the button, gets the same answer: no cookie is needed, nothing is
redirected, and doing it twice is as good as once.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from hub import log, statements
from hub.ledger import Queued
from hub.serve.body import body_of
from hub.serve.pages.look import Look
from hub.serve.pages.visit import LARGEST_FORM, keep_row, message_of
from hub.serve.site import Site
from hub.tokens import token

TABLE = "hub_unsubscribes"
"""The raw table of what people did here: message_id, at."""


class Unsubscribe:
    """The page behind `unsubscribe_url`."""

    def __init__(self, site: Site, look: Look) -> None:
        self._site = site
        self._look = look

    async def answer(self, request: Request) -> Response:
        """Show the button, or unsubscribe."""
        message_id = message_of(self._site, request, "unsubscribe")
        if message_id is None:
            return self._look.not_found(request)
        said = self._look.words(request)["unsubscribe"]
        choices = f"../preferences/{token(self._site.project.key, 'preferences', message_id)}"
        if request.method != "POST":
            return self._look.page(
                request,
                "button.html",
                said["title"],
                text=said["text"],
                button=said["button"],
                link=choices,
                link_text=said["more"],
            )
        await body_of(request, LARGEST_FORM)
        message = await asyncio.to_thread(self._unsubscribe, message_id)
        if message is None:
            log.get("hub.serve").error("an unsubscribe of a message that the outbox does not have")
            return self._look.not_found(request)
        row = {"message_id": message_id, "at": self._site.clock().isoformat()}
        await keep_row(self._site, message.connection, f"unsubscribed {message_id}", TABLE, row)
        return self._look.page(
            request, "notice.html", said["done_title"], text=said["done"], link=choices, link_text=said["more"]
        )

    def _unsubscribe(self, message_id: str) -> Queued | None:
        """State it in the ledger: it counts from this moment, whatever else fails."""
        statements.unsubscribe(self._site.ledger, message_id, self._site.clock())
        return self._site.ledger.outbox.get(message_id)
