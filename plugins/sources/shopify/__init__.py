"""shopify: reads customers, products, orders and abandoned carts of a Shopify shop, and writes to its customers.

    shop: {plugin: shopify, url: https://my-shop.myshopify.com, token: ${SHOPIFY_TOKEN}}

Lists are made ready by the shop (bulk operations), whole at first and then what changed; pushes of the shop bring the
same rows at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.contracts import Capabilities, Check, Destination, Proof, Pushed, Received, Result, Source, SyncBatch
from hub.documented import as_documented
from hub.errors import ConfigurationError, HubError, RejectedError
from hub.hookspecs import hookimpl
from hub.incoming import SCHEMES, json_object, signed_as
from hub.incremental import LookBack
from plugins.sources.shopify.client import Client
from plugins.sources.shopify.config import Name, ShopifyConfig
from plugins.sources.shopify.lists import SCOPES, TOPICS, grouped, query_of, rows_of
from plugins.sources.shopify.pushes import DELETED, deleted_row, pushed_rows
from plugins.sources.shopify.writes import BATCH, CUSTOMERS, write

if TYPE_CHECKING:
    from dlt.extract import DltResource

    from hub.contracts import Plugin

PAGE = 1_000
_MAY = "{ currentAppInstallation { accessScopes { handle } } }"


class Shopify(Source, Destination):
    """A webshop: customers, variants of products, orders with their lines, and abandoned carts."""

    name = "shopify"
    summary = "Shopify webshops: customers, products, orders, abandoned carts; writes tags, fields and coupons"
    config_model = ShopifyConfig
    default_mapping = Path(__file__).parents[3] / "mappings" / "shopify.yaml"
    proven = (Proof("played contract", "its schema and documentation", "Admin GraphQL 2026-10", date(2026, 11, 22)),)
    config: ShopifyConfig

    @property
    def capabilities(self) -> Capabilities:
        """Tags are added and removed; fields of customers that are there are updated."""
        return Capabilities(None, frozenset({"upsert", "add", "update", "remove"}), BATCH, one_by_one=True)

    def check(self) -> Check:
        """Ask what the app may do, and say what it lacks."""
        try:
            with Client(self.config) as client:
                found = client.ask(_MAY)["currentAppInstallation"]["accessScopes"]
        except HubError as error:
            return Check(False, str(error))
        scopes = {scope["handle"] for scope in found}
        lacking = sorted({SCOPES[name] for name in self.config.resources} - scopes)
        if lacking:
            return Check(False, f"the app lacks {', '.join(lacking)}: give it the scope, or read fewer `resources`")
        ages = "" if "read_all_orders" in scopes else "; orders of the last 60 days only (scope read_all_orders)"
        return Check(True, f"the shop gives {', '.join(self.config.resources)}{ages}")

    def resources(self) -> Iterable[DltResource]:
        """Give one resource per list; orders and carts come with their lines, products as their variants."""
        import dlt

        return [dlt.resource(self._changed(name), name=name) for name in self.config.resources]

    def _changed(self, name: Name) -> Iterator[Any]:
        import dlt

        with Client(self.config) as client:
            client.ask(_MAY)  # for the shop's clock, before anything is read
            look_back = LookBack(dlt.current.resource_state(), client.clock, self.config.overlap)
            since = look_back.after.strftime("%Y-%m-%dT%H:%M:%SZ") if look_back.after is not None else None
            with as_documented(f"{client.host}: the list of {name}"):
                for page in grouped(client.lines(query_of(name, since)), PAGE):
                    fresh = look_back.fresh(page, lambda item: datetime.fromisoformat(item["updatedAt"]))
                    for table, rows in rows_of(name, fresh):
                        if rows:
                            yield dlt.mark.with_table_name(rows, table)
            look_back.keep()

    def sync(self, batch: SyncBatch) -> Sequence[Result]:
        """Write tags (any name), fields (`customers`) or discount codes (`coupons`) of customers that are there."""
        if batch.target == CUSTOMERS and batch.operation != "update":
            raise ConfigurationError(
                f"{self.place.connection}: customers are made in the shop: write to `customers` with `mode: update`"
            )
        with Client(self.config) as client:
            results: list[Result] = []
            for start in range(0, len(batch.rows), BATCH):
                part = SyncBatch(batch.target, batch.operation, batch.rows[start : start + BATCH])
                results += write(client, part)
            return results

    def webhook(self, request: Pushed) -> Received:
        """Take what the shop pushes, signed with the app's secret."""
        if self.config.api_secret is None:
            raise ConfigurationError(
                f"{self.place.connection}: set `api_secret`: it tells whether a push is the shop's"
            )
        signed_as(request, SCHEMES["shopify"], self.config.api_secret.get_secret_value())
        id_ = request.headers.get("x-shopify-event-id") or request.headers.get("x-shopify-webhook-id", "")
        if not id_:
            raise RejectedError("the header x-shopify-webhook-id is not there")
        topic, body = request.headers.get("x-shopify-topic", ""), json_object(request)
        if (table := DELETED.get(topic)) is not None:
            at = request.headers.get("x-shopify-triggered-at") or request.received_at.isoformat()
            return Received(id_, {table: [deleted_row(body, at)]})
        name = TOPICS.get(topic)
        return Received(id_, pushed_rows(name, body) if name is not None else {})


@hookimpl
def hub_plugins() -> list[type[Plugin]]:
    """Hand over the plugin."""
    return [Shopify]
