"""One connection to the SMTP server, and what its answers mean for a mail.

2xx accepted; 4xx later; 5xx rejected; silence or a lost connection after DATA: unknown, for the server may have
taken the mail.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.contracts import Status
from hub.errors import TemporaryError
from hub.outgoing import clean_reason, describe
from plugins.destinations.smtp.config import SmtpConfig
from plugins.destinations.smtp.mail import Mail

# Answers about us, not about the mail: sign-in or encryption is missing. The mails wait until that is mended.
_ABOUT_US = frozenset({530, 534, 535, 538})
_FINE = 250
_HANGING_UP = 421
_FAREWELL = 5.0
"""Seconds to wait for the answer to a farewell."""
_SHORTEST_HIDDEN = 3


class UnreachableError(TemporaryError):
    """The server can't be used now; the message says why and what to mend."""


@dataclass(frozen=True)
class Outcome:
    """What became of one mail."""

    status: Status
    reason: str = ""
    retry_after: float | None = None


class Connection:
    """Opens at the first mail, and again once the server hung up or it has carried its mails. A context manager."""

    def __init__(self, config: SmtpConfig, folder: Path) -> None:
        """Keep the configuration; files that it names lie in `folder`."""
        self._config = config
        self._folder = folder
        self._server: smtplib.SMTP | None = None
        self._given_up: UnreachableError | None = None
        self._carried = 0

    def __enter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take leave of the server, if it still listens."""
        if self._server is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                if self._server.sock is not None:
                    self._server.sock.settimeout(min(self._config.timeout, _FAREWELL))
                self._server.quit()
            self._drop()

    @property
    def is_alive(self) -> bool:
        """Ask the server whether it is still there: many hang up on who is silent for long."""
        if self._server is None:
            return False
        try:
            return bool(self._server.noop()[0] == _FINE)
        except (smtplib.SMTPException, OSError):
            self._drop()
            return False

    @property
    def place(self) -> str:
        """The server, for messages."""
        return f"the SMTP server {self._config.host}:{self._config.port}"

    @property
    def protection(self) -> str:
        """How the connection is protected, in words."""
        return {"starttls": "encrypted by STARTTLS", "tls": "encrypted", "none": "not encrypted"}[
            self._config.protection
        ]

    def open(self) -> smtplib.SMTP:
        """Connect, encrypt and log in, if not done yet. Raises UnreachableError, the same one from then on."""
        if self._given_up is not None:
            raise self._given_up
        if self._carried >= self._config.mails_per_connection:
            self.close()
        if self._server is None:
            try:
                self._server = self._connect()
                self._carried = 0
            except UnreachableError as error:
                self._given_up = error
                raise
        return self._server

    def deliver(self, mail: Mail) -> Outcome:
        """Hand one mail over and say what became of it; never raises for a server or a mail."""
        try:
            server = self.open()
        except UnreachableError as error:
            return Outcome("later", str(error))
        self._carried += 1
        if mail.international and not server.has_extn("smtputf8"):
            return Outcome("rejected", "the server takes no addresses with letters outside ASCII (SMTPUTF8)")
        try:
            refused = self._envelope(server, mail)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Outcome("later", f"{self.place} hung up before the mail: {describe(error)}")
        if refused is not None:
            return refused
        return self._content(server, mail)

    def _envelope(self, server: smtplib.SMTP, mail: Mail) -> Outcome | None:
        options = ["SMTPUTF8", "BODY=8BITMIME"] if mail.international else []
        for code, text in (
            server.mail(mail.sender, options),
            server.rcpt(mail.recipient),
        ):
            if code not in (250, 251):
                return self._refusal(server, mail, code, text)
        return None

    def _content(self, server: smtplib.SMTP, mail: Mail) -> Outcome:
        try:
            code, text = server.data(mail.content)
        except smtplib.SMTPDataError as error:
            return self._refusal(server, mail, error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            return Outcome("unknown", f"no answer to the mail from {self.place}: {describe(error)}")
        if code // 100 == 2:
            return Outcome("accepted")
        return self._refusal(server, mail, code, text)

    def _refusal(self, server: smtplib.SMTP, mail: Mail, code: int, text: bytes | str) -> Outcome:
        if code == _HANGING_UP:
            self._drop()
        else:
            try:
                server.rset()
            except (smtplib.SMTPException, OSError):
                self._drop()
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        local = mail.recipient.rpartition("@")[0]
        reason = clean_reason(f"{code} {said}", local if len(local) >= _SHORTEST_HIDDEN else "")
        if code in _ABOUT_US:
            return Outcome("later", f"{self.place} wants another sign-in or encryption: {reason}")
        return Outcome("later" if code // 100 == 4 else "rejected", reason)

    def _connect(self) -> smtplib.SMTP:
        config = self._config
        server: smtplib.SMTP | None = None
        try:
            if config.protection == "tls":
                server = smtplib.SMTP_SSL(
                    config.host, config.port, _own_name(), timeout=config.timeout, context=self._certificates()
                )
            else:
                server = smtplib.SMTP(config.host, config.port, _own_name(), timeout=config.timeout)
            if config.protection == "starttls":
                server.starttls(context=self._certificates())
            server.ehlo_or_helo_if_needed()
            self._sign_in(server)
        except (smtplib.SMTPException, OSError) as error:
            if server is not None:
                server.close()
            raise UnreachableError(f"{self.place} can't be used: {self._remedy(error)}") from None
        return server

    def _sign_in(self, server: smtplib.SMTP) -> None:
        if self._config.username is None or self._config.password is None:
            return
        try:
            server.login(self._config.username, self._config.password.get_secret_value())
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPServerDisconnected):
            server.close()
            raise UnreachableError(f"{self.place} refuses the username or the password") from None

    def _certificates(self) -> ssl.SSLContext:
        trust = self._config.trust
        return ssl.create_default_context(cafile=self._folder / trust if trust is not None else None)

    def _remedy(self, error: Exception) -> str:
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return "it does not offer what the configuration asks for (`security`, `username`): " + describe(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({error.verify_message}); `trust` names a file with the right one"
        if isinstance(error, TimeoutError):
            return f"no answer within {self._config.timeout:g} seconds"
        return describe(error)

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def _own_name() -> str:
    """Name this machine in the greeting; looking its full name up in the DNS may take long where there is none."""
    name = socket.gethostname()
    return name if "." in name else "localhost"
