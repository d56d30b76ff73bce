"""A server that stands between a plugin and a stand-in, and troubles what goes through it.

    with standing_between(stand_in.url) as between:
        plugin = Club(url=between.url, ...)
        between.trouble = times(1, answering(503))

So one trouble serves every stand-in, and none has to know of it. Without trouble every answer passes as it is; links to
the stand-in lead here.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Said:
    """One answer; `closes` breaks the connection in the middle of its body, before it, or before a request is read."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    closes: Literal["", "halfway", "unanswered", "unread"] = ""


@dataclass(frozen=True)
class Request:
    """One request: its number, from 1 since the trouble began, and how to let the stand-in answer it."""

    number: int
    method: str
    path: str
    pass_on: Callable[[], Said]


Trouble = Callable[[Request], Said]
"""What becomes of a request."""


class Between:
    """Where the plugin asks. `asked` holds the method, path and body of each request that was read.

    Where there is a `clock`, every answer is dated by it: it takes the place of the stand-in's.
    """

    asked: list[tuple[str, str, bytes]]
    clock: datetime | None = None

    def __init__(self, stand_in: str, own: str) -> None:
        parts = urlsplit(stand_in)
        self._address, self._own = parts.netloc, own
        self._home = f"{parts.scheme}://{parts.netloc}"
        self.url = own + parts.path
        self.trouble = passing

    @property
    def trouble(self) -> Trouble:
        """What becomes of requests; setting it counts them from 1 again, and forgets those that were asked."""
        return self._trouble

    @trouble.setter
    def trouble(self, trouble: Trouble) -> None:
        self._trouble, self._numbers, self.asked = trouble, itertools.count(1), []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: Callable[[], bytes]) -> Said:
        """Answer one request, whose body is read if it is passed on."""

        def pass_on() -> Said:
            return self._passed_on(method, path, headers, body())

        said = self._trouble(Request(next(self._numbers), method, path, pass_on))
        if self.clock is None:
            return said
        others = {name: value for name, value in said.headers.items() if name.lower() != "date"}
        return replace(said, headers={**others, "Date": format_datetime(self.clock, usegmt=True)})

    def _passed_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        try:
            connection.request(method, path, body or None, {**headers, "Accept-Encoding": "identity"})
            answer = connection.getresponse()
            content = answer.read().replace(self._home.encode(), self._own.encode())
            given = {name: value.replace(self._home, self._own) for name, value in answer.getheaders()}
            return Said(answer.status, given, content)
        finally:
            connection.close()


@contextmanager
def standing_between(stand_in: str) -> Iterator[Between]:
    """Stand before the address of a stand-in that speaks plain HTTP, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60  # of a connection that a client keeps and forgets
        wbufsize = -1  # head and body go out together: else the second waits 40 ms for the first

        def respond(self) -> None:
            @cache
            def body() -> bytes:
                read = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                between.asked.append((self.command, self.path, read))
                return read

            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
            said = between.answer(self.command, self.path, headers, body)
            self.close_connection = self.close_connection or said.closes != ""
            if said.closes == "unread":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return
            body()
            if said.closes != "unanswered":
                self.say(said)

        def say(self, said: Said) -> None:
            self.send_response_only(said.status)
            for name, value in said.headers.items():
                if name.lower() not in _OF_ONE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body[: len(said.body) // 2] if said.closes == "halfway" else said.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = respond

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    between = Between(stand_in, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield between
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


# troubles ---------------------------------------------------------------------------------------------------------


def passing(request: Request) -> Said:
    """Trouble nothing."""
    return request.pass_on()


def answering(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Trouble:
    """Answer in the place of the stand-in."""
    return lambda _: Said(status, headers or {}, body)


def unread(_: Request) -> Said:
    """Close the connection before the request was read."""
    return Said(closes="unread")


def hanging_up(_: Request) -> Said:
    """Read the request, and close the connection without an answer."""
    return Said(closes="unanswered")


def losing(request: Request) -> Said:
    """Let the stand-in take the request, and close the connection without its answer."""
    return replace(request.pass_on(), closes="unanswered")


def breaking_off(request: Request) -> Said:
    """Close the connection in the middle of the stand-in's answer."""
    return replace(request.pass_on(), closes="halfway")


def rewriting(change: Callable[[bytes], bytes]) -> Trouble:
    """Write the body of every answer otherwise."""

    def trouble(request: Request) -> Said:
        said = request.pass_on()
        return replace(said, body=change(said.body))

    return trouble


def replacing(texts: Mapping[bytes, bytes]) -> Trouble:
    """Write answers with other texts in the place of some."""

    def other(body: bytes) -> bytes:
        for text, instead in texts.items():
            body = body.replace(text, instead)
        return body

    return rewriting(other)


def leaving_out(request: Request) -> Said:
    """Leave out the last entry of every list in the stand-in's answer."""
    return rewriting(_fewer)(request)


def times(count: int, trouble: Trouble) -> Trouble:
    """Trouble so many requests, and let those that follow pass."""
    left = itertools.count(count, -1)
    return lambda request: trouble(request) if next(left) > 0 else request.pass_on()


def since(number: int, trouble: Trouble) -> Trouble:
    """Trouble the request of that number, and all that follow."""
    return lambda request: trouble(request) if request.number >= number else request.pass_on()


def at(pattern: str, trouble: Trouble) -> Trouble:
    """Trouble the requests whose method and path (`PUT /customers/1`) match."""
    return lambda request: (
        trouble(request) if re.search(pattern, f"{request.method} {request.path}") else request.pass_on()
    )


def _fewer(body: bytes) -> bytes:
    """Shorten the lists of an answer; what is no JSON stays."""
    try:
        return json.dumps(_shortened(json.loads(body))).encode()
    except ValueError:
        return body


def _shortened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shortened(part) for name, part in value.items()}
    return [_shortened(part) for part in value[:-1]] if isinstance(value, list) else value
