"""Reading what changed: pages by id, from the moment on up to which everything is known.

Odoo stamps a record with the start of the transaction that wrote it, and shows it when that has ended: so each run
looks back (see `LookBack`). A record that changes while it is read lands as it was or as it is, and again with the next
run, for its time is newer than where this one began.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.documented import as_documented
from hub.incremental import LookBack
from plugins.sources.odoo.client import Client
from plugins.sources.odoo.listings import Kind, Listing

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS: Mapping[str, Kind] = {
    "integer": "integer",
    "many2one": "integer",
    "many2one_reference": "integer",
    "float": "number",
    "monetary": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "moment",
    "one2many": "list",
    "many2many": "list",
}
_ALL = {"active_test": False}
"""Archived records as well: Odoo hides them unless it is asked."""


@dataclass(frozen=True)
class Reading:
    """How it is read. `models` remembers what Odoo says about the fields of each model, for the whole run."""

    page_size: int
    overlap: timedelta
    models: dict[str, dict[str, Any]] = field(default_factory=dict)


def changed(
    client: Client, listing: Listing, more: Sequence[str], reading: Reading, state: dict[str, Any]
) -> Iterator[pa.Table]:
    """Yield what is new or changed since the state was kept, and keep in it where the next run goes on."""
    fields = known_fields(client, listing, more, reading.models)
    client.ask(listing.model, "search", domain=[], limit=1)  # tells the server's clock, and whether it may be read
    look_back = LookBack(state, client.clock, reading.overlap)
    with as_documented(f"{client.host}: the list of {listing.model}"):
        for page in _pages(client, listing, fields, look_back.after, reading.page_size):
            fresh = look_back.fresh(page, lambda record: _stamp(listing, record))
            if fresh:
                yield _table(client, listing, fields, fresh)
    look_back.keep()


def known_fields(
    client: Client, listing: Listing, more: Iterable[str], models: dict[str, dict[str, Any]]
) -> dict[str, Kind | None]:
    """Give the fields to read with their kinds; None for those that this Odoo does not have: they stay empty."""
    wanted: dict[str, Kind | None] = dict(listing.fields)
    found: dict[str, Kind | None] = {}
    for path in [*wanted, *(name for name in more if name not in wanted)]:
        kind = _kind_of(client, listing.model, path, models)
        found[path] = wanted.get(path) or kind if kind else None
    return found


def column(path: str) -> str:
    """Name the column of a field."""
    return path.replace(".", "_")


def _kind_of(client: Client, model: str, path: str, models: dict[str, dict[str, Any]]) -> Kind | None:
    """Follow a path through the models; None where this Odoo lacks a part of it."""
    several = False
    name, _, rest = path.partition(".")
    while True:
        if model not in models:
            models[model] = client.ask(model, "fields_get", attributes=["type", "relation"])
        about = models[model].get(name)
        if about is None:
            return None
        kind = _KINDS.get(about["type"], "text")
        several = several or kind == "list"
        if not rest:
            return "list" if several else kind
        model = about.get("relation", "")
        name, _, rest = rest.partition(".")


def _pages(
    client: Client, listing: Listing, fields: Mapping[str, Kind | None], after: datetime | None, size: int
) -> Iterator[list[dict[str, Any]]]:
    """Read page after page in the order of the ids, which never change: no record moves between two pages."""
    asked = _specification([path for path, kind in fields.items() if kind])
    last = 0
    while True:
        where = [["id", ">", last], *_since(listing, after), *map(list, listing.where)]
        found = client.ask(
            listing.model,
            "web_search_read",
            domain=where,
            specification=asked,
            limit=size,
            count_limit=size,
            order="id",
            context=_ALL,
        )["records"]
        if found:
            yield found
        if len(found) < size:
            return
        last = int(found[-1]["id"])


def _since(listing: Listing, after: datetime | None) -> list[Any]:
    """Ask for what was written from a moment on."""
    if after is None:
        return []
    moment = after.strftime("%Y-%m-%d %H:%M:%S")
    own = ["write_date", ">=", moment]
    return ["|", own, [f"{listing.written_with}.write_date", ">=", moment]] if listing.written_with else [own]


def _stamp(listing: Listing, record: Mapping[str, Any]) -> datetime | None:
    """Say when a record was written; None where Odoo does not know."""
    other = record.get(listing.written_with) or {}
    stamps = [stamp for stamp in (record["write_date"], other.get("write_date")) if stamp]
    return datetime.fromisoformat(max(stamps)).replace(tzinfo=UTC) if stamps else None


def _specification(paths: Iterable[str]) -> dict[str, Any]:
    """Write paths as Odoo wants them: {"country_id": {"fields": {"code": {}}}}."""
    wanted: dict[str, Any] = {}
    for path in paths:
        place = wanted
        *way, name = path.split(".")
        for step in way:
            place = place.setdefault(step, {}).setdefault("fields", {})
        place.setdefault(name, {})
    return wanted


def _table(
    client: Client, listing: Listing, fields: Mapping[str, Kind | None], records: Sequence[Mapping[str, Any]]
) -> pa.Table:
    """Make a table with one column per field, of the type that Odoo declares; what is of another is set aside later."""
    import pyarrow as pa

    from hub import arrow

    columns = {}
    for path, kind in fields.items():
        steps = path.split(".")
        values = [_value(_at(record, steps), kind) if kind else None for record in records]
        columns[column(path)] = arrow.column(values, _type(kind or listing.fields.get(path, "text")))
    if listing.about is not None:
        columns["about_partner_id"] = arrow.column(_partners(client, listing.about, records), pa.int64())
    return pa.table(columns)


def _at(value: Any, steps: Sequence[str]) -> Any:
    """Follow a path; through several records it gives their different values, in order."""
    for place, step in enumerate(steps):
        if isinstance(value, list):
            found = [_at(each, steps[place:]) for each in value]
            flat = [one for each in found for one in (each if isinstance(each, list) else [each])]
            return list(dict.fromkeys(each for each in flat if each not in (None, False)))
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _value(value: Any, kind: Kind) -> Any:
    """Read a value as its kind. Odoo writes False where a field is empty, and times in UTC."""
    if isinstance(value, dict):
        value = value.get("id")
    if kind == "boolean":
        return value
    if kind == "list":
        return json.dumps(value or [], ensure_ascii=False, separators=(",", ":"))
    if value is None or value is False:
        return None
    if kind in ("moment", "date"):
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return value  # it does not fit its column, and is set aside with its row
        return moment.replace(tzinfo=UTC) if kind == "moment" else moment.date()
    if kind == "text":
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value


def _type(kind: Kind) -> pa.DataType:
    import pyarrow as pa

    types = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "moment": pa.timestamp("us", "UTC"),
    }
    return types.get(kind, pa.string())


def _partners(client: Client, about: tuple[str, str], records: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Find the contact that each record is about: itself, or the one of its lead."""
    model, number = about
    leads = sorted({record[number] for record in records if record[model] == "crm.lead" and record[number]})
    of_lead: dict[int, Any] = {}
    if leads:
        rows = client.ask(
            "crm.lead", "search_read", domain=[["id", "in", leads]], fields=["partner_id"], load="", context=_ALL
        )
        of_lead = {row["id"]: row["partner_id"] or None for row in rows}
    return [
        (of_lead.get(record[number]) if record[model] == "crm.lead" else record[number]) or None for record in records
    ]
