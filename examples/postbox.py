"""`python -m examples.postbox`: the outside world of the small examples, on this machine.

It takes the mails and text messages that the examples send, and the rows that they keep at a site, shows them, and
answers as a provider does. Into each small example it writes an `.env` that says where it listens, so that
`hub run --project examples/zoro` works as it stands. Letters go to the example's `out/letters`.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any

from examples.miaoum.servers.audience import AudienceServer
from examples.miaoum.servers.loopback import Answer, Request
from examples.miaoum.world import read_env, write_env

HERE = Path(__file__).parent
NOWHERE = "@weg.example"
EXAMPLES = ("zoro", "retailer", "publisher", "travel", "insurer", "car")


@dataclass(frozen=True)
class Received:
    """One message as it came in."""

    channel: str
    to: str
    subject: str
    text: str


class Postbox(AudienceServer):
    """POST `/messages` takes messages, each id once; POST `/audiences` takes rows. Both signed by Standard Webhooks.

    Addresses that end in `@weg.example` are refused, as a provider refuses a mailbox that does not exist.
    """

    def __init__(self, secret: str, shows: bool = False) -> None:
        super().__init__(secret)
        self._shows = shows
        self._received: dict[str, Received] = {}
        self._doubles = 0

    @property
    def received(self) -> list[Received]:
        """The messages taken, in order of arrival."""
        return list(self._received.values())

    @property
    def doubles(self) -> int:
        """How often a message came in that had been taken already."""
        return self._doubles

    def answer(self, request: Request) -> Answer:
        if request.path != "/messages":
            return super().answer(request)
        complaint = self._verify(request)
        if complaint:
            return Answer(401, {"error": complaint})
        batch = request.json() or {}
        results = [self._take(str(batch.get("channel")), message) for message in batch.get("messages", [])]
        return Answer(200, {"results": results})

    def _take(self, channel: str, message: Mapping[str, Any]) -> dict[str, str]:
        to = message["recipient"].get("email") or message["recipient"]["phone"]
        if to.endswith(NOWHERE):
            return {"id": message["id"], "status": "rejected", "reason": "there is no such address"}
        content = message["content"]
        received = Received(channel, to, content.get("subject", ""), content["text"])
        if self._shows and message["id"] not in self._received:
            print(f"--- {received.channel} to {received.to}: {received.subject}\n{received.text}\n")
        self._doubles += message["id"] in self._received
        self._received.setdefault(message["id"], received)
        return {"id": message["id"], "status": "accepted"}


def new_secret() -> str:
    """Make a signing secret, as Standard Webhooks writes them."""
    return "whsec_" + base64.b64encode(token_bytes(24)).decode()


def tell(folder: Path, url: str, secret: str) -> None:
    """Write into a project's `.env` where the postbox is; the project keeps its own signing key."""
    key = read_env(folder / ".env").get("HUB_KEY") or new_secret()
    write_env(folder / ".env", {"HUB_KEY": key, "POSTBOX_URL": url, "POSTBOX_SECRET": secret})


def main() -> None:
    """Listen until Ctrl-C."""
    secret = new_secret()
    with Postbox(secret, shows=True) as postbox:
        for name in EXAMPLES:
            tell(HERE / name, postbox.url, secret)
        print(f"Listening at {postbox.url} for {', '.join(EXAMPLES)}. Ctrl-C ends it.\n")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("Closed.")


if __name__ == "__main__":
    main()
