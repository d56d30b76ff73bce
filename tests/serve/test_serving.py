"""`hub serve` as a process: started, stopped, killed; and what it took, after the next run."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from hub.errors import ConfigurationError
from hub.lake import Lake
from hub.ledger import Ledger, open_ledger
from hub.pipeline import run, workspace
from hub.project import load_project
from hub.serve import listen
from hub.stages.land import land
from hub.stages.land.pushes import Pushes
from hub.testing.sources import landed
from tests.serve.conftest import Serving
from tests.serve.mailing import MESSAGE, RECORD, link, mailing, queue
from tests.serve.shop import NOW, project, signed
from tests.serve.test_pages import BROWSER, Page

ROOT = Path(__file__).parents[2]
SERVING = """
from pathlib import Path
from hub.ledger import open_ledger
from hub.serve import application, listen, serve
from hub.serve.site import Site
from tests.serve.shop import project
folder = Path({folder!r})
app = application(Site(project(folder), open_ledger({url!r}, folder / ".hub")))
serve(app, listen("127.0.0.1", {port}), [])
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def process(*arguments: str, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a server in a process of its own, until it answers; it never outlives the test."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, *arguments], env=environment, stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            assert child.poll() is None, child.stderr.read().decode() if child.stderr else ""
            assert time.monotonic() < deadline
            try:
                if httpx.get(f"{address}/healthz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield child, address
    finally:
        child.kill()
        child.wait()
        if child.stderr:
            child.stderr.close()


def serving_script(folder: Path, url: str, port: int) -> tuple[str, str]:
    return "-c", SERVING.format(folder=str(folder), url=url, port=port)


def push(address: str, number: int) -> bool:
    """Push until the push is answered, as a sender does that knows nothing of the other side; no more than one try."""
    try:
        sent = signed({"id": number}, f"evt_{number}", datetime.now(UTC))
        return httpx.post(f"{address}/in/shop", **sent, timeout=5).status_code == 204
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_a_server_that_is_killed_loses_nothing_that_it_answered_and_doubles_nothing(
    tmp_path: Path, engine: str
) -> None:
    url = "sqlite" if engine == "duckdb" else engine
    open_ledger(url, tmp_path / ".hub").close()
    answered: set[int] = set()
    port = free_port()
    with process(*serving_script(tmp_path, url, port), port=port) as (child, address), ThreadPoolExecutor(4) as pool:
        results = {number: pool.submit(push, address, number) for number in range(200)}
        while sum(result.done() for result in results.values()) < 60:
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
        answered |= {number for number, result in results.items() if result.result()}
    assert 0 < len(answered) < 200
    with process(*serving_script(tmp_path, url, port), port=port) as (_, address):
        # the senders try again: also what was kept, and whose answer was lost
        again = [number for number in range(200) if number not in answered or number % 3 == 0]
        assert all(push(address, number) for number in again)
    ledger = open_ledger(url, tmp_path / ".hub")
    waiting = Pushes(project(tmp_path).connections["shop"].open(), ledger.inbox)
    land(Lake(tmp_path / "lake"), "shop", waiting, tmp_path / "work", NOW)
    waiting.let_go()
    assert sorted(row["id"] for row in landed(Lake(tmp_path / "lake"), "shop", "orders")) == list(range(200))
    ledger.close()


def test_two_servers_share_one_ledger(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    with (
        process(*serving_script(tmp_path, "sqlite", ports[0]), port=ports[0]) as (_, one),
        process(*serving_script(tmp_path, "sqlite", ports[1]), port=ports[1]) as (_, other),
        ThreadPoolExecutor(4) as pool,
    ):
        # every push goes to both, as a sender's does whose first answer was lost
        sent = [(address, number) for number in range(40) for address in (one, other)]
        assert all(pool.map(lambda pair: push(*pair), sent))
    ledger = open_ledger("sqlite", tmp_path / ".hub")
    assert ledger.inbox.waiting() == {"shop": 40}
    ledger.close()


def test_hub_serve_ends_well_when_it_is_asked_to_and_finishes_what_it_began(tmp_path: Path) -> None:
    mailing(tmp_path)
    ledger = open_ledger("sqlite", tmp_path / ".hub")
    queue(ledger)
    ledger.close()
    port = free_port()
    command = "from hub.cli import main; main()"
    arguments = ("-c", command, "serve", "--project", str(tmp_path), "--port", str(port))
    with process(*arguments, port=port) as (child, _):
        path = link("unsubscribe")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            raw.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\n".encode())
            time.sleep(0.3)
            os.kill(child.pid, signal.SIGTERM)
            time.sleep(0.3)
            raw.sendall(b"List-Unsubscribe=One-Click")
            assert raw.recv(100).startswith(b"HTTP/1.1 200")
        assert child.wait(30) == 0
        written = child.stderr.read().decode() if child.stderr else ""
        assert "served" in written
        assert path.rpartition("/")[2] not in written
    ledger = open_ledger("sqlite", tmp_path / ".hub")
    assert [one.given for one in ledger.statements.of_message(MESSAGE)] == [False]
    ledger.close()


def test_an_address_that_cannot_be_listened_at_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"can't listen at 192\.0\.2\.1, port 8010"):
        listen("192.0.2.1", 8010)


def test_what_people_do_on_the_pages_is_in_their_file_after_listening(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    made = mailing(tmp_path)
    if ledger.engine.dialect.name == "postgresql":
        address = ledger.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        (tmp_path / "hub.yaml").write_text((tmp_path / "hub.yaml").read_text() + f"ledger: {address}\n")
        made = load_project(tmp_path)
    queue(ledger)
    with workspace(made) as open_:
        with open_.warehouse.begin() as transaction:
            known = {"connection": "shop", "source_key": "anna@example.nl", "record_id": RECORD, "record_no": 1}
            transaction.execute(sa.insert(transaction.table("source_record")).values(**known, person_id=1))
            sent = {"connection": "mail", "source_key": MESSAGE, "record_id": RECORD, "channel": "email"}
            transaction.execute(
                sa.insert(transaction.table("message")).values(**sent, purpose="marketing", sent_at=NOW)
            )
            agreed = {"connection": "shop", "source_key": "c1", "record_id": RECORD, "channel": "email", "given": True}
            transaction.execute(
                sa.insert(transaction.table("consent")).values(
                    **agreed, purpose="marketing", at=NOW - timedelta(days=9)
                )
            )
        open_.warehouse.publish(True)
    seconds = itertools.count()
    client = serving(made, clock=lambda: NOW + timedelta(seconds=next(seconds)))
    client.headers.update(BROWSER)
    for score in (3, 9):
        client.get(link("survey"), params={"kind": "nps", "score": score})
    for score in (4, 8):
        client.post(link("survey"), data={"kind": "nps", "score": str(score), "answer": "Top"})
    given = [field["value"] for field in Page(client.get(link("preferences")).text).fields("was")]
    assert given == ["email:marketing"]
    client.post(link("unsubscribe"))

    for _ in range(2):
        assert run(made, NOW + timedelta(hours=1), ["listen"]).ok
    with workspace(made) as open_, open_.warehouse.begin() as transaction:
        survey, event = transaction.table("survey_response"), transaction.table("message_event")
        answers = transaction.rows(
            sa.select(survey.c.connection, survey.c.record_id, survey.c.message_key, survey.c.survey, survey.c.score)
        )
        events = transaction.rows(sa.select(event.c.record_id, event.c.message_key, event.c.type))
    assert [tuple(row) for row in answers] == [("mail", RECORD, MESSAGE, "nps", 8)]
    assert [tuple(row) for row in events] == [(RECORD, MESSAGE, "unsubscribed")]
    assert ledger.inbox.waiting() == {}
    assert Page(client.get(link("preferences")).text).fields("was") == []
