"""Finding the contact behind a row: by what Odoo called it last time, else by the field that is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.contracts import Row
from plugins.sources.odoo.client import Client

EVERYONE = {"active_test": False}


@dataclass(frozen=True)
class Match:
    """How rows find their contact: a field that is configured; else by number (42, crm:42) or e-mail address."""

    field: str
    connection: str

    def number_of(self, key: str) -> int | None:
        """Read Odoo's own number; None where the key is none."""
        digits = key.removeprefix(f"{self.connection}:")
        return int(digits) if not self.field and digits.isascii() and digits.isdigit() else None

    @property
    def by_email(self) -> bool:
        """Say whether keys are e-mail addresses."""
        return self.field in ("", "email")

    @property
    def column(self) -> str:
        """The field that is searched: Odoo keeps an e-mail address in one spelling beside the one that was typed."""
        return "email_normalized" if self.by_email else self.field

    def spelt(self, key: str) -> str:
        """Spell a key as Odoo keeps it."""
        return key.strip().lower() if self.by_email else key

    def new(self, key: str) -> dict[str, str] | None:
        """Give what a new contact has by its key; None where the key can't be one of a contact that is not there."""
        if self.by_email and "@" not in key:
            return None
        return {"name": key, "email" if self.by_email else self.field: key}


def find(client: Client, match: Match, rows: Sequence[Row], fields: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Give the contact of each row by the row's key, with the fields named; rows without one are not in it.

    Where several contacts fit, it is one that is not archived, a person rather than a company, and then the oldest.
    """
    by_id = {row.key: int(row.remote_id) for row in rows if row.remote_id.isdigit()}
    by_id |= {row.key: number for row in rows if (number := match.number_of(row.key)) is not None}
    known = {record["id"]: record for record in _read(client, "id", sorted(set(by_id.values())), fields)}
    found = {key: known[there] for key, there in by_id.items() if there in known}
    others = [row.key for row in rows if row.key not in found and match.number_of(row.key) is None]
    spelt = {key: match.spelt(key) for key in others if not match.by_email or "@" in key}
    best: dict[str, Mapping[str, Any]] = {}
    for record in _read(client, match.column, sorted(set(spelt.values())), [*fields, match.column]):
        best.setdefault(str(record[match.column]), record)
    return found | {key: best[value] for key, value in spelt.items() if value in best}


def _read(client: Client, column: str, values: Sequence[Any], fields: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    if not values:
        return ()
    found: Sequence[Mapping[str, Any]] = client.ask(
        "res.partner",
        "search_read",
        domain=[[column, "in", list(values)]],
        fields=sorted({"id", "write_date", *fields}),
        order="active desc, is_company, id",
        load="",
        context=EVERYONE,
    )
    return found
