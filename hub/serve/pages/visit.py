"""A visit: who follows a link, by the token in it, and what was filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from hub.ledger import sealed_push
from hub.serve.body import body_of
from hub.serve.site import Site
from hub.tokens import Kind, subject_of

LARGEST_FORM = 64 * 1024
MOST_FIELDS = 100

MACHINES = (
    "bot", "crawl", "spider", "scan", "preview", "prefetch", "headless", "facebookexternalhit", "whatsapp", "slack",
    "barracuda", "proofpoint", "mimecast", "safelinks", "symantec", "trendmicro", "curl", "wget", "python", "java/",
    "go-http", "okhttp", "libwww", "axios", "node-fetch",
)  # fmt: skip
"""What the user agents of programs that follow links for people say, in lower case. Many say nothing: see `survey`."""


def message_of(site: Site, request: Request, kind: Kind) -> str | None:
    """Give the id of the message whose link was followed; None where the token is not one of ours."""
    project = site.project
    return subject_of(project.key, kind, request.path_params["token"], project.former_keys)


async def form_of(request: Request) -> Mapping[str, Sequence[str]]:
    """Read the fields of a form; a body of another kind has none. Raises HTTPException for one that is too large."""
    body = await body_of(request, LARGEST_FORM)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise HTTPException(400) from None


def likely_machine(request: Request) -> bool:
    """Say whether a program probably followed a link, to look at what is behind it."""
    headers = request.headers
    agent = headers.get("user-agent", "").lower()
    fetched_ahead = any("fetch" in headers.get(name, "").lower() for name in ("sec-purpose", "purpose", "x-moz"))
    return (
        request.method == "HEAD"
        or fetched_ahead
        or not agent
        or any(word in agent for word in MACHINES)
        or "text/html" not in headers.get("accept", "")
    )


async def keep_row(site: Site, connection: str, id_: str, table: str, row: Mapping[str, object]) -> None:
    """Keep what happened on a page as a row of the connection that sent the message, as if that had pushed it."""
    push = sealed_push(site.project.key, connection, f"page {id_}", {table: [row]}, site.clock())
    await site.keeper.keep(push)
