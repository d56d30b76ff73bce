"""A vendor file: what it says, and the plugin that it makes. It speaks through `rest`, `sms_http` or `files`.

summary: e-mail marketing: contacts, lists, events
documentation: https://developers.example.com
settings:
  key: {description: The API key., secret: true}
rest:
  url: https://api.example.com/v3
  auth: {type: bearer, token: "${key}"}
  resources: {contacts: {path: contacts, data: items}}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, create_model, model_validator

from hub.contracts import Check, ConnectionConfig, Destination, Place, Plugin, Proof
from hub.errors import suggest
from hub.units import Rates
from plugins.destinations.sms_http import SmsHttp
from plugins.destinations.sms_http.config import SmsHttpConfig
from plugins.sources.files import FilesConfig, FilesSource
from plugins.sources.rest import Rest, RestDestination, RestSource
from plugins.sources.rest.config import RestConfig

MAPPINGS = Path(__file__).parents[2] / "mappings"
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SETTING = re.compile(r"\$\{([a-z_]+)\}")


class Setting(BaseModel):
    """One key that an admin writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    secret: bool = False
    default: str | int | None = None
    optional: bool = False
    """Without it, what names it in `rest` is left out, and the section `without`."""
    without: str | None = None


class VendorFile(BaseModel):
    """What a vendor file says; `name` is the file's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    summary: str
    documentation: str
    proven: tuple[Proof, ...]
    settings: dict[str, Setting]
    rest: dict[str, Any] = {}
    sms_http: dict[str, Any] = {}
    files: dict[str, Any] = {}

    @model_validator(mode="after")
    def _settings_are_used(self) -> VendorFile:
        if [bool(self.rest), bool(self.sms_http), bool(self.files)].count(True) != 1:
            raise ValueError(f"{self.name}: say what one of `rest`, `sms_http` and `files` would be told")
        used, known = set(_used(self.told)), set(self.settings)
        if used != known:
            raise ValueError(f"{self.name}: settings {sorted(known)}, and {sorted(used)} are used")
        return self

    @property
    def told(self) -> dict[str, Any]:
        """Give what the plugin that it speaks through is told."""
        return self.rest or self.sms_http or self.files

    @property
    def plugin(self) -> type[Plugin]:
        """Give the plugin that it speaks through, with no more sides than the file describes."""
        if not self.rest:
            return SmsHttp if self.sms_http else FilesSource
        reads, writes = "resources" in self.rest, bool({"objects", "mail"} & self.rest.keys())
        return Rest if reads and writes else RestSource if reads else RestDestination


class VendorConfig(ConnectionConfig):
    """What every vendor has beside its own settings."""

    vendor: ClassVar[VendorFile]

    @model_validator(mode="after")
    def _makes_a_connection(self) -> VendorConfig:
        self.made()
        return self

    def made(self) -> RestConfig | SmsHttpConfig | FilesConfig:
        """Give the configuration of the plugin behind it. Raises ValueError where a setting does not fit."""
        model = RestConfig if self.vendor.rest else SmsHttpConfig if self.vendor.sms_http else FilesConfig
        try:
            return model.model_validate(self.filled())
        except ValidationError as error:
            raise ValueError("; ".join(str(entry["msg"]) for entry in error.errors(include_input=False))) from None

    def filled(self) -> dict[str, Any]:
        """Put the settings into what the vendor's file says."""
        filled: dict[str, Any] = _filled(self.vendor.told, {name: getattr(self, name) for name in self.vendor.settings})
        for name, setting in self.vendor.settings.items():
            if setting.without is not None and getattr(self, name) is None:
                filled.pop(setting.without)
        return filled


class CalledConfig(VendorConfig):
    """What every vendor has that is called over HTTP."""

    allow_private: bool = Field(False, description="It stands in our own network, or on this machine.")
    rate: Rates | None = Field(
        None, description="How fast it may be asked, where your plan allows more or less than usual: 20/s."
    )

    def filled(self) -> dict[str, Any]:
        """Add where it stands, and how fast it may be asked."""
        told = super().filled()
        return {**told, "allow_private": self.allow_private, **({} if self.rate is None else {"rate": self.rate})}


