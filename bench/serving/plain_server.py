"""What one would write by hand: verify, insert, commit, answer. `python bench/serving/plain_server.py FOLDER PORT`.

The body stays in the clear and there are no limits; each push is a transaction of its own, as durable as the hub's.
"""

from __future__ import annotations

import base64
import hmac
import sqlite3
import sys
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.serving.senders import SECRET


def main(folder: Path, port: int) -> None:
    """Serve until told to stop."""
    folder.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(folder / "plain.sqlite", check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, body BLOB)")
    key = base64.b64decode(SECRET.removeprefix("whsec_"))

    async def push(request: Request) -> Response:
        body = await request.body()
        id_, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        expected = base64.b64encode(hmac.digest(key, f"{id_}.{stamp}.".encode() + body, "sha256")).decode()
        if request.headers["webhook-signature"] != f"v1,{expected}" or abs(time.time() - int(stamp)) > 300:
            return Response(status_code=401)
        database.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING", (id_, body))
        return Response(status_code=204)

    app = Starlette(routes=[Route("/in/shop", push, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, http="h11", access_log=False, log_level="error")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
