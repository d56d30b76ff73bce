"""`/preferences/<token>`: by which channels and for what somebody may be contacted; what is changed is a statement.

Where the project declares the words that people agree to (consent-texts.yaml), each box shows those in force, and a
yes names them; a channel without any can be refused, and not agreed to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from hub import statements
from hub.contracts import Destination
from hub.ledger import Queued
from hub.serve.pages.look import Look
from hub.serve.pages.standing import Standing, standing
from hub.serve.pages.visit import form_of, message_of
from hub.serve.site import Site
from hub.statements import Choice

PURPOSES = ("marketing", "profiling")
"""What the page offers, in this order. Service messages go without consent, and are refused in their own way."""


@dataclass(frozen=True)
class Offer:
    """One box: what it says yes to, the words beside it with their language, and the name of that text."""

    channel: str
    purpose: str
    text: str
    words: str = ""
    language: str = ""
    can_agree: bool = True

    @property
    def value(self) -> str:
        """Name it in the form."""
        return f"{self.channel}:{self.purpose}"


class Preferences:
    """The page behind `preferences_url`."""

    def __init__(self, site: Site, look: Look) -> None:
        self._site = site
        self._look = look
        self._channels = _channels(site)

    async def answer(self, request: Request) -> Response:
        """Show what stands, or take what was changed."""
        message_id = message_of(self._site, request, "preferences")
        message = await asyncio.to_thread(self._site.ledger.outbox.get, message_id) if message_id else None
        if message is None:
            return self._look.not_found(request)
        if request.method != "POST":
            return self._show(request, await asyncio.to_thread(standing, self._site, message))
        form = await form_of(request)
        if form.get("do") == ["stop"]:
            await asyncio.to_thread(statements.object_to_marketing, self._site.ledger, message.id, self._site.clock())
        else:
            await self._save(request, message, form.get("yes", ()), form.get("was", ()))
        return self._look.notice(request, "preferences", "done_title", "done", link="?")

    async def _save(self, request: Request, message: Queued, yes: Sequence[str], was: Sequence[str]) -> None:
        """State what was changed: a box that was left as it was shown says nothing new."""
        chosen = [
            Choice(offer.channel, offer.purpose, offer.value in yes, offer.text)
            for offer in self._offers(request)
            if (offer.value in yes) != (offer.value in was) and (offer.can_agree or offer.value not in yes)
        ]
        if chosen:
            await asyncio.to_thread(statements.choose, self._site.ledger, message.id, chosen, self._site.clock())

    def _show(self, request: Request, stands: Standing) -> Response:
        said = self._look.words(request)
        offers = [
            offer
            for offer in self._offers(request)
            if offer.can_agree or stands.get((offer.channel, offer.purpose), False)
        ]
        groups = [
            {
                "title": said["purposes"][purpose],
                "choices": [
                    {
                        "value": offer.value,
                        "label": said["channels"][offer.channel],
                        "given": stands.get((offer.channel, purpose), False),
                        "words": offer.words,
                        "language": offer.language,
                    }
                    for offer in offers
                    if offer.purpose == purpose
                ],
            }
            for purpose in PURPOSES
        ]
        own = said["preferences"]
        shown = [group for group in groups if group["choices"]]
        return self._look.page(
            request,
            "preferences.html",
            own["title"],
            text=own["text"],
            save=own["save"],
            stop=own["stop"],
            groups=shown,
        )

    def _offers(self, request: Request) -> list[Offer]:
        """Give the boxes, with the words in force."""
        declared = self._site.project.consent_texts
        if declared is None:
            return [
                Offer(channel, purpose, self._own_text(request)) for purpose in PURPOSES for channel in self._channels
            ]
        today = self._site.project.terms.day(self._site.clock())
        language = self._look.language(request)
        found: dict[tuple[str, str], Offer] = {
            (channel, "marketing"): Offer(channel, "marketing", "", can_agree=False) for channel in self._channels
        }
        for name, text in sorted(declared.texts.items(), key=lambda item: (item[1].from_, item[0])):
            if text.from_ <= today and (text.until is None or today < text.until):
                shown = language if language in text.words else next(iter(text.words))
                found |= {
                    (channel, text.purpose): Offer(channel, text.purpose, name, text.words[shown], shown)
                    for channel in text.channels
                }
        return [found[key] for key in sorted(found)]

    def _own_text(self, request: Request) -> str:
        """Name the words of the page itself: other words are another text."""
        said = self._look.words(request)
        shown = repr((said["preferences"], said["channels"], said["purposes"])).encode()
        return f"hub-preferences-{self._look.language(request)}-{sha256(shown).hexdigest()[:8]}"


def _channels(site: Site) -> tuple[str, ...]:
    """Give the channels by which this project contacts people."""
    plugins = [connection.open() for connection in site.project.destinations]
    sends = {plugin.capabilities.channel for plugin in plugins if isinstance(plugin, Destination)}
    syncs = {sync.consent.channel for sync in site.project.syncs.values() if sync.consent is not None}
    return tuple(channel for channel in ("email", "sms", "letter", "phone", "ads") if channel in sends | syncs)
