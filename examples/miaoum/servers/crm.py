"""A CRM's REST API: bearer token, pages, `updated_since`; contacts, companies and calls from the generated files."""

from __future__ import annotations

import hmac
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from examples.miaoum.servers.loopback import Answer, LoopbackServer, Request

LARGEST_PAGE = 500


class CrmServer(LoopbackServer):
    """Serves `<folder>/contacts.json`, `companies.json` and `calls.json` at `/contacts`, `/companies`, `/calls`.

    Parameters: `page` (from 1), `per_page` (1..500, default 200), `updated_since` (ISO 8601 with a time zone;
    inclusive). The rows come in the order of `updated_at`, `id`; the answer is `{"data": [...], "next": url-or-null}`.
    401 without the token, 400 on a bad parameter, 404 on an unknown table. `requests` counts the pages served.
    """

    def __init__(self, folder: Path, token: str) -> None:
        super().__init__()
        self._token = token
        self._tables: dict[str, list[dict[str, Any]]] = {}
        for name in ("contacts", "companies", "calls"):
            rows = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            self._tables[name] = sorted(rows, key=lambda row: (row["updated_at"], row["id"]))
        self.requests = 0

    def answer(self, request: Request) -> Answer:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()):
            return Answer(401, {"error": "the bearer token is missing or wrong"})
        if request.method != "GET":
            return Answer(405, {"error": "this API is read with GET"})
        rows = self._tables.get(request.path.strip("/"))
        if rows is None:
            return Answer(404, {"error": f"there is no {request.path}; there are /contacts, /companies and /calls"})
        try:
            page = whole_number(request, "page", 1, None)
            size = whole_number(request, "per_page", 200, LARGEST_PAGE)
            since = moment(request.query.get("updated_since"))
        except ValueError as error:
            return Answer(400, {"error": str(error)})
        self.requests += 1
        if since is not None:
            rows = [row for row in rows if datetime.fromisoformat(row["updated_at"]) >= since]
        start = (page - 1) * size
        following = None
        if start + size < len(rows):
            following = f"{self.url}{request.path}?{urlencode(dict(request.query) | {'page': str(page + 1)})}"
        return Answer(200, {"data": rows[start : start + size], "next": following})


def whole_number(request: Request, name: str, default: int, largest: int | None) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or int(text) < 1 or (largest is not None and int(text) > largest):
        raise ValueError(f"{name} must be a whole number from 1{f' to {largest}' if largest else ''}")
    return int(text)


def moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        raise ValueError("updated_since must be a moment such as 2026-10-01T00:00:00Z")
    return value
