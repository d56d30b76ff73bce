"""Real servers on loopback for the destinations' tests."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Mail:
    sender: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass
class Postbox:
    """An SMTP server that keeps what it takes.

    `rcpt_answers` and `data_answers` say what it replies by recipient; after DATA also "hang up" or "silence".
    """

    mails: list[Mail] = field(default_factory=list)
    rcpt_answers: dict[str, str] = field(default_factory=dict)
    data_answers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    lines: dict[Any, Any] = field(default_factory=dict)
    quits: int = 0

    @property
    def connections(self) -> int:
        """Over how many connections mails have come."""
        return len(self.lines)

    def hang_up(self) -> None:
        """Close all connections, as a server does with clients that are silent for long."""
        for line in self.lines.values():
            line.loop.call_soon_threadsafe(line.transport.close)

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.quits += 1
        return "221 Bye"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        self.lines[session.peer] = server
        if address in self.rcpt_answers:
            return self.rcpt_answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.data_answers.get(envelope.rcpt_tos[0], "250 OK")
        if answer == "hang up":
            assert server.transport is not None
            server.transport.close()
            return "250 OK"
        if answer == "silence":
            await asyncio.sleep(1)
        content = envelope.original_content or b""
        self.mails.append(Mail(str(envelope.mail_from), tuple(envelope.rcpt_tos), content))
        return answer


class FreePort(Controller):
    """aiosmtpd's controller, on a port that the operating system chooses."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@pytest.fixture
def start_postbox() -> Iterator[Callable[..., Postbox]]:
    """Start SMTP servers with options of aiosmtpd's controller; they stop with the test."""
    running = []

    def start(**options: Any) -> Postbox:
        postbox = Postbox()
        controller = FreePort(postbox, hostname="127.0.0.1", port=0, **options)
        controller.start()
        running.append(controller)
        postbox.port = controller.port
        return postbox

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def postbox(start_postbox: Callable[..., Postbox]) -> Postbox:
    return start_postbox()


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


@dataclass
class Api:
    """An HTTP server whose `answer` decides what it replies to a call."""

    url: str = ""
    port: int = 0
    calls: list[Call] = field(default_factory=list)
    answer: Callable[[Call], Reply] = field(default=lambda call: Reply())


@pytest.fixture
def api() -> Iterator[Api]:
    with serve_http() as state:
        yield state


@contextmanager
def serve_http(certificate: Path | None = None) -> Iterator[Api]:
    """Serve HTTP on loopback, or HTTPS with a certificate."""
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, body)
            state.calls.append(call)
            reply = state.answer(call)
            if reply.hang_up:
                self.close_connection = True
                return
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.port = server.server_address[1]
    state.url = f"http://127.0.0.1:{state.port}/messages"
    yield state
    server.shutdown()
    server.server_close()
    thread.join(10)


def write_certificate(path: Path, host: str) -> Path:
    """Write a certificate for a host name or address, and its key, into one PEM file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    is_address = host.replace(".", "").isdigit()
    subject = x509.IPAddress(ip_address(host)) if is_address else x509.DNSName(host)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(made.public_bytes(encoding) + key.private_bytes(encoding, form, serialization.NoEncryption()))
    return path
