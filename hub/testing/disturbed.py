"""A server between a plugin and its stand-in, which passes everything on, until it is told to be trouble.

    with disturbed("http://127.0.0.1:8123/v3") as between:
        plugin = Club(url=between.url, ...)
        between.trouble(times=1, status=HANG_UP)

So one disturbance serves every stand-in, and none has to know of it.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HANG_UP = 0
"""In the place of a status: read the request, and close the connection without an answer."""
UNREAD = -1
"""In the place of a status: close the connection before the request was read."""
LOST = -2
"""In the place of a status: let the stand-in take the request, and close the connection without its answer."""
FEWER = -3
"""In the place of a status: leave out the last entry of every list in the stand-in's answer."""

_OF_ONE_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Between:
    """Where it stands, and the requests that came: method, path and body of each."""

    url: str
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    _left: int = 0
    _says: tuple[int, Mapping[str, str], bytes] = (200, {}, b"")
    _at: str = ""

    def trouble(
        self, times: int, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"", at: str = ""
    ) -> None:
        """Answer so many of the next requests like this, of those whose path matches `at`; 0 times ends it."""
        self._left, self._says, self._at = times, (status, headers or {}, body), at

    def met_by(self, path: str) -> tuple[int, Mapping[str, str], bytes] | None:
        """Give the trouble that a request meets, if any."""
        if re.search(self._at, path) is None:
            return None
        self._left -= 1
        return self._says if self._left >= 0 else None


@contextmanager
def disturbed(url: str) -> Iterator[Between]:
    """Serve in front of `url` until the block ends."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def respond(self) -> None:
            trouble = between.met_by(self.path)
            if trouble is not None and trouble[0] == UNREAD:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            between.asked.append((self.command, self.path, body))
            if trouble is not None and trouble[0] == HANG_UP:
                self.close_connection = True
            elif trouble is not None and trouble[0] > 0:
                self.say(*trouble)
            else:
                status, headers, content = self.passed_on(body)
                if trouble is not None and trouble[0] == LOST:
                    self.close_connection = True
                else:
                    self.say(status, headers, _fewer(content) if trouble is not None else content)

        def passed_on(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            asking = http.client.HTTPConnection(*address, timeout=30)
            asking.request(self.command, self.path, body, dict(self.headers.items()))
            answer = asking.getresponse()
            content = answer.read()
            asking.close()
            said = {name: value for name, value in answer.getheaders() if name.lower() not in _OF_ONE_HOP}
            return answer.status, said, content

        def say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    between = Between(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield between
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _fewer(content: bytes) -> bytes:
    """Shorten the lists of an answer; what is no JSON stays."""
    try:
        return json.dumps(_shortened(json.loads(content))).encode()
    except ValueError:
        return content


def _shortened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shortened(part) for name, part in value.items()}
    return [_shortened(part) for part in value[:-1]] if isinstance(value, list) else value
