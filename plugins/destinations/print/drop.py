"""The drop that a printer empties: a folder, or a folder of an SFTP server.

A file is written under a temporary name and then renamed: whoever sees its name sees all of it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import os
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from hub.errors import ConfigurationError, TemporaryError
from hub.outgoing import NoAnswerError, describe
from plugins.destinations.print.config import PrintConfig

if TYPE_CHECKING:
    from paramiko import PKey, SFTPClient, SSHClient


class Drop(Protocol):
    """Where files go. A context manager; entering it raises TemporaryError where it can't be reached."""

    def __enter__(self) -> Self:
        """Open the drop."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file, or replace it. Raises TemporaryError; NoAnswerError where it may be there all the same."""

    def look(self) -> str:
        """Say in words what is there, changing nothing. Raises TemporaryError."""

    def names(self) -> list[str]:
        """List the files that the printer has not taken yet. Raises TemporaryError."""

    def get(self, name: str) -> bytes:
        """Read a file. Raises TemporaryError."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there. Raises TemporaryError."""


def open_drop(config: PrintConfig, project: Path) -> Drop:
    """Choose the drop that the configuration names."""
    return FolderDrop(project / config.folder) if config.server is None else SftpDrop(config)


def open_returns(config: PrintConfig, project: Path) -> Drop:
    """Choose where the printer leaves its reports: in the project, or beside the drop on its server."""
    folder = config.returns.folder if config.returns is not None else ""
    if config.server is None:
        return FolderDrop(project / folder)
    return SftpDrop(config, PurePosixPath(config.server.path).parent / folder)


class FolderDrop:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        """Nothing is made before there is a file to put."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def put(self, name: str, content: bytes) -> None:
        """Write beside, force it to the disk, rename."""
        temporary = self._folder / f".{name}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._folder / name)
        except OSError as error:
            raise TemporaryError(f"the drop can't be written: {error.strerror}") from None

    def look(self) -> str:
        """Find out whether the folder, or the nearest one above it, can be written."""
        there = next(folder for folder in (self._folder, *self._folder.absolute().parents) if folder.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise TemporaryError(f"the drop {self._folder} can't be written")
        return f"the drop {self._folder} can be written"

    def names(self) -> list[str]:
        """List the folder."""
        return sorted(path.name for path in self._folder.iterdir()) if self._folder.is_dir() else []

    def get(self, name: str) -> bytes:
        """Read a file."""
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise TemporaryError(f"the drop can't be read: {error.strerror}") from None

    def remove(self, name: str) -> None:
        """Remove a file."""
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise TemporaryError(f"the drop can't be written: {error.strerror}") from None


class SftpDrop:
    """A folder of an SFTP server, which must show the host key that we know."""

    def __init__(self, config: PrintConfig, folder: PurePosixPath | None = None) -> None:
        assert config.server is not None
        self._config = config
        self._server = config.server
        self._folder = folder if folder is not None else PurePosixPath(config.server.path)
        self._client: SSHClient | None = None
        self._sftp: SFTPClient | None = None

    def __enter__(self) -> Self:
        """Connect and sign in."""
        paramiko = _paramiko()
        client = paramiko.SSHClient()
        self._trust(client)
        key = self._key()
        password = self._config.password
        try:
            client.connect(
                str(self._server.hostname),
                self._port,
                self._server.username,
                password=password.get_secret_value() if password else None,
                pkey=key,
                timeout=self._config.timeout,
                banner_timeout=self._config.timeout,
                auth_timeout=self._config.timeout,
                channel_timeout=self._config.timeout,
                allow_agent=False,
                look_for_keys=False,
            )
            self._sftp = client.open_sftp()
            channel = self._sftp.get_channel()
            if channel is not None:
                channel.settimeout(self._config.timeout)
        except (paramiko.SSHException, OSError, EOFError) as error:
            client.close()
            raise TemporaryError(f"{self._place} can't be used: {self._remedy(error)}") from None
        self._client = client
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
            self._client = self._sftp = None

    def put(self, name: str, content: bytes) -> None:
        """Upload under a temporary name and rename, over a file of that name if there is one.

        The parts of a file go without waiting for an answer to each; closing the file waits for all answers.
        """
        temporary, final = str(self._folder / f".{name}.part"), str(self._folder / name)
        with self._failures(), self._open().open(temporary, "wb") as file:
            file.set_pipelined(True)
            file.write(content)
        with self._failures(NoAnswerError):
            self._rename(temporary, final)

    def look(self) -> str:
        """Find out whether the folder is there."""
        with self._failures():
            self._open().listdir(str(self._folder))
        return f"{self._place} is ready"

    def names(self) -> list[str]:
        """List the folder."""
        with self._failures():
            return sorted(self._open().listdir(str(self._folder)))

    def get(self, name: str) -> bytes:
        """Download a file."""
        with self._failures(), self._open().open(str(self._folder / name), "rb") as file:
            return bytes(file.read())

    def remove(self, name: str) -> None:
        """Remove a file."""
        with self._failures(), contextlib.suppress(FileNotFoundError):
            self._open().remove(str(self._folder / name))

    def _rename(self, temporary: str, final: str) -> None:
        """Replace in one step; servers without that extension lose the old file for a moment."""
        sftp = self._open()
        try:
            sftp.posix_rename(temporary, final)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                sftp.remove(final)
            sftp.rename(temporary, final)

    @contextlib.contextmanager
    def _failures(self, kind: type[TemporaryError] = TemporaryError) -> Any:
        try:
            yield
        except (_paramiko().SSHException, OSError, EOFError) as error:
            raise kind(f"{self._place} failed: {describe(error)}") from None

    def _open(self) -> SFTPClient:
        if self._sftp is None:
            raise TemporaryError(f"{self._place} is not connected")
        return self._sftp

    def _trust(self, client: SSHClient) -> None:
        paramiko = _paramiko()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        if self._config.host_key is None:
            client.load_system_host_keys()
            return
        kind, encoded = self._config.host_key.split()[:2]
        host = str(self._server.hostname)
        name = host if self._port == 22 else f"[{host}]:{self._port}"
        try:
            key = paramiko.PKey.from_type_string(kind, base64.b64decode(encoded, validate=True))
        except (paramiko.SSHException, binascii.Error, ValueError):
            raise ConfigurationError('host_key: this is no public key of the form "ssh-ed25519 AAAA..."') from None
        client.get_host_keys().add(name, kind, key)

    def _key(self) -> PKey | None:
        if self._config.key is None:
            return None
        paramiko = _paramiko()
        text = self._config.key.get_secret_value()
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            try:
                key: PKey = kind.from_private_key(io.StringIO(text))
            except (paramiko.SSHException, ValueError):
                continue
            return key
        raise ConfigurationError("key: this is no private key without a passphrase (Ed25519, ECDSA or RSA)")

    def _remedy(self, error: Exception) -> str:
        paramiko = _paramiko()
        if isinstance(error, paramiko.AuthenticationException):
            return "it refuses the name, the password or the key"
        if isinstance(error, paramiko.BadHostKeyException):
            return "its host key is another one than `host_key` says"
        if "not found in known_hosts" in str(error):
            return "its host key is not known: write it as `host_key`"
        return describe(error)

    @property
    def _port(self) -> int:
        return self._server.port or 22

    @property
    def _place(self) -> str:
        return f"the SFTP server {self._server.hostname}:{self._port}"


def _paramiko() -> Any:
    try:
        import paramiko
    except ImportError:
        raise ConfigurationError("sftp:// needs a further package: pip install 'schakel[sftp]'") from None
    return paramiko
