"""`/confirm/<token>`: the second yes of a double opt-in, by the press of a button. A link opened says nothing."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from hub import statements
from hub.serve.body import body_of
from hub.serve.pages.look import Look
from hub.serve.pages.visit import LARGEST_FORM, message_of
from hub.serve.site import Site


class Confirm:
    """The page behind `confirm_url`."""

    def __init__(self, site: Site, look: Look) -> None:
        self._site = site
        self._look = look

    async def answer(self, request: Request) -> Response:
        """Show the button, or take the yes."""
        site = self._site
        message_id = message_of(site, request, "confirm")
        if message_id is None:
            return self._look.not_found(request)
        said = self._look.words(request)["confirm"]
        if request.method != "POST":
            text, button = said["text"], said["button"]
            return self._look.page(
                request, "button.html", said["title"], text=text, button=button, link="", link_text=""
            )
        await body_of(request, LARGEST_FORM)
        taken = await asyncio.to_thread(statements.confirm, site.ledger, site.project, message_id, site.clock())
        if not taken:
            return self._look.not_found(request)
        return self._look.notice(request, "confirm", "done_title", "done")
