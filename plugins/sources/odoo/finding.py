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
    """How rows find their contact: the field, and the connection's name, which may stand before an id (`crm:42`)."""

    field: str
    connection: str

    def id_of(self, text: str) -> int | None:
        """Read an id; None where it is none."""
        digits = text.removeprefix(f"{self.connection}:")
        return int(digits) if digits.isascii() and digits.isdigit() else None

    @property
    def column(self) -> str:
        """The field that is searched: Odoo keeps an e-mail address in one spelling beside the one that was typed."""
        return "email_normalized" if self.field == "email" else self.field

    def spelt(self, key: str) -> str:
        """Spell a key as Odoo keeps it."""
        return key.strip().lower() if self.field == "email" else key


def find(client: Client, match: Match, rows: Sequence[Row], fields: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Give the contact of each row by the row's key, with the fields named; rows without one are not in it.

    Where several contacts fit, it is one that is not archived, a person rather than a company, and then the oldest.
    """
    by_id = {row.key: int(row.remote_id) for row in rows if row.remote_id.isdigit()}
    if match.field == "id":
        by_id |= {row.key: number for row in rows if (number := match.id_of(row.key)) is not None}
    known = {record["id"]: record for record in _read(client, "id", sorted(set(by_id.values())), fields)}
    found = {key: known[there] for key, there in by_id.items() if there in known}
    if match.field != "id":
        spelt = {row.key: match.spelt(row.key) for row in rows if row.key not in found}
        best: dict[str, Mapping[str, Any]] = {}
        for record in _read(client, match.column, sorted(set(spelt.values())), [*fields, match.column]):
            best.setdefault(str(record[match.column]), record)
        found |= {key: best[value] for key, value in spelt.items() if value in best}
    return found


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
