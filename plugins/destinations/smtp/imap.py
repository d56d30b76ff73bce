"""A mailbox read over IMAP (RFC 3501): only looked at, with EXAMINE and BODY.PEEK."""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from hub.errors import TemporaryError
from hub.outgoing import describe
from plugins.destinations.smtp.arrived import Arrived
from plugins.destinations.smtp.config import BouncesConfig

PORTION = 500
"""So many sizes and dates are asked for at once."""

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_ARRIVED = re.compile(rb'\bINTERNALDATE "([^"]+)"')


class Mailbox:
    """Gives each mail of a folder once, by UIDVALIDITY and UID."""

    def __init__(self, config: BouncesConfig, folder: Path, timeout: float) -> None:
        """Keep the configuration; the file of `trust` lies in `folder`. Nothing is opened yet."""
        self._config = config
        self._folder = folder
        self._timeout = timeout

    def look(self) -> str:
        """Log in and say what is there. Raises TemporaryError."""
        with self._opened() as server:
            return f"bounces: {_untagged(server, 'EXISTS') or 0} mails in {self._config.folder} of {self._place}"

    def unread(self, read_until: dict[str, Any]) -> Iterator[Arrived]:
        """Give the mails with a UID above the last one that was read; all of them where the UIDs are new ones."""
        key = f"{self._config.username}@{self._config.host}/{self._config.folder}"
        with self._opened() as server:
            validity = _untagged(server, "UIDVALIDITY")
            place = read_until.get(key)
            if place is None or place["validity"] != validity:
                place = read_until[key] = {"validity": validity, "uid": 0}
            for mail, uid in self._mails(server, place["uid"]):
                place["uid"] = uid
                yield mail

    def _mails(self, server: imaplib.IMAP4, last: int) -> Iterator[tuple[Arrived, int]]:
        found = _ask(server, "SEARCH", f"UID {last + 1}:*")
        listed = sorted({int(uid) for line in found if isinstance(line, bytes) for uid in line.split()})
        unread = [uid for uid in listed if uid > last]  # n:* names the last mail, even where its UID is below n
        for start in range(0, len(unread), PORTION):
            known = self._known(server, unread[start : start + PORTION])
            for uid in sorted(known):
                size, at = known[uid]
                content = _content(server, uid) if size <= Arrived.LARGEST else b""
                if content is not None:
                    yield Arrived(f"UID {uid} of {self._config.folder}", size, at, content), uid

    def _known(self, server: imaplib.IMAP4, uids: list[int]) -> dict[int, tuple[int, datetime | None]]:
        """Ask sizes and dates; a mail that is gone meanwhile has none."""
        answers = _ask(server, "FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE INTERNALDATE)")
        known: dict[int, tuple[int, datetime | None]] = {}
        for answer in answers:
            line = answer if isinstance(answer, bytes) else b""
            uid, size, arrived = _UID.search(line), _SIZE.search(line), _ARRIVED.search(line)
            if uid and size and int(uid[1]) in uids:
                known[int(uid[1])] = int(size[1]), _moment(arrived[1]) if arrived else None
        return known

    @contextlib.contextmanager
    def _opened(self) -> Iterator[imaplib.IMAP4]:
        """Connect, encrypt, log in and look into the folder."""
        server: imaplib.IMAP4 | None = None
        try:
            server = self._connect()
            self._sign_in(server)
            status, _ = server.select(_quoted(self._config.folder), readonly=True)
            if status != "OK":
                raise TemporaryError(f"{self._place} has no folder {self._config.folder}: check `folder`")
            yield server
        except (imaplib.IMAP4.error, OSError) as error:
            raise TemporaryError(f"{self._place} can't be read: {self._remedy(error)}") from None
        finally:
            if server is not None:
                with contextlib.suppress(imaplib.IMAP4.error, OSError):
                    server.logout()

    def _connect(self) -> imaplib.IMAP4:
        config, host = self._config, self._config.host or ""
        certificates = ssl.create_default_context(cafile=self._folder / config.trust if config.trust else None)
        if config.security == "tls":
            return imaplib.IMAP4_SSL(host, config.port or 993, ssl_context=certificates, timeout=self._timeout)
        server = imaplib.IMAP4(host, config.port or 143, timeout=self._timeout)
        try:
            if config.security == "starttls":
                server.starttls(certificates)
        except (imaplib.IMAP4.error, OSError):
            server.shutdown()
            raise
        return server

    def _sign_in(self, server: imaplib.IMAP4) -> None:
        try:
            server.login(_quoted(self._config.username), self._config.password.get_secret_value())
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            raise TemporaryError(f"{self._place} refuses the username or the password") from None

    def _remedy(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({error.verify_message}); `trust` names a file with the right one"
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} seconds"
        return describe(error)

    @property
    def _place(self) -> str:
        return f"the IMAP server {self._config.host}"


def _ask(server: imaplib.IMAP4, command: str, *arguments: str) -> list[Any]:
    status, answers = server.uid(command, *arguments)
    if status != "OK":
        raise server.error(f"it refuses {command}")
    return [answer for answer in answers if answer is not None]


def _content(server: imaplib.IMAP4, uid: int) -> bytes | None:
    """Fetch the start of one mail without marking it as seen; None where it is gone meanwhile."""
    answers = _ask(server, "FETCH", str(uid), f"(UID BODY.PEEK[]<0.{Arrived.READ}>)")
    return next((bytes(answer[1]) for answer in answers if isinstance(answer, tuple)), None)


def _untagged(server: imaplib.IMAP4, name: str) -> str:
    found = server.response(name)[1]
    return found[0].decode("ascii", "replace") if found and isinstance(found[0], bytes) else ""


def _moment(text: bytes) -> datetime | None:
    try:
        return parsedate_to_datetime(text.decode("ascii", "replace").strip()).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