class ListingConfig(CalledConfig):
    """What a vendor with lists has besides."""

    resources: list[str] | None = Field(None, description="Which of its lists to read; by default all.")

    def filled(self) -> dict[str, Any]:
        """Leave out the lists that are not to be read."""
        filled = super().filled()
        if self.resources is None:
            return filled
        known = filled.get("resources", {})
        for name in self.resources:
            if name not in known:
                raise ValueError(
                    f"resources: there is no list '{name}'.{suggest(name, known)} It has: {', '.join(known)}"
                )
        return {**filled, "resources": {name: known[name] for name in self.resources}}


def read(file: Path) -> VendorFile:
    """Read a vendor file. Raises ValidationError where it is wrong."""
    said = yaml.load(file.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 (it is a safe one, written in C)
    return VendorFile.model_validate({"name": file.stem, **said})


def plugin_of(vendor: VendorFile) -> type[Plugin]:
    """Make the plugin class of a vendor."""
    spoken = vendor.plugin
    base: type[VendorConfig] = ListingConfig if vendor.rest else CalledConfig if vendor.sms_http else VendorConfig
    model = create_model(
        f"{vendor.name.title()}Config",
        __base__=base,
        **{name: _field(setting) for name, setting in vendor.settings.items()},  # type: ignore[call-overload]
    )
    model.vendor = vendor
    signing = set(_used(vendor.told.get("auth")))
    mapping = MAPPINGS / f"{vendor.name}.yaml"

    secret = [f"`{name}`" for name, setting in vendor.settings.items() if setting.secret and name in signing]

    def make(self: Plugin, config: VendorConfig, place: Place) -> None:
        spoken.__init__(self, config.made(), place)

    def check(self: Plugin) -> Check:
        """Name the keys that an admin wrote, where the plugin behind it speaks of its own."""
        found = spoken.check(self)
        return Check(found.ok, found.message.replace("`auth`", " and ".join(secret) or "`auth`"))

    return type(
        vendor.name.title(),
        (spoken,),
        {
            "__doc__": vendor.summary,
            "__init__": make,
            "check": check,
            "name": vendor.name,
            "summary": vendor.summary,
            "proven": vendor.proven,
            "config_model": model,
            "default_mapping": mapping if mapping.exists() else spoken.default_mapping,
            **_unable(vendor),
            "receives": classmethod(lambda _: "push" in vendor.rest if vendor.rest else spoken.receives()),
        },
    )


def _unable(vendor: VendorFile) -> dict[str, Any]:
    """Give the methods of what a file of `rest` does not describe, as a plugin has them that can't do it."""
    parts = {"send": "mail", "ask": "mail", "unsubscribe_url": "mail", "sync": "objects"}
    writes = issubclass(vendor.plugin, RestDestination)
    lacking = {method for method, part in parts.items() if writes and part not in vendor.rest}
    return {method: getattr(Destination, method) for method in lacking}


def _field(setting: Setting) -> tuple[Any, Any]:
    kind: Any = SecretStr if setting.secret else str
    if setting.optional:
        return (kind | None, Field(None, description=setting.description))
    default = ... if setting.default is None else setting.default
    return (kind, Field(default, description=setting.description))


def _used(template: Any) -> Iterator[str]:
    """Give the settings that are put in anywhere."""
    if isinstance(template, Mapping):
        for part in (*template.keys(), *template.values()):
            yield from _used(part)
    elif isinstance(template, list):
        for part in template:
            yield from _used(part)
    elif isinstance(template, str):
        yield from _SETTING.findall(template)


def _filled(template: Any, settings: Mapping[str, Any]) -> Any:
    """Put the settings in; an entry that needs one that is not given is left out."""
    if isinstance(template, Mapping):
        return {
            _filled(name, settings): _filled(value, settings)
            for name, value in template.items()
            if not _lacks(value, settings)
        }
    if isinstance(template, list):
        return [_filled(value, settings) for value in template if not _lacks(value, settings)]
    if isinstance(template, str):
        return _SETTING.sub(lambda match: _text(settings[match[1]]), template)
    return template


def _lacks(value: Any, settings: Mapping[str, Any]) -> bool:
    return isinstance(value, str) and any(settings[name] is None for name in _SETTING.findall(value))


def _text(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value).rstrip("/")
