"""A vendor file: what it says, and the plugin that it makes.

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
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, create_model, model_validator

from hub.contracts import ConnectionConfig, Place
from hub.errors import suggest
from plugins.sources.rest import Rest
from plugins.sources.rest.config import RestConfig

MAPPINGS = Path(__file__).parents[2] / "mappings"
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
    proven: str
    settings: dict[str, Setting]
    rest: dict[str, Any]

    @model_validator(mode="after")
    def _settings_are_used(self) -> VendorFile:
        used, known = set(_SETTING.findall(yaml.safe_dump(self.rest))), set(self.settings)
        if used != known:
            raise ValueError(f"{self.name}: settings {sorted(known)}, and `rest` uses {sorted(used)}")
        return self


class VendorConfig(ConnectionConfig):
    """What every vendor has beside its own settings."""

    vendor: ClassVar[VendorFile]

    resources: list[str] | None = Field(None, description="Which of its lists to read; by default all.")
    allow_private: bool = Field(False, description="It stands in our own network, or on this machine.")

    @model_validator(mode="after")
    def _makes_a_connection(self) -> VendorConfig:
        self.rest()
        return self

    def rest(self) -> RestConfig:
        """Give the configuration of `rest`. Raises ValueError where a setting does not fit."""
        filled = _filled(self.vendor.rest, {name: getattr(self, name) for name in self.vendor.settings})
        for name, setting in self.vendor.settings.items():
            if setting.without is not None and getattr(self, name) is None:
                filled.pop(setting.without)
        if self.resources is not None:
            known = filled.get("resources", {})
            for name in self.resources:
                if name not in known:
                    raise ValueError(
                        f"resources: there is no list '{name}'.{suggest(name, known)} It has: {', '.join(known)}"
                    )
            filled["resources"] = {name: known[name] for name in self.resources}
        try:
            return RestConfig.model_validate({**filled, "allow_private": self.allow_private})
        except ValidationError as error:
            raise ValueError("; ".join(str(entry["msg"]) for entry in error.errors(include_input=False))) from None


def read(file: Path) -> VendorFile:
    """Read a vendor file. Raises ValidationError where it is wrong."""
    return VendorFile.model_validate({"name": file.stem, **yaml.safe_load(file.read_text(encoding="utf-8"))})


def plugin_of(vendor: VendorFile) -> type[Rest]:
    """Make the plugin class of a vendor."""
    model = create_model(
        f"{vendor.name.title()}Config",
        __base__=VendorConfig,
        **{name: _field(setting) for name, setting in vendor.settings.items()},  # type: ignore[call-overload]
    )
    model.vendor = vendor
    mapping = MAPPINGS / f"{vendor.name}.yaml"

    def make(self: Rest, config: VendorConfig, place: Place) -> None:
        Rest.__init__(self, config.rest(), place)

    return type(
        vendor.name.title(),
        (Rest,),
        {
            "__doc__": vendor.summary,
            "__init__": make,
            "name": vendor.name,
            "summary": vendor.summary,
            "proven": vendor.proven,
            "config_model": model,
            "default_mapping": mapping if mapping.exists() else None,
        },
    )


def _field(setting: Setting) -> tuple[Any, Any]:
    kind: Any = SecretStr if setting.secret else str
    if setting.optional:
        return (kind | None, Field(None, description=setting.description))
    default = ... if setting.default is None else setting.default
    return (kind, Field(default, description=setting.description))


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
