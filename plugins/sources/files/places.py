"""Where files are: find them in a folder, over SFTP or in S3, and open them."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from hub.errors import ConfigurationError, TemporaryError
from hub.lake import raw_name

if TYPE_CHECKING:
    from plugins.sources.files import FilesConfig

EXTENSIONS = {
    **dict.fromkeys([".csv", ".tsv", ".txt"], "csv"),
    **dict.fromkeys([".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"], "excel"),
    **dict.fromkeys([".jsonl", ".ndjson", ".json"], "jsonl"),
    **dict.fromkeys([".parquet", ".pq"], "parquet"),
}
LONGEST_SILENCE = 60.0
"""Seconds that an SFTP server may keep us waiting at any step."""
_COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
_DATED = re.compile(r"[\W_]*\d[\d\W_]*(?:[tT]\d[\d\W_]*)?[zZ]?$")


class Unreadable(Exception):
    """This file can't be read, for the reason given; the others go on."""


@dataclass(frozen=True)
class File:
    """A file as it is now: `path` names it within its place, `fingerprint` changes when its content does."""

    path: str
    table: str
    format: str
    fingerprint: str
    filesystem: Any = field(repr=False, compare=False)
    address: str = field(repr=False, compare=False)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file for reading, decompressed where its name says that it is compressed."""
        from fsspec.core import OpenFile

        compression = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zip": "zip"}.get(
            posixpath.splitext(self.path)[1].lower()
        )
        with reachable(self.path), OpenFile(self.filesystem, self.address, compression=compression) as stream:
            yield stream


def find(config: FilesConfig, folder: Path) -> list[File]:
    """Find the files of a connection, in the order of their names; paths in it count from the project's folder."""
    filesystem, root = opened_place(config, config.path, folder)
    with reachable(config.path):
        above = root if filesystem.isdir(root) else posixpath.dirname(re.split(r"[*?\[]", root, maxsplit=1)[0])
        patterns: list[tuple[str | None, str]]
        if config.tables:
            patterns = [(table, posixpath.join(root, pattern)) for table, pattern in config.tables.items()]
        elif any(sign in root for sign in "*?[") or filesystem.isfile(root):
            if not filesystem.isfile(root) and _is_local(filesystem) and not filesystem.isdir(above):
                raise ConfigurationError(f"{config.path}: there is no folder {posixpath.basename(above)}; mend `path`")
            patterns = [(config.table, root)]
        elif above == root:
            patterns = [(config.table, posixpath.join(root, "*"))]
        else:
            raise ConfigurationError(f"{config.path} does not exist; mend `path`")
        reading = _reading(config)
        found = {}
        for table, pattern in patterns:
            for address, facts in _fitting(filesystem, pattern).items():
                extension = _extension(address)
                kind = config.format or EXTENSIONS.get(extension)
                if facts["type"] == "file" and kind is not None and not posixpath.basename(address).startswith("."):
                    path = posixpath.relpath(address, above or "/")
                    found[path] = File(
                        path,
                        table or default_table(address),
                        kind,
                        f"{_fingerprint(facts)}:{reading}",
                        filesystem,
                        address,
                    )
    return [found[path] for path in sorted(found)]


def _fitting(filesystem: Any, pattern: str) -> dict[str, dict[str, Any]]:
    """List what fits. Over SFTP, fsspec would take a folder that gives no answer for an empty one."""
    if "sftp" not in filesystem.protocol:
        return dict(filesystem.glob(pattern, detail=True))
    if any(sign in pattern for sign in "*?["):
        return dict(filesystem.glob(pattern, detail=True, on_error=_unless_absent))
    try:
        return {pattern: filesystem.info(pattern)}
    except FileNotFoundError:
        return {}


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _is_local(filesystem: Any) -> bool:
    """Say whether folders are things of their own there; in S3 they are only beginnings of names."""
    return "file" in filesystem.protocol


