"""smtp: sends e-mail to any SMTP server, and reads what comes back.

Reactions come as the JSON Lines that a mail platform writes, and as the mails in which servers report bounces and
complaints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from weakref import finalize

from hub.contracts import Capabilities, Check, ConnectionConfig, Destination, Message, Place, Proof, Result
from hub.errors import ConfigurationError, TemporaryError
from hub.hookspecs import hookimpl
from plugins.destinations.smtp.config import SmtpConfig
from plugins.destinations.smtp.connection import Connection
from plugins.destinations.smtp.dkim import Signer
from plugins.destinations.smtp.mail import Unmailable, compose, message_id_header
from plugins.destinations.smtp.pool import Pool
from plugins.destinations.smtp.verp import ReturnPaths

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from hub.contracts import Plugin


class Smtp(Destination):
    """One mail per message, over connections that are kept from batch to batch.

    SMTP has no idempotency: a mail whose answer was lost is `unknown`, never sent again by itself. The Message-ID
    is the same at every attempt, and leads back to the message.
    """

    name = "smtp"
    summary = "Sends e-mail over SMTP; reads reactions from JSON Lines files, bounces and complaints from a mailbox."
    config_model = SmtpConfig
    proven = (Proof("real system", "MailDev", "2.2.1", date(2026, 11, 22)),)
    default_mapping = Path(__file__).parents[3] / "mappings" / "smtp.yaml"
    config: SmtpConfig

    def __init__(self, config: ConnectionConfig, place: Place) -> None:
        """Open nothing yet. When nobody has the object any more, or the process ends, its connections are closed."""
        super().__init__(config, place)
        self._pool = Pool(self.config, place.folder)
        finalize(self, self._pool.close)

    @property
    def capabilities(self) -> Capabilities:
        """E-mail, at the configured rate, without idempotency."""
        return Capabilities(
            channel="email",
            batch_size=self.config.batch_size,
            rates=self.config.rate,
            concurrency=self.config.concurrency,
            one_by_one=True,
        )

    def check(self) -> Check:
        """Connect, encrypt and log in, and send nothing; look into the place where bounces arrive."""
        try:
            signer, _ = self._signer, self._paths
            with Connection(self.config, self.place.folder) as connection:
                connection.open()
                ready = f"{connection.place} is ready ({connection.protection})"
            if signer is not None:
                ready += f"; mails are signed, and the TXT record of {signer.place} must be: {signer.published}"
            if self.config.bounces is None:
                return Check(True, ready)
            from plugins.destinations.smtp.bounces import look

            return Check(True, f"{ready}; {look(self.config.bounces, self.place.folder, self.config.timeout)}")
        except (TemporaryError, ConfigurationError) as error:
            return Check(False, str(error))

    def send(self, batch: Sequence[Message]) -> Sequence[Result]:
        """Send one mail per message; a mail that is refused does not keep the others."""
        with self._pool.connection() as connection:
            return [self._send(message, connection) for message in batch]

    def unsubscribe_url(self, token: str) -> str:
        """Add the token to the configured address; without one it is the hub's own page, where that is served."""
        base = self.config.unsubscribe_url
        if not (base and token):
            return super().unsubscribe_url(token)
        return f"{base}{'&' if '?' in base else '?'}{urlencode({'token': token})}"

    def feedback(self) -> Iterable[DltResource]:
        """Give the reactions that are new: lines in the configured files, and mails where bounces arrive."""
        found: list[DltResource] = []
        if self.config.reactions is not None:
            from plugins.destinations.smtp.reactions import reactions

            found.append(reactions(self.config.reactions, self.place.folder))
        if self.config.bounces is not None:
            from plugins.destinations.smtp.bounces import bounces

            domain, timeout = self.config.sender_domain, self.config.timeout
            found.append(bounces(self.config.bounces, self.place.folder, domain, timeout, self._paths))
        return found

    @cached_property
    def _signer(self) -> Signer | None:
        config = self.config
        return Signer(config.dkim, config.sender_domain, self.place.folder) if config.dkim is not None else None

    @cached_property
    def _paths(self) -> ReturnPaths | None:
        """Give every mail its return path. Raises ConfigurationError without a key to mark them with."""
        bounces = self.config.bounces
        if bounces is None or bounces.verp is None:
            return None
        if not self.place.key:
            raise ConfigurationError("HUB_KEY is not set: return paths (`verp`) are marked with a key of your own")
        return ReturnPaths(self.config.return_address, bounces.verp, self.place.key)

    def _send(self, message: Message, connection: Connection) -> Result:
        try:
            url = self.unsubscribe_url(message.unsubscribe_token)
            mail = compose(message, self.config, url, self._signer, self._paths)
        except Unmailable as error:
            return Result(message.id, "rejected", reason=str(error))
        outcome = connection.deliver(mail)
        given_away = outcome.status in {"accepted", "unknown"}
        remote_id = message_id_header(message.id, self.config.sender_domain) if given_away else ""
        return Result(message.id, outcome.status, remote_id, outcome.reason, outcome.retry_after)


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the destination."""
    return [Smtp]
