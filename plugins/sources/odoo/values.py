"""What a row wants to stand in a contact, as Odoo writes it; and whether it stands there already."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hub.errors import RejectedError, suggest
from plugins.sources.odoo.client import Client

NOTE, BLACKLISTED, SINCE, COUNTRY = "note", "is_blacklisted", "write_date", "country"
SPECIAL = (NOTE, BLACKLISTED, SINCE, COUNTRY)
_NUMBERS = {"integer", "float", "monetary"}
_TEXTS = {"char", "text", "html", "selection"}


class Fields:
    """The fields of contacts that can be written."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._about: Mapping[str, Any] | None = None
        self._countries: dict[str, int] = {}

    @property
    def about(self) -> Mapping[str, Any]:
        """What Odoo says about each field, asked once."""
        if self._about is None:
            self._about = self._client.ask("res.partner", "fields_get", attributes=["type", "readonly"])
        return self._about

    def named(self, wanted: Mapping[str, Any]) -> list[str]:
        """Give the names of the fields that have to be read to compare."""
        names = ["country_id" if name == COUNTRY else name for name in wanted if name not in (NOTE, SINCE)]
        return [name for name in names if name in self.about]

    def written(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Give the values as Odoo takes them. Raises RejectedError for one that it can't take, without the value."""
        values: dict[str, Any] = {}
        for name, value in wanted.items():
            if name == COUNTRY:
                values["country_id"] = self._country(value)
            elif name not in SPECIAL:
                values[name] = self._value(name, value)
        return values

    def _value(self, name: str, value: Any) -> Any:
        if name not in self.about:
            raise RejectedError(f"a contact has no field '{name}' in Odoo.{suggest(name, self.about)}")
        kind = self.about[name]["type"]
        if self.about[name].get("readonly"):
            raise RejectedError(f"Odoo computes the field '{name}': it can't be written")
        if value is None:
            return False
        if isinstance(value, datetime):
            value = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        elif isinstance(value, date):
            value = value.isoformat()
        elif isinstance(value, Decimal):
            value = float(value)
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {
            "boolean": isinstance(value, bool),
            "many2one": isinstance(value, int) and not isinstance(value, bool),
            **dict.fromkeys(_NUMBERS, numeric),
            **dict.fromkeys(_TEXTS, isinstance(value, str) or numeric),
            **dict.fromkeys(("date", "datetime"), isinstance(value, str)),
        }
        if not fits.get(kind, False):
            raise RejectedError(f"the field '{name}' of Odoo ({kind}) can't hold this value")
        if kind in _TEXTS:
            return value if isinstance(value, str) else str(value)
        return int(value) if kind == "integer" and float(value).is_integer() else value

    def _country(self, code: Any) -> Any:
        if code is None:
            return False
        if code not in self._countries:
            found = self._client.ask(
                "res.country", "search_read", domain=[["code", "=", str(code)]], fields=["id"], limit=1
            )
            if not found:
                raise RejectedError("Odoo knows no country with this code")
            self._countries[str(code)] = found[0]["id"]
        return self._countries[str(code)]


def different(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """Give what must be written: what stands there already is not, for each write comes back as a change."""
    return {name: value for name, value in wanted.items() if (there.get(name) or False) != (value or False)}
