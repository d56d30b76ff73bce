"""The guard around every request: headers that keep a browser safe, one line in the log, and no error that tells.

Pages carry tokens in their addresses, so an address is never logged: only the route is, and what came of it.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub import log

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
"""What every answer carries, unless a page says otherwise."""

TLS_ONLY = "max-age=31536000"


class Guard:
    """ASGI middleware; `tls` says whether the world reaches the pages by https."""

    def __init__(self, app: ASGIApp, tls: bool) -> None:
        self._app = app
        self._headers = {**HEADERS, **({"Strict-Transport-Security": TLS_ONLY} if tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last place where a bug can be told in words
            self._bug(error)
            if not status:
                await _sorry(sending)
        finally:
            self._tell(scope, status, time.perf_counter() - started)

    def _bug(self, error: Exception) -> None:
        """Say where it is; its message may quote what was sent."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
        log.get("hub.serve").error("failed", error=type(error).__name__, place=place)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "") if status not in (404, 405) else ""
        logger = log.get("hub.serve")
        telling = logger.debug if route == "/healthz" else logger.info
        telling("served", method=_method(scope), route=route, status=status, ms=round(seconds * 1000, 1))


def _method(scope: Scope) -> str:
    """Give the method, if it is one: it is text of the sender's."""
    return scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "PUT", "OPTIONS") else "other"


async def _sorry(send: Send) -> None:
    body = b"Internal Server Error"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