def opened_place(config: FilesConfig, path: str, folder: Path) -> tuple[Any, str]:
    """Open the file system behind a path or URL; give it and the path there. Paths count from the project's folder."""
    from fsspec.core import url_to_fs

    url = path if "://" in path else str(folder.absolute() / path)
    with reachable(urlsplit(url).netloc or path):
        filesystem, root = url_to_fs(url, **_options(config, url))
        filesystem.invalidate_cache()
        if url.startswith("sftp://"):
            filesystem.ftp.get_channel().settimeout(LONGEST_SILENCE)
        return filesystem, root


def default_table(address: str) -> str:
    """Name a file's table: its name without extension, dates and numbers at its end, else its folder's name.

    `orders_2025-01-31.csv` and `orders_2025-02-28.csv.gz` are both `orders`.
    """
    name = posixpath.basename(address)
    while name.lower().endswith((*_COMPRESSED, *EXTENSIONS)):
        name = posixpath.splitext(name)[0]
    return raw_name(_DATED.sub("", name) or posixpath.basename(posixpath.dirname(address)) or name)


def _extension(address: str) -> str:
    stem, extension = posixpath.splitext(address.lower())
    return posixpath.splitext(stem)[1] if extension in _COMPRESSED else extension


def _fingerprint(facts: dict[str, Any]) -> str:
    """Take the server's hash of the content where it has one, else the size and the time of the last change."""
    changed = facts.get("ETag") or facts.get("etag") or facts.get("mtime") or facts.get("LastModified")
    return f"{facts.get('size')}:{changed}"


def _reading(config: FilesConfig) -> str:
    """Digest the settings that decide what is read from a file: mending them reads the files again."""
    settings = config.model_dump(include={"encoding", "delimiter", "quote", "header", "columns", "sheet", "format"})
    return hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:8]


def _options(config: FilesConfig, url: str) -> dict[str, Any]:
    password = config.password.get_secret_value() if config.password else None
    options: dict[str, Any]
    if url.startswith("sftp://"):
        from plugins.sources.files.host_keys import known_hosts

        options = {"username": config.user, "password": password, "key_filename": config.key_file}
        options["host_key_policy"] = known_hosts(config.host_key)
        options |= dict.fromkeys(("timeout", "banner_timeout", "auth_timeout", "channel_timeout"), LONGEST_SILENCE)
    elif url.startswith("s3://"):
        options = {"key": config.user, "secret": password, "endpoint_url": config.endpoint}
    else:
        options = {}
    return {name: value for name, value in options.items() if value is not None}


_NOBODY = "nobody answers there: check the server's name and port, and the firewall between"


@contextmanager
def reachable(place: str) -> Iterator[None]:
    """Sort what file servers raise into what the reader does next."""
    try:
        yield
    except PermissionError:
        raise ConfigurationError(f"{place}: no permission; mend the rights, `user` or `password`") from None
    except FileNotFoundError:
        raise TemporaryError(f"{place}: a file went away while it was read") from None
    except ImportError as error:
        raise ConfigurationError(
            f"{place}: the package {error.name} is missing; install schakel[sftp] or schakel[s3]"
        ) from None
    except (ConnectionError, TimeoutError):
        raise TemporaryError(f"{place}: {_NOBODY}") from None
    except Exception as error:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if kinds & {"AuthenticationException", "NoCredentialsError", "BadHostKeyException"}:
            raise ConfigurationError(f"{place}: the server refuses the login; mend `user` and `password`") from None
        if "gaierror" in kinds:
            raise TemporaryError(f"{place}: the name of the server does not resolve: check its spelling") from None
        if kinds & {"EndpointConnectionError", "ConnectTimeoutError", "NoValidConnectionsError"}:
            raise TemporaryError(f"{place}: {_NOBODY}") from None
        if "SSHException" in kinds:
            raise TemporaryError(f"{place}: the server broke off before anything was asked: is it SFTP?") from None
        raise
