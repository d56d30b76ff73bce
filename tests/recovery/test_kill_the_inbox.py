"""kill -9 at every step of what another system pushes, from its request until it is in the lake (R7).

The sender is one as vendors are: it sends again until it is answered with 2xx, some also once more after that. What
was answered is in the lake, once, although two thirds of it never come again.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import yaml

from hub.failpoints import RECEIVING
from hub.lake import Lake
from hub.ledger import open_ledger
from hub.pipeline import run
from hub.project import load_project
from hub.testing.sources import landed
from tests.serve.test_serving import free_port

ROOT = Path(__file__).parents[2]
SECRET = "geheim-kattenluik"
PUSHES = 24
SERVING = RECEIVING[: RECEIVING.index("push answered") + 1]
LANDING = RECEIVING[len(SERVING) :]
ON_POSTGRESQL = ("push written, not committed", "pushes landed, not let go")


def hub(folder: Path, *arguments: str, dies_at: str = "") -> subprocess.Popen[bytes]:
    """Start a command in a process of its own; it may be told where to die."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"HUB_KILL_AT": dies_at} if dies_at else {})}
    command = [sys.executable, "-c", "from hub.cli import main; main()", *arguments, "--project", str(folder)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)


@contextmanager
def serving(folder: Path, port: int, dies_at: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Have `hub serve` run, from its first answer on; it never outlives the test."""
    child = hub(folder, "serve", "--port", str(port), dies_at=dies_at)
    try:
        while not _answers(port):
            assert child.poll() is None, "the server did not start"
            time.sleep(0.1)
        yield child
    finally:
        child.kill()
        child.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


class Vendor:
    """Pushes that customers are gone, as Shopify does, each until it is answered with 2xx."""

    def __init__(self, port: int) -> None:
        self.port, self._address = port, f"http://127.0.0.1:{port}/in/shop"
        self._over = threading.Event()
        self.answered: set[int] = set()

    def push(self, number: int) -> None:
        """Send until it is taken; every third one comes again after that, for the answer got lost on its way."""
        for _ in range(2 if number % 3 == 0 else 1):
            while not self._taken(number):
                if self._over.wait(0.1):
                    return
            self.answered.add(number)

    def push_all(self, numbers: Sequence[int]) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.push, numbers))

    def stop(self) -> None:
        self._over.set()

    def _taken(self, number: int) -> bool:
        body = json.dumps({"id": number}).encode()
        headers = {
            "X-Shopify-Topic": "customers/delete",
            "X-Shopify-Event-Id": f"e{number}",
            "X-Shopify-Hmac-Sha256": b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode(),
        }
        try:
            return httpx.post(self._address, content=body, headers=headers, timeout=30).is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor(free_port())
    yield made
    made.stop()


def laid_down(folder: Path, ledger: str) -> None:
    """Lay down a project with a shop that pushes; nothing is ever fetched from it."""
    shop: dict[str, object] = {"plugin": "shopify", "url": "https://shop.example", "resources": []}
    shop |= {"token": "${A_TOKEN}", "api_secret": "${PUSH_SECRET}"}
    hub_yaml = {"name": "Miaoum", "ledger": ledger, "connections": {"shop": shop}}
    (folder / "hub.yaml").write_text(yaml.safe_dump(hub_yaml), encoding="utf-8")
    (folder / ".env").write_text(
        f"HUB_KEY=5f0c3b7a9d1e4c6f8a2b\nA_TOKEN=tok3n\nPUSH_SECRET={SECRET}\n", encoding="utf-8"
    )


def is_all_there_once(folder: Path, number: int) -> None:
    """Let a run land what waits, and look into the lake and the ledger."""
    project = load_project(folder)
    for _ in range(2):
        assert run(project, datetime.now(UTC), ["listen"]).ok
    rows = landed(Lake(str(folder / "lake")), "shop", "deleted_customers")
    assert sorted(int(row["id"]) for row in rows) == list(range(number))
    ledger = open_ledger(project.hub.ledger, project.state)
    assert ledger.inbox.waiting() == {}
    ledger.close()


def killed_while_serving(folder: Path, point: str, vendor: Vendor) -> None:
    with ThreadPoolExecutor(1) as pool:
        try:
            with serving(folder, vendor.port, dies_at=f"{point}*3") as child:
                sending = pool.submit(vendor.push_all, range(PUSHES))
                assert child.wait(120) == -signal.SIGKILL
            assert len(vendor.answered) < PUSHES
            with serving(folder, vendor.port):
                sending.result(120)
        finally:
            vendor.stop()
    assert vendor.answered == set(range(PUSHES))
    is_all_there_once(folder, PUSHES)


def killed_while_landing(folder: Path, point: str, vendor: Vendor) -> None:
    with serving(folder, vendor.port):
        vendor.push_all(range(PUSHES // 2))
        assert hub(folder, "run", "listen", dies_at=point).wait(300) == -signal.SIGKILL
        # the server goes on: more comes in, and some of what it has answered comes again
        vendor.push_all(range(0, PUSHES // 2, 3))
        vendor.push_all(range(PUSHES // 2, PUSHES))
    assert vendor.answered == set(range(PUSHES))
    is_all_there_once(folder, PUSHES)


@pytest.mark.parametrize("point", SERVING)
def test_a_server_killed_at_a_step_of_a_push_loses_none_that_it_answered_and_doubles_none(
    tmp_path: Path, point: str, vendor: Vendor
) -> None:
    laid_down(tmp_path, "sqlite")
    killed_while_serving(tmp_path, point, vendor)


@pytest.mark.parametrize("point", LANDING)
def test_a_run_killed_while_pushes_land_loses_none_and_doubles_none(tmp_path: Path, point: str, vendor: Vendor) -> None:
    laid_down(tmp_path, "sqlite")
    killed_while_landing(tmp_path, point, vendor)


@pytest.mark.parametrize("point", ON_POSTGRESQL)
def test_the_same_holds_for_a_ledger_on_postgresql(
    tmp_path: Path, postgres_url: str, point: str, vendor: Vendor
) -> None:
    laid_down(tmp_path, postgres_url)
    (killed_while_serving if point in SERVING else killed_while_landing)(tmp_path, point, vendor)
