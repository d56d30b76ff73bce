"""What `hub doctor` shows of an API that can't be reached: words that say which part of the address to check."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.contracts import Place
from hub.testing.destinations import closed_port
from plugins.sources.rest import Rest
from plugins.sources.rest.config import RestConfig
from plugins.sources.rest.unreachable import why_unreachable
from tests.plugins.destinations.conftest import write_certificate
from tests.plugins.vendors.served import Answered, served


def told(url: str, folder: Path) -> str:
    config = RestConfig.model_validate({"url": url, "allow_private": True, "resources": {"people": {"path": "people"}}})
    check = Rest(config, Place("crm", folder)).check()
    assert not check.ok
    return check.message


@contextmanager
def hanging_up() -> Iterator[str]:
    """Take a connection, and close it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close() -> None:
            for _ in range(5):
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                taken.recv(10_000)
                taken.close()

        thread = threading.Thread(target=close, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    assert "nobody listens there: check host and port" in told(f"http://127.0.0.1:{closed_port()}", tmp_path)


def test_a_name_that_nobody_has(tmp_path: Path) -> None:
    assert "its name does not resolve: check the host" in told("https://nowhere.invalid", tmp_path)


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    with served(lambda asked: Answered(200, []), write_certificate(tmp_path / "own.pem", "127.0.0.1")) as api:
        message = told(api.url, tmp_path)
    assert "its certificate is not trusted (self" in message


def test_https_where_plain_http_is_spoken(tmp_path: Path) -> None:
    with served(lambda asked: Answered(200, [])) as api:
        message = told(api.url.replace("http://", "https://"), tmp_path)
    assert "it does not speak TLS there: check whether `url` begins with" in message


def test_a_server_that_hangs_up(tmp_path: Path) -> None:
    with hanging_up() as url:
        assert "no answer: it hung up" in told(url, tmp_path)


def test_the_innermost_cause_decides_however_often_it_is_wrapped() -> None:
    inner = OSError("outer", ssl.SSLError(1, "wrong version number"))
    outer = RuntimeError(inner)
    inner.__context__ = outer
    assert "TLS" in why_unreachable(outer)
    assert why_unreachable(TimeoutError()) == "it takes too long"
    assert why_unreachable(ValueError("x")) == "ValueError"
