"""What other systems push, over real HTTP: kept before it is answered, or refused and not kept."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from hub.errors import ConfigurationError
from hub.lake import Lake
from hub.ledger import Ledger
from hub.serve import application
from hub.serve.site import REFUSALS, Site
from hub.stages.land import land
from hub.stages.land.pushes import Pushes
from hub.testing.sources import landed
from tests.serve.conftest import Serving
from tests.serve.shop import KEY, NOW, SECRET, Shop, project, signed

OTHER = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="


@pytest.fixture
def client(serving: Serving, tmp_path: Path) -> httpx.Client:
    return serving(project(tmp_path), clock=lambda: NOW)


def kept(ledger: Ledger) -> list[Any]:
    """Give what is kept, in the order of its numbers."""
    ledger.inbox.take("shop", "looked at")
    pages = ledger.inbox.read("shop", "looked at")
    rows = [row for page in pages for push in page for row in push.rows([KEY])["orders"]]
    return sorted(rows, key=lambda row: row["id"])


def test_a_signed_push_is_in_the_ledger_when_it_is_answered(client: httpx.Client, ledger: Ledger) -> None:
    answer = client.post("/in/shop", **signed({"id": 7, "note": "één 🐈 <script>"}))
    assert answer.status_code == 204
    assert kept(ledger) == [{"id": 7, "note": "één 🐈 <script>"}]


def test_a_push_that_comes_twice_is_answered_twice_and_kept_once(client: httpx.Client, ledger: Ledger) -> None:
    statuses = [client.post("/in/shop", **signed({"id": 7})).status_code for _ in range(3)]
    assert statuses == [204, 204, 204]
    assert kept(ledger) == [{"id": 7, "note": None}]


def test_pushes_out_of_order_and_at_once_are_all_kept(client: httpx.Client, ledger: Ledger) -> None:
    def push(number: int) -> int:
        sent_at = NOW - timedelta(seconds=number)
        return client.post("/in/shop", **signed({"id": number}, f"evt_{number}", sent_at)).status_code

    numbers = [*range(60), *range(0, 60, 3)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(push, numbers)) == {204}
    assert [row["id"] for row in kept(ledger)] == list(range(60))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (signed({"id": 7}, secret=OTHER), 401),
        (signed({"id": 7}, at=NOW - timedelta(minutes=6)), 401),
        (signed({"id": 7}, at=NOW + timedelta(minutes=6)), 401),
        ({"content": b'{"id": 7}'}, 401),
        (signed(b"<html>"), 400),
        (signed(b""), 400),
        (signed({"note": "no number"}), 400),
        (signed(b'{"id": 7, "note": "\\ud800"}'), 400),
        (signed(b"[" * 50_000), 400),
    ],
)
def test_what_is_not_signed_or_not_readable_is_refused_and_not_kept(
    client: httpx.Client, ledger: Ledger, sent: Any, status: int
) -> None:
    assert client.post("/in/shop", **sent).status_code == status
    assert ledger.inbox.waiting() == {}


def test_a_connection_that_takes_no_pushes_is_not_told_from_one_that_is_not_there(client: httpx.Client) -> None:
    answers = [client.post(path, **signed({"id": 7})) for path in ("/in/deaf", "/in/nobody", "/in/", "/nowhere")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, "Not Found")}
    assert client.delete("/in/shop").status_code == 405


def test_a_body_that_is_too_large_is_refused_before_it_is_read_whole(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    client = serving(project(tmp_path, serve={"largest_push": "1 kB"}), clock=lambda: NOW)
    assert client.post("/in/shop", **signed({"id": 7, "note": "x" * 900})).status_code == 204
    assert client.post("/in/shop", **signed({"id": 8, "note": "x" * 1000}, "evt_2")).status_code == 413
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as raw:
        # no length is announced, and the sender never ends: the answer comes after a little more than is allowed
        raw.sendall(b"POST /in/shop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"200\r\n" + b"x" * 512 + b"\r\n"
        raw.sendall(chunk * 3)
        assert raw.recv(100).startswith(b"HTTP/1.1 413")
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as raw:
        raw.sendall(b"POST /in/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n")
        assert raw.recv(100).startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))
    assert ledger.inbox.waiting() == {"shop": 1}


def test_headers_without_end_are_not_read_to_the_end(client: httpx.Client) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as raw:
        raw.sendall(b"POST /in/shop HTTP/1.1\r\nHost: x\r\n")
        with pytest.raises(OSError, match=r"reset|[Bb]roken|aborted"):
            raw.sendall((b"x-header: " + b"x" * 10_000 + b"\r\n") * 2_000)


def test_who_pushes_too_fast_is_asked_to_wait_and_loses_nothing(
    serving: Serving, ledger: Ledger, tmp_path: Path
) -> None:
    client = serving(project(tmp_path, serve={"pushes": "1/min"}), clock=lambda: NOW)
    assert client.post("/in/shop", **signed({"id": 1}, "evt_1")).status_code == 204
    held_back = client.post("/in/shop", **signed({"id": 2}, "evt_2"))
    assert held_back.status_code == 429
    assert 1 <= int(held_back.headers["retry-after"]) <= 60
    assert [row["id"] for row in kept(ledger)] == [1]


def test_who_guesses_at_signatures_is_held_back_and_others_are_not(client: httpx.Client) -> None:
    guesser = {"x-forwarded-for": "203.0.113.9"}
    wrong = signed({"id": 7}, secret=OTHER)
    for _ in range(REFUSALS):
        assert client.post("/in/shop", content=wrong["content"], headers=wrong["headers"] | guesser).status_code == 401
    right = signed({"id": 7})
    held_back = client.post("/in/shop", content=right["content"], headers=right["headers"] | guesser)
    assert (held_back.status_code, held_back.headers["retry-after"]) == (429, "3")
    assert client.post("/in/shop", **right).status_code == 204


def test_an_answer_that_the_sender_waits_for_is_given_as_plain_text(client: httpx.Client, ledger: Ledger) -> None:
    answer = client.get("/in/shop", params={"challenge": "<script>alert(1)</script>"})
    assert (answer.status_code, answer.text) == (200, "<script>alert(1)</script>")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ledger.inbox.waiting() == {}


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(client: httpx.Client) -> None:
    for answer in (client.get("/healthz"), client.get("/nowhere"), client.post("/in/shop", content=b"")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert "strict-transport-security" not in answer.headers  # nobody said that the world comes by https


def test_what_fails_tells_the_sender_nothing_and_the_log_no_value(client: httpx.Client) -> None:
    with structlog.testing.capture_logs() as logs:
        failed = client.post("/in/shop", **signed({"id": "anna@example.nl"}))
        client.post("/in/shop/s3cret-path?token=t0ken", **signed({"note": "geheim"}))
        client.post("/in/geheim@example.nl", content=b"")
    assert (failed.status_code, failed.text) == (500, "Internal Server Error")
    written = json.dumps(logs)
    assert "TypeError" in written
    assert '"route": "/in/{connection}/{rest:path}"' in written
    for hidden in ("anna", "s3cret", "t0ken", "geheim", "v1,"):
        assert hidden not in written


def test_hostile_strings_come_through_as_they_were_sent_and_break_nothing(
    client: httpx.Client, ledger: Ledger, tmp_path: Path
) -> None:
    notes = [
        "'; DROP TABLE inbox; --",
        "{{ 7 * 7 }}",
        "=cmd|' /C calc'!A0",
        "a\u202eb\u0000c",
        "../../etc/passwd",
        "x" * 99_999,
    ]
    for number, note in enumerate(notes):
        sent = signed({"id": number, "note": note}, f"evt_{number}")
        assert client.post("/in/shop", **sent).status_code == 204
    assert [row["note"] for row in kept(ledger)] == notes
    waiting = Pushes(project(tmp_path).connections["shop"].open(), ledger.inbox)
    land(Lake(tmp_path / "lake"), "shop", waiting, tmp_path / "work", NOW)
    waiting.let_go()
    rows = sorted(landed(Lake(tmp_path / "lake"), "shop", "orders"), key=lambda row: row["id"])
    # a NUL, which no text of PostgreSQL holds, is left out when it lands
    assert [row["note"] for row in rows] == [note.replace("\0", "") for note in notes]
    assert ledger.inbox.waiting() == {}


def test_without_a_signing_key_nothing_is_served(ledger: Ledger, tmp_path: Path) -> None:
    made = project(tmp_path)
    object.__setattr__(made, "key", b"")
    with pytest.raises(ConfigurationError, match="HUB_KEY is not set"):
        application(Site(made, ledger))


def test_health_says_whether_the_ledger_answers(serving: Serving, tmp_path: Path, ledger: Ledger) -> None:
    client = serving(project(tmp_path))
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE inbox")
    assert client.get("/healthz").status_code == 503
    assert client.post("/in/shop", **signed({"id": 7}, at=datetime.now(UTC))).status_code == 503


def test_what_was_pushed_is_in_the_lake_after_the_next_landing(
    client: httpx.Client, ledger: Ledger, tmp_path: Path
) -> None:
    for number in (3, 1, 2, 1):
        client.post("/in/shop", **signed({"id": number}, f"evt_{number}"))
    shop = project(tmp_path).connections["shop"].open()
    assert isinstance(shop, Shop)
    assert SECRET not in repr(shop.config)
    waiting = Pushes(shop, ledger.inbox)
    land(Lake(tmp_path / "lake"), "shop", waiting, tmp_path / "work", NOW)
    waiting.let_go()
    assert sorted(row["id"] for row in landed(Lake(tmp_path / "lake"), "shop", "orders")) == [1, 2, 3]
    assert ledger.inbox.waiting() == {}
