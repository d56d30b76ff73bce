"""A mail server on loopback that takes every mail and forgets it: `python -m bench.mailbox` prints its port.

It runs in a process of its own and speaks as much SMTP as a client needs (RFC 5321), so that it takes far more mails
per second than are sent to it: aiosmtpd would be the first to be busy. `XTOLD` is a word of its own: the answer says in
JSON what came since it was last asked.
"""

from __future__ import annotations

import asyncio
import json
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b

from bench.measure import PROJECT_ROOT

END = b"\r\n.\r\n"
KEY = b"\r\nMessage-ID: "


@dataclass(frozen=True)
class Received:
    """What a mail server took: how many mails, their Message-IDs as one sum, and in how many seconds.

    `seconds` lie between the first mail and the last; `cpu_seconds` are the server's own.
    """

    mails: int
    ids: str
    seconds: float
    cpu_seconds: float


@contextmanager
def receiving_mail() -> Iterator[int]:
    """Take mails in another process for the length of the block; gives the port."""
    command = [sys.executable, "-m", "bench.mailbox"]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def received_mail(port: int) -> Received:
    """Say what came since the last time that this was asked."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        _, told = server.docmd("XTOLD")
    return Received(**json.loads(told))


class Mailbox(asyncio.Protocol):
    """Takes the mails of one connection; counts over all connections.

    The sum of Message-IDs is the same in any order, and another one where a mail is missing or came twice.
    """

    mails = 0
    ids = 0
    first = 0.0
    last = 0.0
    cpu = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = bytearray()
        self.in_data = False
        transport.write(b"220 mailbox.example\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer every line, and every mail, that is complete."""
        self.waiting += data
        while (end := self.waiting.find(END if self.in_data else b"\r\n")) >= 0:
            said = bytes(self.waiting[:end])
            del self.waiting[: end + (len(END) if self.in_data else 2)]
            self.transport.write(self._take(said) if self.in_data else self._answer(said))

    def _take(self, mail: bytes) -> bytes:
        self.in_data = False
        key = mail.partition(KEY)[2].partition(b"\r\n")[0].strip()
        Mailbox.ids = (Mailbox.ids + int.from_bytes(blake2b(key, digest_size=8).digest(), "big")) % 2**64
        Mailbox.last = time.monotonic()
        Mailbox.first = Mailbox.first or Mailbox.last
        Mailbox.mails += 1
        return b"250 taken\r\n"

    def _answer(self, line: bytes) -> bytes:
        word = line[:5].upper().strip()
        if word == b"DATA":
            self.in_data = True
            return b"354 go on\r\n"
        if word == b"EHLO":
            return b"250-mailbox.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
        if word == b"XTOLD":
            return b"250 %s\r\n" % self._told()
        if word == b"QUIT":
            self.transport.write(b"221 bye\r\n")
            self.transport.close()
            return b""
        return b"250 so\r\n"

    def _told(self) -> bytes:
        cpu, told = time.process_time(), Mailbox
        received = Received(told.mails, f"{told.ids:016x}", told.last - told.first, cpu - told.cpu)
        told.mails = told.ids = 0
        told.first = told.last = 0.0
        told.cpu = cpu
        return json.dumps(vars(received)).encode()


async def serve() -> None:
    """Print the port and serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Mailbox, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
