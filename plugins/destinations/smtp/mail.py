"""A message as the bytes of a mail: the same message always gives the same bytes.

Message-ID, Date and the boundary of the parts follow from the message; nothing comes from the clock or from chance.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import format_datetime
from urllib.parse import quote, unquote

from hub.contracts import EmailRecipient, Message
from hub.errors import RejectedError
from hub.normalise.email import normalise_email
from plugins.destinations.smtp import mime
from plugins.destinations.smtp.config import SmtpConfig, mailbox
from plugins.destinations.smtp.dkim import Signer
from plugins.destinations.smtp.verp import ReturnPaths

ONE_CLICK = "List-Unsubscribe=One-Click"


class Unmailable(RejectedError):
    """This message can't become a mail."""


@dataclass(frozen=True)
class Mail:
    """A mail ready to be handed over: the envelope and the content."""

    sender: str
    recipient: str
    content: bytes = field(repr=False)
    international: bool = False


def compose(
    message: Message,
    config: SmtpConfig,
    unsubscribe_url: str,
    signer: Signer | None = None,
    paths: ReturnPaths | None = None,
) -> Mail:
    """Make the mail of a message, signed where there is a signer, with a return path of its own where there are paths.

    Raises Unmailable, without personal data in its text.
    """
    recipient = message.recipient
    if not isinstance(recipient, EmailRecipient):
        raise Unmailable("the recipient has no e-mail address")
    address = normalise_email(recipient.email)
    if address is None:
        raise Unmailable("the e-mail address is not valid")
    sender = mailbox(config.sender)
    international = not (address + sender.addr_spec + config.return_address).isascii()
    rules = mime.UTF8 if international else mime.ASCII
    try:
        headers = _headers(message, config, _named(recipient.name, recipient.email.strip()), unsubscribe_url)
        content = mime.head(headers, rules) + _body(message)
    except (ValueError, LookupError) as error:
        raise Unmailable(f"it can't be written as a mail: {_without_values(error)}") from None
    if signer is not None:
        content = signer.signed(content, message.queued_at)
    return Mail(paths.of(message.id) if paths is not None else config.return_address, address, content, international)


def message_id_header(message_id: str, domain: str) -> str:
    """Give the Message-ID of a message; characters that it may not hold are percent-encoded."""
    return f"<{quote(message_id, safe='').replace('.', '%2E')}@{domain}>"


def message_id_of(header: str) -> str:
    """Lead a Message-ID back to the message's id; an id that is no Message-ID stays as it is."""
    bare = header.strip().removeprefix("<").removesuffix(">")
    return unquote(bare.rpartition("@")[0]) if "@" in bare else bare


def _headers(
    message: Message, config: SmtpConfig, recipient: Address, unsubscribe_url: str
) -> list[tuple[str, str | Address]]:
    subject = message.content.get("subject", "").strip()
    if not subject:
        raise Unmailable("it has no subject")
    headers: list[tuple[str, str | Address]] = [("From", mailbox(config.sender)), ("To", recipient)]
    if config.reply_to:
        headers.append(("Reply-To", mailbox(config.reply_to)))
    headers += [
        ("Subject", subject),
        ("Date", format_datetime(message.queued_at)),
        ("Message-ID", message_id_header(message.id, config.sender_domain)),
    ]
    if unsubscribe_url:
        headers += [("List-Unsubscribe", f"<{unsubscribe_url}>"), ("List-Unsubscribe-Post", ONE_CLICK)]
    return headers


def _body(message: Message) -> bytes:
    text, html = message.content.get("text", ""), message.content.get("html", "")
    if not (text or html):
        raise Unmailable("it has neither text nor html")
    return mime.body(text, html, "=_" + hashlib.sha256(message.id.encode()).hexdigest()[:32])


def _named(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name.strip(), username=local, domain=domain.encode("idna").decode("ascii"))


def _without_values(error: Exception) -> str:
    """Name what is wrong with a header or part; the library's own text may quote it."""
    if isinstance(error, UnicodeError):
        return "a character that can't be encoded"
    return "a line break or another forbidden character in a header"
