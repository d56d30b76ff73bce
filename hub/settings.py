"""Settings and secrets of one installation: environment, `.env` in the project, or a folder of secret files.

YAML never holds a secret in clear: it says `${CRM_KEY}`, and the value is looked up here, in this order: the
environment, `.env` in the project folder, a file of that name in the folder that HUB_SECRETS names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ByteSize, Field, SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings.sources import DotEnvSettingsSource

from hub.log import LogFormat, LogLevel

LEAST_MEMORY = 64_000_000
"""Bytes. A sync of a million rows needs no more; to resolve as many people takes 256 MB."""


def _enough(size: ByteSize) -> ByteSize:
    if size < LEAST_MEMORY:
        raise ValueError("DuckDB needs 64MB at least")
    return size


Memory = Annotated[ByteSize, AfterValidator(_enough)]


class Settings(BaseSettings):
    """What differs between machines, and is therefore not in the project's YAML."""

    model_config = SettingsConfigDict(env_prefix="HUB_", extra="ignore")

    secrets: Path | None = Field(
        None, description="A folder with one file per secret, as container platforms mount them."
    )
    log_format: LogFormat = Field("console", description="Log lines for people (console) or for machines (json).")
    log_level: LogLevel = Field("info", description="The least severe level that is logged.")
    memory: Memory | None = Field(
        None,
        description="How much memory DuckDB takes for data at most, such as 512MB; what is beyond waits on disk.",
    )
    key: SecretStr | None = Field(None, description="Signs the links in messages and hashes suppressed addresses.")
    former_keys: SecretStr | None = Field(
        None, description="Keys that HUB_KEY replaced, with commas between: links that they signed still open."
    )


def load(folder: Path) -> Settings:
    """Read the settings of the project in `folder`."""
    return Settings(_env_file=folder / ".env")


class Secrets:
    """Looks names up for `${NAME}`; the values never show in a representation."""

    def __init__(self, folder: Path) -> None:
        settings_class = Settings
        dotenv = DotEnvSettingsSource(settings_class, env_file=folder / ".env", case_sensitive=True)
        environment = EnvSettingsSource(settings_class, case_sensitive=True)
        self._values: dict[str, str] = {
            **{name: value for name, value in dotenv.env_vars.items() if value is not None},
            **{name: value for name, value in environment.env_vars.items() if value is not None},
        }
        self._folder = load(folder).secrets

    def get(self, name: str) -> str | None:
        """Return the value of a secret or setting, or None where nothing defines it."""
        if name in self._values:
            return self._values[name]
        if self._folder is not None and (self._folder / name).is_file():
            return (self._folder / name).read_text(encoding="utf-8").strip()
        return None

    def __repr__(self) -> str:
        return f"Secrets({len(self._values)} names)"
