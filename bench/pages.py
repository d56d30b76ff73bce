"""A JSON API on loopback whose pages are rendered beforehand: `python -m bench.pages ROWS` prints its URL and serves.

It runs in a process of its own, so that serving never counts for the reader. `GET /events?page=N` answers
`{"data": [...], "next": url-or-null, "after": N-or-null}`, 500 rows a page, in the order of `updated_at`; `?offset=`
and `?after=` lead to the same pages, and so does a POST of `{"variables": {"after": N}}`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from bench.generator import AS_OF
from bench.measure import PROJECT_ROOT

ROWS_PER_PAGE = 500
WAYS = ("page", "offset", "after")
END = b'{"data": [], "next": null, "after": null}'


@contextmanager
def serving(rows: int) -> Iterator[str]:
    """Serve so many rows from another process for the length of the block; gives the URL."""
    command = [sys.executable, "-m", "bench.pages", str(rows)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def render(rows: int, url: str) -> list[bytes]:
    """Render every page."""
    pages = []
    for first in range(0, max(rows, 1), ROWS_PER_PAGE):
        numbers = range(first, min(first + ROWS_PER_PAGE, rows))
        after = first // ROWS_PER_PAGE + 2 if first + ROWS_PER_PAGE < rows else None
        following = f"{url}/events?page={after}" if after else None
        found = {"data": [row(number) for number in numbers], "next": following, "after": after}
        pages.append(json.dumps(found).encode())
    return pages


def row(number: int) -> dict[str, object]:
    """Make one row of its number."""
    return {
        "id": number,
        "email": f"person{number % 5000}@example.nl",
        "type": ("delivered", "open", "click")[number % 3],
        "campaign": f"campaign-{number % 24}",
        "amount": number % 1000 / 10,
        "opted_in": number % 4 == 0,
        "updated_at": (AS_OF - timedelta(days=365) + timedelta(seconds=number)).isoformat(),
    }


def serve(rows: int) -> None:
    """Print the URL and serve until the process is ended."""
    pages: list[bytes] = []

    class Pages(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            asked = {
                name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items() if name in WAYS
            }
            offset = asked.pop("offset", None)
            beyond = offset is not None and offset % ROWS_PER_PAGE > 0
            number = next(iter(asked.values()), 1) if offset is None else offset // ROWS_PER_PAGE + 1
            self.answer(len(pages) + 1 if beyond else number)

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(int(asked["variables"].get("after") or 1))

        def answer(self, number: int) -> None:
            body = pages[number - 1] if number <= len(pages) else END
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        pages.extend(render(rows, url))
        print(url, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
