"""Callers: whose events a request brings, by its write key, and which pages may read the answer."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hub.contracts import Collector
from hub.serve.site import Site


class Callers:
    """The connections of a project whose plugins collect events, each known by its write keys."""

    def __init__(self, site: Site) -> None:
        opened = [(name, connection.open()) for name, connection in site.project.connections.items()]
        self._collectors = [(name, plugin) for name, plugin in opened if isinstance(plugin, Collector)]
        self._by_key = {key: (name, plugin) for name, plugin in self._collectors for key in plugin.write_keys}

    @property
    def any(self) -> bool:
        """Say whether there are any."""
        return bool(self._collectors)

    def owner(self, key: str) -> tuple[str, Collector]:
        """Give the connection that a write key is for, and its plugin. Raises HTTPException for a key of nobody's."""
        if key not in self._by_key:
            raise HTTPException(401)
        return self._by_key[key]

    def preflight(self, request: Request) -> Response:
        """Answer what a browser asks before it sends; it does not say yet for whom."""
        origin = allowed(request.headers, [origin for _, one in self._collectors for origin in one.origins])
        asked = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-Retry-Count",
            "Access-Control-Max-Age": "600",
        }
        return Response(status_code=204, headers={**cross_origin(origin), **asked})


def allowed(headers: Headers, origins: Sequence[str]) -> str:
    """Give the origin of a page that sends; empty where no page does. Raises HTTPException for one that may not."""
    origin = headers.get("origin", "")
    if origin and origin not in origins and "*" not in origins:
        raise HTTPException(403)
    return origin


def cross_origin(origin: str) -> dict[str, str]:
    """Give the headers that let the page of an origin read an answer."""
    shared = {"Cross-Origin-Resource-Policy": "cross-origin"}
    return {**shared, "Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else shared
