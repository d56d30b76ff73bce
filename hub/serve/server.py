"""The server: uvicorn, stopped gracefully. TLS is the proxy's in front of it."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from hub.errors import ConfigurationError

LARGEST_HEADERS = 32 * 1024
AT_ONCE = 1_000
"""Requests that are answered at the same time; more are told 503."""
GRACE = 20
"""Seconds that requests have to end when the server is asked to stop."""


class GracefulServer(uvicorn.Server):
    """A server that ends as a program that did what it was asked: being told to stop is no failure."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGTERM and SIGINT, and do not raise them again when everything has ended."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def server(app: ASGIApp, proxies: Sequence[str] = ()) -> uvicorn.Server:
    """Make a server for an application; `proxies` are believed in what they say about who is calling."""
    return GracefulServer(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=list(proxies),
            h11_max_incomplete_event_size=LARGEST_HEADERS,
            limit_concurrency=AT_ONCE,
            timeout_graceful_shutdown=GRACE,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """Listen at an address; several processes may, and share what comes. Port 0 is one that the system chooses.

    Raises ConfigurationError where the system does not let us.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, reuse_port=hasattr(socket, "SO_REUSEPORT"))
    except OSError as error:
        raise ConfigurationError(f"can't listen at {host}, port {port}: {error.strerror or error}") from None


def serve(app: ASGIApp, listening: socket.socket, proxies: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT; what was begun is finished first."""
    with listening:
        server(app, proxies).run(sockets=[listening])
