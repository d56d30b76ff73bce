"""A small Vendure on loopback that holds callers to the contract of its Admin API.

Written from the schema and the answers of Vendure 3.5: a sign-in that gives its token in a header, lists with `take`,
`skip`, `sort` and a filter on `updatedAt`, errors with status 200, fields that do not exist with 400. `tests_real` runs
the same plugin against a real one.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PASSWORD, TOKEN = "w1nkel-geheim", "een-token-van-de-winkel"
LISTS = ("customers", "orders", "productVariants")
Item = dict[str, Any]


def variant(number: int, name: str, at: datetime, nickname: str | None = None) -> Item:
    product = {"id": "1", "name": "Brokken", "slug": "brokken", "enabled": True, "facetValues": [], "collections": []}
    return {
        "id": str(number),
        "createdAt": at,
        "updatedAt": at,
        "sku": f"S{number}",
        "name": name,
        "priceWithTax": 1250,
        "currencyCode": "EUR",
        "enabled": True,
        "stockLevel": "IN_STOCK",
        "product": product,
        "customFields": {"nickname": nickname},
    }


def order(number: int, at: datetime, **values: Any) -> Item:
    line = {
        "id": str(number * 10),
        "quantity": 2,
        "linePriceWithTax": 2500,
        "discountedLinePriceWithTax": 2000,
        "productVariant": {"id": "1", "sku": "S1", "name": "Brokken"},
    }
    return {
        "id": str(number),
        "createdAt": at,
        "updatedAt": at,
        "code": f"O{number}",
        "state": "AddingItems",
        "active": True,
        "orderPlacedAt": None,
        "currencyCode": "EUR",
        "totalQuantity": 2,
        "totalWithTax": 2000,
        "couponCodes": ["LENTE", "EXTRA"],
        "customer": {"id": "1", "emailAddress": "anna@example.nl"},
        "shippingAddress": {"city": "Urk", "countryCode": "NL"},
        "lines": [line],
        **values,
    }


def customer(number: int, at: datetime) -> Item:
    address = {
        "id": str(number * 10),
        "fullName": None,
        "city": "Urk",
        "country": {"code": "NL"},
        "defaultShippingAddress": True,
        "defaultBillingAddress": False,
    }
    return {
        "id": str(number),
        "createdAt": at,
        "updatedAt": at,
        "title": "",
        "firstName": "Anna",
        "lastName": "de Boer",
        "emailAddress": "anna@example.nl",
        "phoneNumber": None,
        "groups": [{"name": "Goud"}],
        "user": {"verified": True},
        "addresses": [address],
    }


class VendureServer:
    """The things of the shop by list, and the options of every request."""

    def __init__(self) -> None:
        self.url = ""
        self.items: dict[str, dict[str, Item]] = {name: {} for name in LISTS}
        self.clock = datetime(2026, 3, 1, 9, tzinfo=UTC)
        self.asked: list[tuple[str, Item]] = []
        self.before: Callable[[str], tuple[int, bytes] | None] = lambda _: None
        self.hidden: set[str] = set()

    def add(self, name: str, item: Item) -> None:
        self.items[name][item["id"]] = item

    def answer(self, token: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        said = json.loads(body)
        query, variables = said["query"], said["variables"]
        if "login(" in query:
            if variables["password"] != PASSWORD:
                refused = {"__typename": "InvalidCredentialsError", "errorCode": "INVALID_CREDENTIALS_ERROR"}
                return 200, {}, json.dumps({"data": {"login": refused}}).encode()
            signed = {"data": {"login": {"__typename": "CurrentUser"}}}
            return 200, {"vendure-auth-token": TOKEN}, json.dumps(signed).encode()
        name = next(name for name in LISTS if f"{name}(options" in query)
        instead = self.before(name)
        if instead:
            return instead[0], {"Retry-After": "0"}, instead[1]
        unknown = set(re.findall(r"customFields \{ (\w+)", query)) - {"nickname"}
        if unknown:
            wrong = {"message": f'Cannot query field "{min(unknown)}"'}
            error = {**wrong, "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}
            return 400, {}, json.dumps({"errors": [error]}).encode()
        if token != f"Bearer {TOKEN}" or name in self.hidden:
            error = {"message": "not authorized", "path": [name], "extensions": {"code": "FORBIDDEN"}}
            return 200, {}, json.dumps({"errors": [error], "data": None}).encode()
        self.asked.append((name, variables["options"]))
        return 200, {}, json.dumps({"data": {name: {"items": self._listed(name, variables["options"])}}}).encode()

    def _listed(self, name: str, options: Item) -> list[Item]:
        found = sorted(self.items[name].values(), key=lambda item: (item["updatedAt"], int(item["id"])))
        if "filter" in options:
            after = datetime.fromisoformat(options["filter"]["updatedAt"]["after"])
            found = [item for item in found if item["updatedAt"] > after]
        skip = options.get("skip", 0)
        return [_written(item) for item in found[skip : skip + options["take"]]]


def _written(item: Item) -> Item:
    return {name: _moment(value) if isinstance(value, datetime) else value for name, value in item.items()}


def _moment(value: datetime) -> str:
    """Write a moment as JavaScript does: in milliseconds."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


@contextmanager
def vendure_server() -> Iterator[VendureServer]:
    """Serve on loopback."""
    shop = VendureServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body go out together: else the second waits 40 ms for the first

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, content = shop.answer(self.headers.get("Authorization", ""), body)
            self.send_response_only(status)
            self.send_header("Date", format_datetime(shop.clock, usegmt=True))
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop.url = f"http://127.0.0.1:{server.server_port}/admin-api"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield shop
    server.shutdown()
    server.server_close()
    thread.join(10)
