"""vendure: reads customers, carts, orders and products of a Vendure shop.

    shop: {plugin: vendure, url: https://shop.example.com/admin-api, username: hub, password: ${SHOP_PASSWORD}}

An order that is not placed yet is a cart: Vendure keeps both in one list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.contracts import Check, Proof, Source
from hub.documented import as_documented
from hub.errors import HubError
from hub.hookspecs import hookimpl
from hub.incremental import LookBack
from plugins.sources.vendure.client import Client
from plugins.sources.vendure.config import VendureConfig
from plugins.sources.vendure.lists import FIELDS, moment, query_of, tables_of

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from hub.contracts import Plugin

_A_MOMENT = timedelta(milliseconds=1)
"""Vendure tells times in milliseconds, and keeps them finer."""


class Vendure(Source):
    """A webshop: customers with their addresses, carts and orders with their lines, and the catalogue."""

    name = "vendure"
    summary = "Vendure webshops: customers, carts, orders, products."
    config_model = VendureConfig
    default_mapping = Path(__file__).parents[3] / "mappings" / "vendure.yaml"
    proven = (Proof("real system", "Vendure", "3.5.4", date(2026, 11, 22)),)
    config: VendureConfig

    def check(self) -> Check:
        """Sign in, and ask for one of each."""
        try:
            with Client(self.config) as client:
                for name in FIELDS:
                    query, _ = query_of(name, self._custom(name))
                    client.ask(query, options={"take": 1})
        except HubError as error:
            return Check(False, str(error))
        return Check(True, f"the shop gives {', '.join(FIELDS)}")

    def resources(self) -> Iterable[DltResource]:
        """Give one resource per list; orders come with their lines, customers with their addresses."""
        import dlt

        return [dlt.resource(self._changed(name), name=name) for name in FIELDS]

    def _changed(self, name: str) -> Iterator[Any]:
        import dlt

        with Client(self.config) as client:
            look_back = LookBack(dlt.current.resource_state(), client.clock, self.config.overlap)
            with as_documented(f"{client.host}: the list of {name}"):
                for page in self._pages(client, name, look_back.after):
                    fresh = look_back.fresh(page, lambda item: moment(item["updatedAt"]))
                    for table, rows in tables_of(name, fresh, self._custom(name)) if fresh else ():
                        yield dlt.mark.with_table_name(rows, table)
            look_back.keep()

    def _custom(self, name: str) -> tuple[str, ...]:
        custom: tuple[str, ...] = self.config.custom_fields.get(name, ())  # type: ignore[call-overload]
        return custom

    def _pages(self, client: Client, name: str, after: datetime | None) -> Iterator[list[dict[str, Any]]]:
        """Go on from the last moment of each page, not from a place in the list: what changes meanwhile moves there."""
        query, field = query_of(name, self._custom(name))
        last, skip = after, 0
        come: set[tuple[str, str]] = set()
        while True:
            options: dict[str, Any] = {
                "take": self.config.page_size,
                "skip": skip,
                "sort": {"updatedAt": "ASC", "id": "ASC"},
            }
            if last is not None:
                options["filter"] = {"updatedAt": {"after": (last - _A_MOMENT).isoformat()}}
            items = client.ask(query, options=options)[field]["items"]
            yield [item for item in items if (item["id"], item["updatedAt"]) not in come]
            if len(items) < self.config.page_size:
                return
            newest = moment(items[-1]["updatedAt"])
            skip = skip + len(items) if newest == last else 0
            last = newest
            come = {(item["id"], item["updatedAt"]) for item in items} | (come if skip else set())


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the source."""
    return [Vendure]
