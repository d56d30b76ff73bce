"""The server: uvicorn, stopped gracefully. TLS is the proxy's in front of it."""

from __future__ import annotations

from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

LARGEST_HEADERS = 32 * 1024
AT_ONCE = 1_000
"""Requests that are answered at the same time; more are told 503."""
GRACE = 20
"""Seconds that requests have to end when the server is asked to stop."""


def server(app: ASGIApp, host: str, port: int, proxies: Sequence[str] = ()) -> uvicorn.Server:
    """Make a server for an application; port 0 is one that the system chooses. `proxies` are believed."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
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


def serve(app: ASGIApp, host: str, port: int, proxies: Sequence[str]) -> None:
    """Serve until SIGTERM or SIGINT; what was begun is finished first."""
    server(app, host, port, proxies).run()
