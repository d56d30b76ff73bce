"""What an admin configures for smtp."""

from __future__ import annotations

import ipaddress
import re
from email.headerregistry import Address
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from hub.contracts import ConnectionConfig
from hub.normalise.email import normalise_email
from hub.units import Rates

Protection = Literal["starttls", "tls", "none"]


class BouncesConfig(BaseModel):
    """Where the mails that other servers send back arrive: a mailbox read over IMAP, or a folder of files."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    address: str | None = Field(
        None, description="The envelope sender: where servers send bounces. By default `sender`."
    )
    verp: Literal["+", "-", "="] | None = Field(
        None,
        description="Give every mail a return path of its own, with the message behind this sign: "
        "bounces+MESSAGE@... The server of `address` must deliver all of them there (+ is usual).",
    )
    path: Path | None = Field(None, description="A Maildir, or a folder with *.eml files, instead of a server.")
    host: str | None = Field(None, description="The IMAP server.")
    port: int | None = Field(None, ge=1, le=65535, description="By default 993, and 143 where it is not `tls`.")
    security: Protection = Field("tls", description="tls (from the first byte on), starttls, or none on this machine.")
    trust: Path | None = Field(None, description="A PEM file with the certificates to trust instead of the system's.")
    username: str = ""
    password: SecretStr = SecretStr("")
    folder: str = Field("INBOX", description="Only looked at: no mail is moved, marked or deleted.")

    @field_validator("address")
    @classmethod
    def _is_mailbox(cls, value: str | None) -> str | None:
        if value is not None:
            mailbox(value)
        return value

    @field_validator("username", "password", "folder")
    @classmethod
    def _fits_a_command(cls, value: str | SecretStr) -> str | SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not text.isascii() or not (text.isprintable() or not text):
            raise ValueError("IMAP takes letters of ASCII here (a folder's other letters in modified UTF-7)")
        return value

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.path is None) == (self.host is None):
            raise ValueError("write either `host` (a mailbox read over IMAP) or `path` (a folder of mails)")
        if self.host is not None and not (self.username and self.password.get_secret_value()):
            raise ValueError("a mailbox needs `username` and `password`")
        if self.host is not None and self.security == "none" and not is_this_machine(self.host):
            raise ValueError("a password needs `security: tls` or `security: starttls`")
        return self


class DkimConfig(BaseModel):
    """The signature of mails: with which key, and under which name its public half stands in the DNS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Path = Field(description="A PEM file with the private key: RSA, or Ed25519. Not in the project's repository.")
    selector: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", description="The name of the key.")
    domain: str | None = Field(None, description="Which domain signs; by default that of the sender.")


class SmtpConfig(ConnectionConfig):
    """The server, the sender, and where reactions come from."""

    host: str = Field(description="The SMTP server.")
    port: int = Field(587, ge=1, le=65535)
    security: Protection | None = Field(
        None,
        description="starttls, tls (from the first byte on) or none; by default starttls, and none on this machine.",
    )
    trust: Path | None = Field(None, description="A PEM file with the certificates to trust instead of the system's.")
    username: str | None = None
    password: SecretStr | None = None
    sender: str = Field(description='Who writes: "Mia(ou)m <hallo@miaoum.example>".')
    reply_to: str | None = Field(None, description="Where answers go, if not to the sender.")
    unsubscribe_url: str | None = Field(
        None,
        description="The https address of your own that takes one-click unsubscribes; the token is added to it. "
        "Without it, the hub's own page takes them where hub.yaml has a `public_url`.",
    )
    dkim: DkimConfig | None = Field(
        None, description="Sign every mail (DKIM): key, selector and domain. Not where the server signs already."
    )
    rate: Rates = Field((), description="The most the server takes: 50/s, or [50/s, 10000/day].")
    concurrency: int = Field(1, ge=1, le=32, description="How many connections may be open at once.")
    batch_size: int = Field(100, ge=1, description="How many mails are written down as being sent at once.")
    mails_per_connection: int = Field(
        1000, ge=1, description="After so many mails a connection is replaced: many servers take no more over one."
    )
    timeout: float = Field(30.0, gt=0, description="Seconds to wait for the server.")
    reactions: str | None = Field(
        None, description="JSON Lines files with reactions: a folder's *.jsonl, or any fsspec URL with a pattern."
    )
    bounces: BouncesConfig | None = Field(
        None,
        description="Where bounces (RFC 3464) and complaints (RFC 5965) arrive as mails: host, port, security, trust, "
        "username, password and folder of an IMAP mailbox, or the path of a Maildir or of a folder with *.eml files; "
        "and its address, to which mails are then told to be returned.",
    )

    @field_validator("sender", "reply_to")
    @classmethod
    def _is_mailbox(cls, value: str | None) -> str | None:
        if value is not None:
            mailbox(value)
        return value

    @field_validator("unsubscribe_url")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.hostname is None or not value.isascii() or any(letter <= " " or letter in "<>" for letter in value):
            raise ValueError("write a full address such as https://www.example.com/unsubscribe")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(parts.hostname)):
            raise ValueError("one-click unsubscribe needs https (RFC 8058); http is for this machine only")
        return value

    @model_validator(mode="after")
    def _password_is_protected(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.password is not None and self.protection == "none" and not is_this_machine(self.host):
            raise ValueError("a password needs `security: starttls` or `security: tls`")
        return self

    @property
    def protection(self) -> Protection:
        """Say how the connection is protected."""
        return self.security or ("none" if is_this_machine(self.host) else "starttls")

    @property
    def return_address(self) -> str:
        """The envelope sender, where servers send bounces."""
        return mailbox((self.bounces and self.bounces.address) or self.sender).addr_spec

    @property
    def sender_domain(self) -> str:
        """The domain behind Message-IDs."""
        return mailbox(self.sender).domain


_MAILBOX = re.compile(r"(?:(?P<name>[^<>\r\n]*)<(?P<bracketed>[^<>\s]+)>|(?P<bare>[^<>\s]+))")


@lru_cache(maxsize=64)
def mailbox(text: str) -> Address:
    """Read `Name <local@domain>`; the name may hold parentheses, as in Mia(ou)m. ValueError if it is no mailbox."""
    written = _MAILBOX.fullmatch(text.strip())
    address = written and (written["bracketed"] or written["bare"])
    if not written or not address or normalise_email(address) is None:
        raise ValueError('write an address such as "Mia(ou)m <hallo@example.nl>"')
    local, _, domain = address.rpartition("@")
    return Address(display_name=(written["name"] or "").strip(' "'), username=local, domain=domain)


def is_this_machine(host: str) -> bool:
    """Tell loopback names and addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
