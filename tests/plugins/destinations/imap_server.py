"""A small IMAP server on loopback: enough of RFC 3501 to log in, look into a folder and fetch its mails."""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Mailserver:
    """One folder; `hang_up_after` mails were fetched, the server drops the connection once."""

    mails: dict[int, bytes] = field(default_factory=dict)
    validity: int = 7
    password: str = "kattenluik"
    folder: str = "Bounces 2026"
    commands: list[str] = field(default_factory=list)
    hang_up_after: int | None = None
    fetched: int = 0
    port: int = 0

    def add(self, *mails: bytes) -> None:
        for mail in mails:
            self.mails[max(self.mails, default=0) + 1] = mail


class _Conversation(socketserver.StreamRequestHandler):
    state: Mailserver

    def handle(self) -> None:
        self._say(b"* OK [CAPABILITY IMAP4rev1] ready")
        while line := self.rfile.readline().decode().strip():
            tag, _, command = line.partition(" ")
            self.state.commands.append(re.sub(r"^(LOGIN \S+) .*", r"\1", command))
            if not self._answer(tag, command):
                return

    def _answer(self, tag: str, command: str) -> bool:
        state, done = self.state, "OK done"
        if command == "CAPABILITY":
            self._say(b"* CAPABILITY IMAP4rev1")
        elif command.startswith("LOGIN"):
            done = "OK in" if command == f'LOGIN "bounces" "{state.password}"' else "NO wrong"
        elif command.startswith("EXAMINE"):
            if command != f'EXAMINE "{state.folder}"':
                done = "NO such folder"
            else:
                self._say(b"* %d EXISTS" % len(state.mails), b"* OK [UIDVALIDITY %d] valid" % state.validity)
        elif found := re.fullmatch(r"UID SEARCH UID (\d+):\*", command):
            last = max(state.mails, default=0)
            listed = [uid for uid in state.mails if uid >= int(found[1]) or uid == last]
            self._say(b"* SEARCH " + " ".join(map(str, listed)).encode())
        elif found := re.fullmatch(r"UID FETCH ([\d,]+) \((.+)\)", command):
            for uid in map(int, found[1].split(",")):
                if not self._fetch(uid, found[2]):
                    return False
        elif command == "LOGOUT":
            self._say(b"* BYE", f"{tag} OK bye".encode())
            return False
        else:
            done = "BAD unknown"
        self._say(f"{tag} {done}".encode())
        return True

    def _fetch(self, uid: int, what: str) -> bool:
        state = self.state
        mail = state.mails[uid]
        if part := re.fullmatch(r"UID BODY\.PEEK\[\]<0\.(\d+)>", what):
            if state.hang_up_after is not None and state.fetched >= state.hang_up_after:
                state.hang_up_after = None
                return False
            state.fetched += 1
            start = mail[: int(part[1])]
            self._say(b"* %d FETCH (UID %d BODY[]<0> {%d}" % (uid, uid, len(start)), start + b")")
        else:
            when = b'INTERNALDATE "02-Mar-2026 11:00:00 +0100"'
            self._say(b"* %d FETCH (UID %d RFC822.SIZE %d %s)" % (uid, uid, len(mail), when))
        return True

    def _say(self, *lines: bytes) -> None:
        for line in lines:
            self.wfile.write(line + b"\r\n")


@contextmanager
def serve_imap(certificate: Path | None = None) -> Iterator[Mailserver]:
    """Serve IMAP on loopback, encrypted from the first byte on with a certificate."""
    state = Mailserver()
    handler = type("Conversation", (_Conversation,), {"state": state})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.port = server.server_address[1]
    yield state
    server.shutdown()
    server.server_close()
    thread.join(10)
