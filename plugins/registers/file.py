"""register_file: a do-not-contact register kept as a file of telephone numbers, e-mail addresses, or their hashes.

Registers hand out a list for some weeks. Each version is a file of its own, with its day in its name; the newest one
answers. Numbers may be written in any usual way of the region: they are compared in E.164.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import file_digest, md5, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field, field_validator

from hub.contracts import Check, ConnectionConfig, Consultation, DoNotContactRegister, Proof
from hub.errors import ConfigurationError, HubError
from hub.hookspecs import hookimpl
from hub.units import Duration

if TYPE_CHECKING:
    import pyarrow as pa

    from hub.contracts import Plugin

DAY = "{date}"
CALLING_CODES = {"NL": "+31", "BE": "+32", "LU": "+352", "DE": "+49", "FR": "+33", "GB": "+44"}


class RegisterFileConfig(ConnectionConfig):
    """Where the register's files are, and what stands in them."""

    path: str = Field(
        description="The files, with {date} where each has its day: registers/bel-me-niet-meer-{date}.csv. Days are "
        "written as 2026-11-01."
    )
    register_: str = Field(
        alias="register",
        pattern="^[a-z][a-z0-9-]*$",
        description="The register's name: bel-me-niet-meer is the Belgian list for telephone calls.",
    )
    channels: list[Literal["phone", "sms", "email"]] = Field(min_length=1, description="Which channels it is about.")
    column: str | None = Field(None, description="The column with the address; the first one where absent.")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = Field(",", description="What parts the columns.")
    hashed: Literal["sha256", "md5"] | None = Field(
        None, description="The file holds hashes, in hexadecimal, of numbers in E.164 or addresses in lower case."
    )
    region: str = Field("NL", description="The country of numbers that are written without one.")
    good_for: Duration = Field(
        timedelta(days=30), description="How old the newest file may be; with an older one nothing goes out."
    )

    @field_validator("path")
    @classmethod
    def _has_a_day(cls, value: str) -> str:
        if Path(value).name.count(DAY) != 1 or value.count(DAY) != 1:
            raise ValueError("write {date} once, in the name of the file: a version without its day proves nothing")
        return value

    @field_validator("region")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in CALLING_CODES:
            raise ValueError(f"regions: {', '.join(CALLING_CODES)}")
        return value


class Content(NamedTuple):
    """A file as it is now: another content has another time or size."""

    path: Path
    changed: int
    size: int


class Version(NamedTuple):
    """One file of the register."""

    day: date
    path: Path


class RegisterFile(DoNotContactRegister):
    """A register that is kept as files."""

    name = "register_file"
    summary = "A do-not-contact register that is kept as a CSV file: numbers, e-mail addresses, or their hashes."
    config_model = RegisterFileConfig
    proven = (
        Proof(
            "played contract",
            "lists of numbers, addresses and their hashes, as registers give them",
            "November 2026",
            date(2026, 11, 22),
        ),
    )

    @property
    def register(self) -> str:
        """Name the register, as configured."""
        return str(self.config.register_)

    @property
    def channels(self) -> frozenset[str]:
        """Say which channels it is about, as configured."""
        return frozenset(self.config.channels)

    @property
    def good_for(self) -> timedelta:
        """Say how old the newest file may be, as configured."""
        found: timedelta = self.config.good_for
        return found

    def check(self) -> Check:
        """Look at the newest file."""
        try:
            version = self._newest()
            rows = len(self._entries(version))
        except HubError as error:
            return Check(False, str(error))
        return Check(True, f"{version.path.name}: {rows} entries of {version.day}")

    def consult(self, addresses: Sequence[str]) -> Consultation:
        """Look addresses up in the newest file."""
        import pyarrow as pa
        import pyarrow.compute as pc

        version = self._newest()
        entries = self._entries(version)
        asked = [self._as_listed(address) for address in addresses]
        found = pc.is_in(pa.array(asked, pa.string()), value_set=entries).to_pylist()
        listed = frozenset(address for address, is_listed in zip(addresses, found, strict=True) if is_listed)
        dated = datetime.combine(version.day, time(), UTC)
        return Consultation(listed, f"{version.path.name} sha256:{_fingerprint(_content(version.path))}", dated)

    def _newest(self) -> Version:
        pattern = self.place.folder / self.config.path
        beginning, _, end = pattern.name.partition(DAY)
        versions = []
        for path in sorted(pattern.parent.glob("*")):
            name = path.name
            if name.startswith(beginning) and name.endswith(end) and len(name) > len(beginning) + len(end):
                day = _day(name.removeprefix(beginning).removesuffix(end))
                if day is not None:
                    versions.append(Version(day, path))
        if not versions:
            raise ConfigurationError(f"there is no file {self.config.path}: put the register's newest version there")
        return max(versions)

    def _entries(self, version: Version) -> pa.StringArray:
        config = self.config
        written_as = "" if config.hashed else config.region
        return _read(_content(version.path), config.column, config.delimiter, written_as)

    def _as_listed(self, address: str) -> str:
        match self.config.hashed:
            case "sha256":
                return sha256(address.encode()).hexdigest()
            case "md5":
                return md5(address.encode(), usedforsecurity=False).hexdigest()
            case _:
                return address


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def _content(path: Path) -> Content:
    about = path.stat()
    return Content(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=8)
def _fingerprint(content: Content) -> str:
    with content.path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()[:16]


@lru_cache(maxsize=8)
def _read(content: Content, column: str | None, delimiter: str, region: str) -> pa.StringArray:
    """Read the entries of a file, as they are compared: numbers in E.164, all else in lower case."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    name = content.path.name
    try:
        with content.path.open(encoding="utf-8-sig") as lines:
            names = [part.strip().strip('"') for part in lines.readline().split(delimiter)]
        # a number is read as text: it keeps its zeros
        as_text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        table = csv.read_csv(content.path, parse_options=csv.ParseOptions(delimiter=delimiter), convert_options=as_text)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name} can't be read as CSV in UTF-8: {type(error).__name__}") from None
    if column is not None and column not in table.column_names:
        raise ConfigurationError(f"{name} has no column '{column}': {', '.join(table.column_names)}")
    values = pc.utf8_lower(pc.utf8_trim_whitespace(table.column(column if column is not None else 0)))
    if region:
        digits = pc.replace_substring_regex(values, r"[ ./()\-]", "")
        digits = pc.replace_substring_regex(digits, "^00", "+")
        digits = pc.replace_substring_regex(digits, "^0", CALLING_CODES[region])
        digits = pc.replace_substring_regex(digits, "^([0-9])", r"+\1")
        values = pc.if_else(pc.match_substring_regex(digits, r"^\+[0-9]+$"), digits, values)
    return values.combine_chunks()


@hookimpl
def hub_plugins() -> Sequence[type[Plugin]]:
    """Hand the plugin over."""
    return [RegisterFile]
