"""`hub serve` with one connection that takes signed orders: `python bench/serving/hub_server.py FOLDER PORT`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.serving.senders import SECRET
from hub import log
from hub.contracts import Check, ConnectionConfig, Place, Pushed, Received, Source
from hub.incoming import json_object, standard_webhook
from hub.ledger import open_ledger
from hub.project import Connection, load_project
from hub.project.models import HubFile
from hub.registry import Registry
from hub.serve import application, listen, serve
from hub.serve.site import Site

KEY = b"a key of the benchmark"


class Shop(Source):
    """Takes orders that are pushed."""

    name = "bench_shop"
    config_model = ConnectionConfig

    def check(self) -> Check:
        """Nothing to try."""
        return Check(True, "there")

    def resources(self) -> Iterable[Any]:
        """Nothing to fetch."""
        return ()

    def webhook(self, request: Pushed) -> Received:
        """Take one order."""
        return Received(standard_webhook(request, SECRET), {"orders": [json_object(request)]})


def main(folder: Path, port: int) -> None:
    """Serve until told to stop."""
    log.configure("json", "warning")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hub.yaml").write_text("name: bench\n", encoding="utf-8")
    hub = HubFile.model_validate({"name": "bench", "serve": {"pushes": "1000000/s"}})
    shop = Connection("shop", Shop, ConnectionConfig(), Place("shop", folder, KEY))
    project = replace(load_project(folder, Registry({})), hub=hub, key=KEY, connections={"shop": shop})
    ledger = open_ledger("sqlite", folder / ".hub")
    serve(application(Site(project, ledger)), listen("127.0.0.1", port), [])
    ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
