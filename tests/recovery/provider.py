"""The other side: an HTTP server that takes messages and rows and remembers everything, also what a dead sender sent.

    POST /ACCOUNT/mail            messages; an id counts once, as at a provider with idempotency
    POST /ACCOUNT/texts           messages; each time counts
    POST /ACCOUNT/letters         messages; each time counts, and /ACCOUNT/letters/asked says which ones it has
    POST /ACCOUNT/ads             rows of an audience, by their keys
    POST /ACCOUNT/copy/OTHER      begins as OTHER is now
    POST /ACCOUNT/trouble         has this trouble with its connections from now on, and no other
    GET  /ACCOUNT                 everything that it took

`python -m tests.recovery.provider` is one in a process of its own; it prints its address.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from hub.contracts import Capabilities, Result, Sent
from plugins.destinations.webhook import Webhook

SECRET = "whsec_" + b64encode(b"the signing secret of the tests").decode()
ONCE = "mail"
"""The connection whose ids count once."""


class Post(Webhook):
    """The webhook of the hub, for a provider that gives unsubscribe links and answers what became of its letters."""

    @property
    def capabilities(self) -> Capabilities:
        can = super().capabilities
        return Capabilities(**{**vars(can), "can_ask": can.channel == "letter"})

    def ask(self, sent: Sequence[Sent]) -> Sequence[Result]:
        with self._outgoing() as provider:
            answer = provider.request("POST", json.dumps([one.id for one in sent]).encode(), {}, path="/asked")
        has = json.loads(answer.body)
        return [Result(one.id, "accepted" if one.id in has else "rejected") for one in sent]

    def unsubscribe_url(self, token: str) -> str:
        return f"https://shop.example/out?token={token}"


@dataclass
class Trouble:
    """What is wrong with a connection, until it is over."""

    status: int
    takes: bool
    retry_after: int | None = None


@dataclass
class Account:
    """What one customer of the provider sent."""

    taken: list[tuple[str, str]] = field(default_factory=list)
    """Connection and id of every message that counts, in the order of arrival."""
    audience: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rows by audience and key, as `Customers A/7`."""
    requests: Counter[str] = field(default_factory=Counter)
    trouble: dict[str, Trouble] = field(default_factory=dict)

    def take(self, connection: str, body: dict[str, Any]) -> list[dict[str, str]]:
        """Take what a request brings; give the results."""
        for row in body.get("rows", ()):
            place = f"{body['audience']}/{row['key']}"
            if body["operation"] == "remove":
                self.audience.pop(place, None)
            else:
                self.audience[place] = row
        for message in body.get("messages", ()):
            if connection != ONCE or (connection, message["id"]) not in self.taken:
                self.taken.append((connection, message["id"]))
        accepted = [{"key": row["key"], "status": "accepted"} for row in body.get("rows", ())]
        return accepted + [{"id": message["id"], "status": "accepted"} for message in body.get("messages", ())]


class Provider:
    """The accounts, and what they answer."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.url = ""
        self.before: Callable[[str], object] = str
        """Called with the path of each call before it is answered, from a thread of its own."""
        self._lock = Lock()

    def account(self, name: str) -> Account:
        return self.accounts.setdefault(name, Account())

    def answer(self, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        """Answer a POST: status, headers, body."""
        name, connection, *more = path.strip("/").split("/")
        with self._lock:
            account = self.account(name)
            if connection == "copy":
                self.accounts[name] = deepcopy(self.account(more[0]))
                return 200, {}, {}
            if connection == "trouble":
                account.trouble = {key: Trouble(**given) for key, given in body.items()}
                return 200, {}, {}
            if more == ["asked"]:
                return 200, {}, [id_ for id_ in body if (connection, id_) in account.taken]
            account.requests[connection] += 1
            trouble = account.trouble.get(connection)
            results = account.take(connection, body) if trouble is None or trouble.takes else []
            if trouble is None:
                return 200, {}, {"results": results}
            wait = {} if trouble.retry_after is None else {"Retry-After": str(trouble.retry_after)}
            return trouble.status, wait, {}


@contextmanager
def provider() -> Iterator[Provider]:
    """Start a provider on loopback."""
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)))
            made.before(self.path)
            self._write(*made.answer(self.path, body))

        def do_GET(self) -> None:
            account = made.account(self.path.strip("/"))
            self._write(200, {}, {"taken": account.taken, "audience": account.audience, "requests": account.requests})

        def _write(self, status: int, headers: dict[str, str], body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A sender that was killed hangs up; that is what we are here for."""

    server = Server(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    import sys

    with provider() as running:
        print(running.url, flush=True)
        sys.stdin.read()  # until whoever started it is gone
