"""Bodies: read as far as allowed, and no further, however long the sender goes on or how slowly."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

PATIENCE = 10.0
"""Seconds that a sender has for a whole body."""


async def body_of(request: Request, largest: int) -> bytes:
    """Read a body. Raises HTTPException: 413 for one that is too large, before it is read whole; 408 for a slow one."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > largest:
        raise HTTPException(413)
    read = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                read += chunk
                if len(read) > largest:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(read)
