"""`files`: CSV, Excel, JSON Lines and Parquet files, in a folder, over SFTP or in S3.

    erp: {plugin: files, path: ./exports/erp/*.csv, encoding: cp1252, notation: nl}

A file lands once; a file that changed lands again, whole. Each row says in `_file` where it came from. What can't be
read as a row, such as a line with too few columns, goes to the table `_rejected` with its file, line, reason and text.
CSV lands as text: the mapping reads numbers and dates, in the notation declared here.

`writes` is the folder where syncs leave their changes as files: see `plugins.destinations.files.drop`.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.contracts import (
    Capabilities,
    Check,
    ConnectionConfig,
    Destination,
    Notation,
    Operation,
    Plugin,
    Proof,
    Result,
    Source,
    SyncBatch,
)
from hub.errors import HubError, TemporaryError
from hub.hookspecs import hookimpl
from hub.lake import REJECTED

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from plugins.sources.files.places import File

Format = Literal["csv", "excel", "jsonl", "parquet"]


class FilesConfig(ConnectionConfig):
    """Where the files are and how they are written."""

    plugin: Literal["files"] = "files"
    path: str = Field(
        "",
        description="What is read: a file, folder, pattern (exports/*.csv) or URL (sftp://host/folder, s3://bucket/folder).",
    )
    tables: dict[str, str] = Field(
        {}, description="Tables by name, each with a pattern below `path`, which is then a folder."
    )
    table: str | None = Field(
        None, description="The table of all files; by default the file's name without dates and numbers."
    )
    format: Format | None = Field(None, description="By default told from the file's extension.")
    encoding: str = Field("utf-8", description="The characters' encoding, such as utf-8 or cp1252.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="By default told from the first line.")
    quote: str = Field(
        '"', min_length=1, max_length=1, description="The character around values with a delimiter in them."
    )
    header: bool = Field(True, description="Whether the first row holds the names of the columns.")
    columns: list[str] = Field([], description="The names of the columns where there is no header.")
    sheet: str | None = Field(None, description="The sheet of an Excel file; by default the first.")
    notation: Notation = Field("iso", description="How numbers and dates are written: iso, nl, be or us.")
    user: str | None = Field(None, description="The user of an SFTP server, or the access key of S3.")
    password: SecretStr | None = Field(None, description="The password of that user, or the secret key of S3.")
    key_file: str | None = Field(None, description="A private key for SFTP.")
    host_key: str | None = Field(
        None,
        pattern=r"^\S+ [A-Za-z0-9+/=]+( .*)?$",
        description='The public key of the SFTP server, "ssh-ed25519 AAAA..."; else the known_hosts of this user.',
    )
    endpoint: str | None = Field(None, description="The URL of an S3 server other than Amazon's.")
    writes: str | None = Field(None, description="The folder or URL where syncs leave their changes as files.")
    writes_as: Literal["csv", "jsonl", "parquet"] = Field("csv", description="The format of those files.")
    batch_size: int = Field(10_000, ge=1, description="How many rows one of those files holds at most.")

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            return codecs.lookup(encoding).name
        except LookupError:
            raise ValueError(f"there is no encoding '{encoding}'; say, for example, utf-8 or cp1252") from None

    @model_validator(mode="after")
    def _names_go_with_no_header(self) -> FilesConfig:
        if self.columns and self.header:
            raise ValueError("columns are named by the header; to name them here, say `header: false`")
        if self.table and self.tables:
            raise ValueError("give either `table` or `tables`")
        if not self.path and not self.writes:
            raise ValueError("say what is read (`path`) or where files are written (`writes`)")
        return self


class FilesSource(Source):
    """Lands files once each."""

    name: ClassVar[str] = "files"
    summary: ClassVar[str] = "CSV, Excel, JSON Lines and Parquet files, read and written: local, SFTP, S3"
    config_model: ClassVar[type[ConnectionConfig]] = FilesConfig
    proven: ClassVar[tuple[Proof, ...]] = (
        Proof("real system", "AsyncSSH", "2", date(2026, 11, 22)),
        Proof("real system", "moto", "5", date(2026, 11, 22)),
    )

    def check(self) -> Check:
        """List the files and open the first; look whether the folder of written files can be reached."""
        told = []
        try:
            if self.config.path:
                found = self._files()
                if not found:
                    return Check(False, f"no file matches {self.config.path}")
                table, rows = next(self._read(found[0]), ("", None))
                if table == REJECTED and rows is not None:
                    return Check(False, f"{found[0].path}: {rows['reason'][0]}")
                tables = sorted({file.table for file in found})
                files, of = (
                    f"{len(found)} file{'s' * (len(found) != 1)}",
                    f"{len(tables)} table{'s' * (len(tables) != 1)}",
                )
                told.append(f"{files} for {of}: {', '.join(tables)}")
            if self.config.writes:
                from plugins.destinations.files.drop import look

                told.append(look(self.config, self.place.folder))
        except HubError as error:
            return Check(False, str(error))
        return Check(True, "; ".join(told))

    def resources(self) -> Iterable[DltResource]:
        """Give one resource that yields the rows of each new or changed file for its table."""
        if not self.config.path:
            return []
        import dlt

        @dlt.resource(name="files")
        def files() -> Iterator[Any]:
            landed: dict[str, str] = dlt.current.resource_state().setdefault("landed", {})
            for file in self._files():
                if landed.get(file.path) != file.fingerprint:
                    for table, rows in self._read(file):
                        yield dlt.mark.with_table_name(rows, table)
                    landed[file.path] = file.fingerprint

        return [files]

    def _files(self) -> Sequence[File]:
        from plugins.sources.files.places import find

        return find(self.config, self.place.folder)

    def _read(self, file: File) -> Iterator[tuple[str, Any]]:
        """Yield (table, Arrow rows) pairs: the rows of the file with `_file`, and what was set aside."""
        from plugins.sources.files.readers import read

        return read(file, self.config)


class Files(FilesSource, Destination):
    """Lands files once each, and leaves changes as files."""

    @property
    def capabilities(self) -> Capabilities:
        """Changes of every kind where a folder for them is configured: whoever reads the files does what they say."""
        operations: list[Operation] = ["upsert", "add", "update", "remove", "delete"]
        written = frozenset(operations if self.config.writes else [])
        return Capabilities(operations=written, batch_size=self.config.batch_size)

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Leave the changes as one file."""
        from plugins.destinations.files.drop import write_batch

        try:
            return write_batch(self.config, self.place.folder, batch)
        except TemporaryError as error:
            return [Result(row.key, "later", reason=str(error)) for row in batch.rows]


@hookimpl
def hub_plugins() -> Sequence[type[Plugin]]:
    """Hand over the source."""
    return [Files]
