"""A server that stands between a plugin and a stand-in, and troubles what goes through it.

    with standing_between(stand_in.url) as between:
        between.trouble = lambda number, pass_on: Said(429) if number == 2 else pass_on()

Without a trouble every answer passes as it is; links to the stand-in lead here.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Said:
    """One answer. `hang_up` closes the connection before it, `cut` in the middle of its body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang_up: bool = False
    cut: bool = False


Trouble = Callable[[int, Callable[[], Said]], Said]
"""What becomes of a request: its number, from 1 since the trouble began, and how it is passed on."""


class Between:
    """Where the plugin asks. Setting `trouble` counts requests from 1 again."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._home = f"{parts.scheme}://{parts.netloc}"
        self._path = parts.path
        self._own = ""
        self._lock = threading.Lock()
        self.trouble = passing

    @property
    def url(self) -> str:
        """The address of the stand-in, as it is from here."""
        return self._own + self._path

    @property
    def trouble(self) -> Trouble:
        """What becomes of requests from now on."""
        return self._trouble

    @trouble.setter
    def trouble(self, trouble: Trouble) -> None:
        self._trouble, self.asked = trouble, 0

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        """Answer one request."""
        with self._lock:
            self.asked += 1
            number, trouble = self.asked, self._trouble
        return trouble(number, lambda: self._pass_on(method, path, headers, body))

    def _pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Said:
        connection = http.client.HTTPConnection(urlsplit(self._home).netloc, timeout=60)
        try:
            connection.request(method, path, body or None, {**headers, "Accept-Encoding": "identity"})
            answer = connection.getresponse()
            content = answer.read().replace(self._home.encode(), self._own.encode())
            given = {name: value.replace(self._home, self._own) for name, value in answer.getheaders()}
            return Said(answer.status, given, content)
        finally:
            connection.close()

    def serve(self, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
        """Listen on loopback."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        self._own = f"http://127.0.0.1:{server.server_port}"
        return server


def passing(_: int, pass_on: Callable[[], Said]) -> Said:
    """Trouble nothing."""
    return pass_on()


def replacing(texts: Mapping[bytes, bytes]) -> Trouble:
    """Write answers with other texts in the place of some."""

    def trouble(_: int, pass_on: Callable[[], Said]) -> Said:
        said = pass_on()
        body = said.body
        for text, other in texts.items():
            body = body.replace(text, other)
        return replace(said, body=body)

    return trouble


@contextmanager
def standing_between(server: str) -> Iterator[Between]:
    """Stand before a stand-in that speaks plain HTTP, until the block ends."""
    between = Between(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body go out together: else the second waits 40 ms for the first

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
            said = between.answer(self.command, self.path, asked, body)
            self.close_connection = self.close_connection or said.hang_up or said.cut
            if said.hang_up:
                return
            self.send_response_only(said.status)
            for name, value in said.headers.items():
                if name.lower() not in _OF_ONE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body[: len(said.body) // 2] if said.cut else said.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = respond

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay silent."""

    listening = between.serve(Handler)
    threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield between
    finally:
        listening.shutdown()
        listening.server_close()


_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}
