"""Everybody's mailbox: an SMTP server that keeps what it receives, and recipients who then react.

They open, click, complain and unsubscribe. They decide by a hash of the mail's Message-ID, so that the same mails
always meet the same reactions.
"""

from __future__ import annotations

import hashlib
import json
import re
from asyncio import Server
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from threading import Lock
from typing import Any, Self

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from examples.miaoum.servers.loopback import Answer, LoopbackServer, Request

Reaction = dict[str, Any]
ONE_CLICK = "List-Unsubscribe=One-Click"
#: What happens to how many of 1,000 mails; the rest is delivered and stays unread.
REACTIONS: tuple[tuple[str, int], ...] = (
    ("hard bounce", 20),
    ("soft bounce", 15),
    ("complaint", 15),
    ("unsubscribe", 40),
    ("click", 220),
    ("open", 300),
)


@dataclass(frozen=True)
class ReceivedMail:
    """One mail as it arrived. `copies` counts how often this Message-ID came in: more than one is a double."""

    message_id: str
    recipients: tuple[str, ...]
    message: EmailMessage = field(repr=False)
    copies: int = 1

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def unsubscribe_url(self) -> str | None:
        """Where a one-click unsubscribe goes; None where the mail does not offer one (RFC 8058)."""
        if str(self.message["List-Unsubscribe-Post"] or "").replace(" ", "") != ONE_CLICK:
            return None
        found = re.search(r"<(https?://[^>]+)>", str(self.message["List-Unsubscribe"] or ""))
        return found.group(1) if found else None

    @property
    def links(self) -> list[str]:
        """The links of the HTML part that lead to a page, in order, without the unsubscribe link."""
        part = self.message.get_body(("html",))
        if part is None:
            return []
        finder = LinkFinder()
        finder.feed(part.get_content())
        return [link for link in finder.links if link.startswith("http") and link != self.unsubscribe_url]


class LinkFinder(HTMLParser):
    """Collects what the anchors of a page lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target:
            self.links.append(target)


class FreePort(Controller):
    """aiosmtpd's controller, on a port that the operating system chooses."""

    def _trigger_server(self) -> None:
        if isinstance(self.server, Server):
            self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


