"""A receiver of rows on loopback that takes everything: `python -m bench.receiver` prints its URL and serves.

It runs in a process of its own, so that receiving never counts for the sender. `GET /` tells how many requests came,
and how many rows were in them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from bench.measure import PROJECT_ROOT

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def receiving() -> Iterator[str]:
    """Receive in another process for the length of the block; gives the URL."""
    command = [sys.executable, "-m", "bench.receiver"]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def received(url: str) -> tuple[int, int]:
    """Say how many requests came, and how many rows, since the last time that this was asked."""
    with urlopen(url) as answer:
        told = json.loads(answer.read())
    return told["requests"], told["rows"]


class Receiver(asyncio.Protocol):
    """Reads requests from one connection and takes them; counts over all connections."""

    requests = 0
    rows = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = bytearray()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.waiting[:end])
            length = _length(head)
            if len(self.waiting) < end + 4 + length:
                return
            body = bytes(self.waiting[end + 4 : end + 4 + length])
            del self.waiting[: end + 4 + length]
            self.transport.write(self._told() if head.startswith(b"GET") else self._take(body))

    def _take(self, body: bytes) -> bytes:
        Receiver.requests += 1
        Receiver.rows += body.count(b'"postcode"')
        return TAKEN

    def _told(self) -> bytes:
        text = json.dumps({"requests": Receiver.requests, "rows": Receiver.rows}).encode()
        Receiver.requests = Receiver.rows = 0
        return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def serve() -> None:
    """Print the URL and serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
