"""What an admin configures for print."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from hub.contracts import ConnectionConfig
from hub.units import Duration
from plugins.destinations.print.manifest import Form


class Returns(BaseModel):
    """The files in which the printer and the post report what became of letters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str = Field(
        "returns",
        description="Where they lie: a folder of the project, or one beside the drop on the printer's server.",
    )
    message: str = Field("id", description="The column with the letter's id, as the manifest gives it.")
    status: str = Field("status", description="The column that says what became of it.")
    words: dict[str, Literal["sent", "delivered", "bounced", "soft_bounced"]] = Field(
        {"posted": "sent", "delivered": "delivered", "returned": "bounced"},
        min_length=1,
        description="What its words mean; `bounced` is a letter that came back.",
    )
    at: str = Field("date", description="The column with the day or moment.")
    reason: str = Field("reason", description="The column with the reason, if there is one.")


class PrintConfig(ConnectionConfig):
    """The printer's drop, the sheet, and how letters are put into files."""

    folder: str = Field(description="The drop: a folder of the project, or sftp://user@host:22/path of the printer.")
    password: SecretStr | None = Field(None, description="The password of the SFTP account.")
    key: SecretStr | None = Field(None, description="The private key of the SFTP account, as text (PEM or OpenSSH).")
    host_key: str | None = Field(
        None, description='The public key of the SFTP server, "ssh-ed25519 AAAA..."; else the known_hosts of this user.'
    )
    files: Literal["letter", "batch"] = Field(
        "letter", description="letter: a PDF per letter; batch: one PDF with all letters of a batch."
    )
    manifest: frozenset[Form] = Field(
        frozenset({"csv"}), min_length=1, description="In which forms the manifest is put beside the letters: csv, xml."
    )
    window: Literal["left", "right"] = Field("left", description="Where the window of the envelope is.")
    return_address: str = Field("", description="One line in small print above the address.")
    kix: bool = Field(False, description="Print PostNL's KIX code under the addresses in the Netherlands.")
    sent_from: str = Field("NL", pattern="^[A-Z]{2}$", description="Our country: letters to others name theirs.")
    language: str = Field("nl", pattern="^[a-z]{2}$", description="The language of the letters, for hyphenation.")
    assets: Path = Field(Path("templates/assets"), description='Pictures for letters: #asset("logo.svg").')
    kept_for: Duration | None = Field(
        timedelta(days=1),
        description="How long a letter sent again replaces its own file: the printer leaves files in the drop, or "
        "takes each name once. Only for `files: letter`.",
    )
    returns: Returns | None = Field(None, description="What the printer and the post report, as CSV files.")
    batch_size: int = Field(500, ge=1, description="How many letters share a manifest, and with `batch` a PDF.")
    concurrency: int = Field(
        1, ge=1, le=16, description="How many batches are set and put at once, each over a connection of its own."
    )
    timeout: float = Field(30.0, gt=0, description="Seconds to wait for the SFTP server.")

    @model_validator(mode="after")
    def _kix_is_dutch(self) -> Self:
        if self.kix and self.sent_from != "NL":
            raise ValueError("kix: PostNL reads these codes, so only for letters that are sent from NL")
        return self

    @model_validator(mode="after")
    def _drop_is_complete(self) -> Self:
        server = self.server
        if server is None:
            if "://" in self.folder:
                raise ValueError("folder: a drop is a folder or sftp://user@host/path")
            if self.password or self.key or self.host_key:
                raise ValueError("password, key and host_key are for sftp:// only")
            return self
        if not server.hostname or not server.username or not server.path:
            raise ValueError("folder: write sftp://user@host/path")
        if server.password:
            raise ValueError('folder: write the password under `password: "${NAME}"`, not into the address')
        if (self.password is None) == (self.key is None):
            raise ValueError("sftp:// needs `password` or `key`, one of them")
        if self.host_key is not None and len(self.host_key.split()) < 2:
            raise ValueError('host_key: write type and key, "ssh-ed25519 AAAA..."')
        return self

    @property
    def server(self) -> SplitResult | None:
        """The parts of an sftp:// address; None for a folder."""
        return urlsplit(self.folder) if self.folder.startswith("sftp://") else None