class Mailbox(LoopbackServer):
    """SMTP at `host`:`smtp_port`; HTTP at `url`, where `/unsubscribe/...` takes one-click POSTs.

    With `keep`, each mail is also written there as an .eml file, for a person to look at.
    """

    host = "127.0.0.1"

    def __init__(self, keep: Path | None = None) -> None:
        super().__init__()
        self._keep = keep
        self._lock = Lock()
        self._mails: dict[str, ReceivedMail] = {}
        self._played: set[str] = set()
        self._unsubscribed: set[str] = set()
        self._reported: set[str] = set()
        self._smtp: FreePort | None = None

    @property
    def mails(self) -> list[ReceivedMail]:
        """What was received, in order of arrival; one entry per Message-ID."""
        with self._lock:
            return list(self._mails.values())

    @property
    def smtp_port(self) -> int:
        if self._smtp is None:
            raise RuntimeError("Mailbox is not running: call start() first.")
        return int(self._smtp.port)

    @property
    def unsubscribe_url(self) -> str:
        return f"{self.url}/unsubscribe"

    def start(self) -> Self:
        super().start()
        self._smtp = FreePort(self, hostname=self.host, port=0)
        self._smtp.start()
        return self

    def stop(self) -> None:
        if self._smtp is not None:
            self._smtp.stop()
            self._smtp = None
        super().stop()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take one mail in (aiosmtpd calls this)."""
        raw = bytes(envelope.original_content or b"")
        message = message_from_bytes(raw, policy=policy.default)
        message_id = str(message["Message-ID"] or "").strip()
        if not message_id:
            return "550 5.6.0 a mail without Message-ID is not accepted here"
        with self._lock:
            known = self._mails.get(message_id)
            mail = ReceivedMail(message_id, tuple(envelope.rcpt_tos), message, known.copies + 1 if known else 1)
            self._mails[message_id] = mail
        if self._keep is not None:
            self._keep.mkdir(parents=True, exist_ok=True)
            (self._keep / f"{digest(message_id)[:16]}.eml").write_bytes(raw)
        return "250 2.0.0 OK"

    def answer(self, request: Request) -> Answer:
        """Only a one-click POST unsubscribes; a GET, as link scanners do it, never does."""
        if not request.path.startswith("/unsubscribe"):
            return Answer(404, {"error": "there is nothing here"})
        if request.method != "POST" or request.body.decode("ascii", "replace").strip() != ONE_CLICK:
            return Answer(200, {"message": f"nothing changed: to unsubscribe, POST {ONE_CLICK}"})
        with self._lock:
            for mail in self._mails.values():
                address = mail.unsubscribe_url
                if (
                    address
                    and address.removeprefix(self.url).partition("?")[0] == request.path
                    and asks(address, request)
                ):
                    self._unsubscribed.add(mail.message_id)
                    return Answer(200, {"message": "unsubscribed"})
        return Answer(404, {"error": "this link is unknown"})

    def react(self, folder: Path, seed: int, at: datetime) -> Path | None:
        """Let the recipients of new mails react, from `at` on; returns the file written, if any.

        One JSON object per line: event_id, message_id, type (delivered, opened, clicked, bounced, soft_bounced,
        complained, unsubscribed), at, and url or code where they apply. A second call without new mails writes nothing.
        """
        start = at.astimezone(UTC)
        events: list[Reaction] = []
        for mail in self.mails:
            if mail.message_id not in self._played:
                self._played.add(mail.message_id)
                events.extend(self._play(mail, seed, start))
        for mail in self.mails:
            if mail.message_id in self._unsubscribed - self._reported:
                self._reported.add(mail.message_id)
                events.append(reaction(mail, "unsubscribed", start + reading_time(mail, seed) + timedelta(minutes=2)))
        if not events:
            return None
        events.sort(key=lambda event: (event["at"], event["event_id"]))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"reactions-{start:%Y%m%dT%H%M%S}-{digest(events[0]['event_id'])[:8]}.jsonl"
        path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        return path

    def _play(self, mail: ReceivedMail, seed: int, at: datetime) -> list[Reaction]:
        wish = choose(dice(mail, seed) // 600 % 1000)
        if wish == "hard bounce":
            return [reaction(mail, "bounced", at + timedelta(seconds=20), code="5.1.1")]
        if wish == "soft bounce":
            return [reaction(mail, "soft_bounced", at + timedelta(seconds=40), code="4.2.2")]
        events = [reaction(mail, "delivered", at + timedelta(seconds=5))]
        if wish is None:
            return events
        opened = at + reading_time(mail, seed)
        events.append(reaction(mail, "opened", opened))
        if wish == "click" and mail.links:
            link = mail.links[dice(mail, seed) % len(mail.links)]
            events.append(reaction(mail, "clicked", opened + timedelta(seconds=30), url=link))
        if wish == "complaint" or (wish == "unsubscribe" and not self._unsubscribe(mail)):
            events.append(reaction(mail, "complained", opened + timedelta(minutes=1)))
        return events

    def _unsubscribe(self, mail: ReceivedMail) -> bool:
        """Do what a mail program does for its user: one cookieless POST. Without such a link the reader complains."""
        address = mail.unsubscribe_url
        if address is None or not address.startswith(self.url):
            return False
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return httpx.post(address, content=ONE_CLICK, headers=headers, follow_redirects=False).is_success


def dice(mail: ReceivedMail, seed: int) -> int:
    return int(digest(f"{seed} {mail.message_id}")[:12], 16)


def reading_time(mail: ReceivedMail, seed: int) -> timedelta:
    """How long this recipient leaves the mail unread: up to ten hours."""
    return timedelta(minutes=1 + dice(mail, seed) % 600)


def reaction(mail: ReceivedMail, kind: str, at: datetime, **extra: str) -> Reaction:
    """One event; its id follows from the mail and the kind, so that the same reaction always has the same id."""
    identity = f"re_{digest(f'{mail.message_id} {kind}')[:20]}"
    return {"event_id": identity, "message_id": mail.message_id, "type": kind, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"} | extra


def asks(address: str, request: Request) -> bool:
    """Whether the request carries the same query as the address of a mail: the token may be in there."""
    return httpx.URL(address).params == httpx.QueryParams(dict(request.query))


def choose(point: int) -> str | None:
    """The reaction at a point of 0..999; None for a mail that is delivered and stays unread."""
    for reaction, share in REACTIONS:
        if point < share:
            return reaction
        point -= share
    return None


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
