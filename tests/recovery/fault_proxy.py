"""A proxy between the hub and a provider that does to a call what networks, gateways and tired servers do."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

LONGEST = 30.0
"""Seconds that it keeps silent, at the most."""


@dataclass
class Call:
    """One connection of the hub, and a provider that it was meant for."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    target: tuple[str, int]
    over: asyncio.Event
    path: str = ""
    body: bytes = b""

    async def read(self) -> Any:
        """Read the whole request; gives its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.path = head.split(b" ", 2)[1].decode()
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        self.body = await self.reader.readexactly(int(length.partition(b":")[2]))
        return json.loads(self.body)

    async def forward(self, body: Any = None) -> bytes:
        """Hand the request on to the provider, perhaps with another body; gives its answer, head and all."""
        content = self.body if body is None else json.dumps(body).encode()
        reader, writer = await asyncio.open_connection(*self.target)
        writer.write(f"POST {self.path} HTTP/1.0\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        answer = await reader.read()
        writer.close()
        return answer

    async def say(self, status: int, body: Any = b"", **headers: str) -> None:
        """Answer in place of the provider."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
        length = f"Content-Length: {len(content)}\r\n" if status != 204 else ""
        await self.write(f"HTTP/1.1 {status} So\r\n{''.join(lines)}{length}\r\n".encode() + content)

    async def write(self, content: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(content)
        await self.writer.drain()

    async def silence(self) -> None:
        """Say nothing until whoever asks has long given up."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), LONGEST)

    async def pause(self) -> None:
        """Wait a moment."""
        await asyncio.sleep(0.01)

    def reset(self) -> None:
        """Break the connection off (RST)."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Behaviour = Callable[[Call], Awaitable[None]]


async def passes(call: Call) -> None:
    """Do nothing to the call."""
    await call.read()
    await call.write(await call.forward())


class Proxy:
    """The proxy, and how it behaves: to everything, or to one connection (by the end of the path)."""

    def __init__(self, target: str) -> None:
        split = urlsplit(target)
        self._target = (str(split.hostname), int(split.port or 80))
        self.behaves: Behaviour = passes
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = Call(reader, writer, self._target, self.over)
        with suppress(ConnectionError, asyncio.IncompleteReadError):  # the hub may hang up, too
            await self.behaves(call)
        with suppress(ConnectionError, ssl.SSLError):
            writer.close()
            await writer.wait_closed()


@contextmanager
def fault_proxy(target: str, certificate: ssl.SSLContext) -> Iterator[tuple[Proxy, str, str]]:
    """Start a proxy on loopback; gives it with its address, and with the one where it speaks TLS."""
    proxy = Proxy(target)
    loop = asyncio.new_event_loop()
    ports: list[int] = []

    async def start() -> None:
        for context in (None, certificate):
            server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context)
            ports.append(server.sockets[0].getsockname()[1])

    async def stop() -> None:
        proxy.over.set()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{ports[0]}", f"https://127.0.0.1:{ports[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
