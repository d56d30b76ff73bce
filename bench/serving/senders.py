"""Senders: connections that are kept open, each of which pushes the next order as soon as the last one is answered."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def requests(count: int) -> list[bytes]:
    """Make signed pushes of one order each, of some 500 bytes, as bytes to send."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    stamp = str(int(time.time()))
    made = []
    for number in range(count):
        lines = [{"sku": f"SKU-{line}", "quantity": line + 1, "price": "12.50"} for line in range(6)]
        order = {"id": number, "email": f"person{number}@example.nl", "total": "112.50", "lines": lines}
        body = json.dumps(order).encode()
        signed = hmac.digest(key, f"evt_{number}.{stamp}.".encode() + body, "sha256")
        head = (
            f"POST /in/shop HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"webhook-id: evt_{number}\r\nwebhook-timestamp: {stamp}\r\n"
            f"webhook-signature: v1,{base64.b64encode(signed).decode()}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def push_all(port: int, pushes: list[bytes], connections: int) -> int:
    """Push everything; return how many were answered with 204."""
    waiting = iter(pushes)
    taken = 0

    async def sender() -> None:
        nonlocal taken
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for push in waiting:
            writer.write(push)
            answer = await reader.readuntil(b"\r\n\r\n")
            taken += answer.startswith(b"HTTP/1.1 204")
        writer.close()

    await asyncio.gather(*(sender() for _ in range(connections)))
    return taken
