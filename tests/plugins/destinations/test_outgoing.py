"""Where outgoing calls may go (field rules, section "Security")."""

import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ConfigurationError
from hub.outgoing import (
    NoAnswerError,
    NotSentError,
    Outgoing,
    check_url,
    clean_reason,
    may_be_called,
    reason_of,
    status_of,
)
from hub.testing.destinations import closed_port

from .conftest import Api, Reply, serve_http, write_certificate


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_may_be_called(address: str) -> None:
    assert may_be_called(address)


PRIVATE = ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "::1", "fd12:3456::1", "::ffff:10.0.0.1"]
NEVER = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "224.0.0.1",
    "0.0.0.0",
    "::",
    "fd00:ec2::254",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_only_where_allowed(address: str) -> None:
    assert not may_be_called(address)
    assert may_be_called(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_link_local_and_metadata_addresses_never(address: str) -> None:
    assert not may_be_called(address)
    assert not may_be_called(address, allow_private=True)


def test_an_embedded_private_address_is_not_public() -> None:
    assert not may_be_called("2002:0a00:0001::")
    assert not may_be_called("100.64.0.1")


@pytest.mark.parametrize("url", ["", "example.nl", "ftp://example.nl/", "https://", "https://exa mple.nl:port/"])
def test_an_address_must_be_written_in_full(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write a full address"):
        check_url(url)


def test_a_name_that_moves_inside_after_the_first_look_is_not_followed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **options: Any) -> Any:
        if host != "shop.example":
            return real(host, port, *rest, **options)
        looks.append(host)
        return real("127.0.0.1" if len(looks) == 1 else "169.254.169.254", port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with Outgoing(f"http://shop.example:{api.port}/", allow_private=True, timeout=5) as shop:
        answers = [shop.request("POST", b"{}", {}) for _ in range(2)]
        shop.reach()
    assert [answer.status for answer in answers] == [200, 200]
    assert [call.headers["host"] for call in api.calls] == [f"shop.example:{api.port}"] * 2
    assert looks == ["shop.example"]


def resolve_shop_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host == "shop.example" else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_certificate_belongs_to_the_name_though_the_address_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = write_certificate(tmp_path / "right.pem", "shop.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(right))
    resolve_shop_to_loopback(monkeypatch)
    with serve_http(right) as api, Outgoing(f"https://shop.example:{api.port}/", allow_private=True) as shop:
        assert shop.request("POST", b"{}", {}).status == 200


def test_a_certificate_of_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = write_certificate(tmp_path / "other.pem", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    resolve_shop_to_loopback(monkeypatch)
    with (
        serve_http(other) as api,
        Outgoing(f"https://shop.example:{api.port}/", allow_private=True) as shop,
        pytest.raises(NotSentError, match="certificate"),
    ):
        shop.request("POST", b"{}", {})


def test_one_address_inside_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with Outgoing("https://shop.example/") as shop, pytest.raises(NotSentError, match="not public"):
        shop.request("POST", b"{}", {})


def test_a_server_where_nobody_listens_is_told_in_words_without_an_error_number() -> None:
    port = closed_port()
    with Outgoing(f"http://127.0.0.1:{port}/", allow_private=True) as shop:
        for ask in (shop.reach, lambda: shop.request("GET", b"", {})):
            with pytest.raises(NotSentError) as caught:
                ask()
            assert str(caught.value) == f"cannot reach 127.0.0.1:{port}: Connection refused"


def test_a_secret_that_was_copied_badly_is_told_before_anything_leaves(api: Api) -> None:
    api.answer = lambda call: Reply(200, {"key": call.headers["authorization"]})
    with Outgoing(f"http://127.0.0.1:{api.port}/", allow_private=True) as outgoing:
        assert outgoing.request("GET", b"", {"Authorization": "Bearer kattenluik\n"}).status == 200
        with pytest.raises(ConfigurationError, match="the header Authorization holds a sign") as raised:
            outgoing.request("GET", b"", {"Authorization": "Bearer katten\nluik\u00e9"})
    assert "luik" not in str(raised.value)
    assert [call.headers["authorization"] for call in api.calls] == ["Bearer kattenluik"]


def test_a_reason_from_outside_is_one_short_line_without_personal_data() -> None:
    said = "User anna@example.nl (tel. 06-1234 5678)\r\nrefused\x00: Anna\u2028has left " + "x" * 300
    reason = clean_reason(said, "Anna")
    assert reason.startswith("User [address] (tel. [number]) refused : [hidden] has left xxx")
    assert len(reason) == 200
    assert reason.endswith("\u2026")


def test_codes_stay_readable_in_a_reason() -> None:
    assert clean_reason("550 5.1.1 mailbox unknown, ticket 4711") == "550 5.1.1 mailbox unknown, ticket 4711"


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("30", (30, 30)),
        ("Wed, 21 Oct 2015 07:26:00 GMT", (0, 0)),
        ("soon", None),
        ("", None),
    ],
    ids=["seconds", "past", "word", "nothing"],
)
def test_how_long_to_wait_is_told_in_seconds_or_as_a_date(api: Api, asked: str, seconds: Any) -> None:
    api.answer = lambda call: Reply(429, b"", {"Retry-After": asked})
    with Outgoing(api.url, allow_private=True) as outgoing:
        found = outgoing.request("GET", b"", {}).retry_after
    assert found is None if seconds is None else seconds[0] <= found <= seconds[1]


def test_how_long_to_wait_may_be_told_as_a_moment_to_come(api: Api) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    api.answer = lambda call: Reply(429, b"", {"Retry-After": moment})
    with Outgoing(api.url, allow_private=True) as outgoing:
        found = outgoing.request("GET", b"", {}).retry_after
    assert found is not None
    assert 7000 <= found <= 7200


def test_what_was_changed_there_goes_again_later(api: Api) -> None:
    api.answer = lambda call: Reply(412, b"")
    with Outgoing(api.url, allow_private=True) as outgoing:
        answer = outgoing.request("PATCH", b"{}", {})
    assert status_of(answer, ()) == "later"
    assert "it was changed there since the hub read it" in reason_of(answer)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"])
def test_an_answer_that_drips_is_given_up_when_its_whole_time_is_over(start: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(start or b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while True:
                    connection.sendall(b"y")
                    time.sleep(0.02)

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with (
            Outgoing(f"http://127.0.0.1:{server.getsockname()[1]}", allow_private=True, timeout=0.1) as outgoing,
            pytest.raises(NoAnswerError, match="ReadTimeout"),
        ):
            outgoing.request("GET", b"", {})
        assert 0.3 < time.monotonic() - started < 3
