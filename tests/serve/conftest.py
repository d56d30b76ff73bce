"""A server on loopback, as `hub serve` makes it, on each kind of ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import httpx
import pytest

from hub.ledger import Ledger, open_ledger
from hub.project import Project
from hub.serve import application, listen
from hub.serve.server import server
from hub.serve.site import Site

Serving = Callable[..., httpx.Client]


@contextmanager
def listening(site: Site, port: int = 0) -> Iterator[str]:
    """Serve a site from a thread, on any port by default; give its address."""
    running = server(application(site), site.project.hub.serve.proxies)
    opened = listen("127.0.0.1", port)
    thread = Thread(target=running.run, args=([opened],), daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{opened.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(10)
        opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    url = "sqlite" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    opened = open_ledger(url, tmp_path / ".hub")
    yield opened
    opened.close()


@pytest.fixture
def serving(ledger: Ledger) -> Iterator[Serving]:
    """Serve a project and give a client for it: `serving(project, clock=...)`."""
    with ExitStack() as stack:

        def start(project: Project, **options: object) -> httpx.Client:
            address = stack.enter_context(listening(Site(project, ledger, **options)))  # type: ignore[arg-type]
            return stack.enter_context(httpx.Client(base_url=address, timeout=10, verify=False))

        yield start
