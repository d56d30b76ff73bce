"""A small Shopify on loopback: the part of the Admin API's schema that we use, executed as GraphQL.

Written from the documentation of the Admin API: bulk operations with a file elsewhere, one at a time; costs that run
out; what is refused is answered with 200. Whatever a query names must be in the schema.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import graphql

from tests.plugins.sources.shopify_discounts import Discounts

TOKEN, API_SECRET = "shpat_kattenluik", "shpss_kattenluik"
Item = dict[str, Any]
_SINCE = re.compile(r"updated_at:>='([^']+)'")

SCHEMA = graphql.build_schema("""
scalar DateTime
scalar Decimal
scalar Money
scalar URL
scalar UnsignedInt64
enum EmailState { NOT_SUBSCRIBED PENDING SUBSCRIBED UNSUBSCRIBED REDACTED INVALID }
enum BulkStatus { CANCELED CANCELING COMPLETED CREATED EXPIRED FAILED RUNNING }
enum FinancialStatus { AUTHORIZED EXPIRED PAID PARTIALLY_PAID PARTIALLY_REFUNDED PENDING REFUNDED VOIDED }
enum ProductStatus { ACTIVE ARCHIVED DRAFT }
interface Node { id: ID! }
type MoneyV2 { amount: Money! currencyCode: String! }
type MoneyBag { shopMoney: MoneyV2! }
type EmailAddress { emailAddress: String! marketingState: EmailState! marketingUpdatedAt: DateTime }
type PhoneNumber { phoneNumber: String! marketingState: EmailState! marketingUpdatedAt: DateTime }
type MailingAddress { address1: String address2: String zip: String city: String countryCodeV2: String }
type Customer implements Node {
  id: ID! firstName: String lastName: String locale: String! tags: [String!]! createdAt: DateTime! updatedAt: DateTime!
  defaultEmailAddress: EmailAddress defaultPhoneNumber: PhoneNumber defaultAddress: MailingAddress
}
type Variant { id: ID! sku: String title: String! price: Money! }
type Product implements Node {
  id: ID! title: String! productType: String! vendor: String! status: ProductStatus! tags: [String!]!
  updatedAt: DateTime! variants: VariantConnection!
}
type LineItem {
  id: ID! sku: String name: String! quantity: Int! variant: Variant
  originalTotalSet: MoneyBag! discountedTotalSet: MoneyBag!
}
type Order implements Node {
  id: ID! name: String! email: String phone: String test: Boolean! createdAt: DateTime! updatedAt: DateTime!
  cancelledAt: DateTime displayFinancialStatus: FinancialStatus sourceName: String discountCodes: [String!]!
  currentTotalPriceSet: MoneyBag! customer: Customer lineItems: LineItemConnection!
}
type CheckoutLine { id: ID! quantity: Int! variant: Variant }
type AbandonedCheckout implements Node {
  id: ID! createdAt: DateTime! updatedAt: DateTime! completedAt: DateTime abandonedCheckoutUrl: URL!
  totalPriceSet: MoneyBag! customer: Customer lineItems: CheckoutLineConnection!
}
type BulkOperation implements Node {
  id: ID! status: BulkStatus! errorCode: String url: URL objectCount: UnsignedInt64!
}
type AccessScope { handle: String! }
type AppInstallation { accessScopes: [AccessScope!]! }
type CustomerEdge { node: Customer! } type CustomerConnection { edges: [CustomerEdge!]! }
type ProductEdge { node: Product! } type ProductConnection { edges: [ProductEdge!]! }
type VariantEdge { node: Variant! } type VariantConnection { edges: [VariantEdge!]! }
type OrderEdge { node: Order! } type OrderConnection { edges: [OrderEdge!]! }
type LineItemEdge { node: LineItem! } type LineItemConnection { edges: [LineItemEdge!]! }
type CheckoutLineEdge { node: CheckoutLine! } type CheckoutLineConnection { edges: [CheckoutLineEdge!]! }
type CheckoutEdge { node: AbandonedCheckout! } type CheckoutConnection { edges: [CheckoutEdge!]! }
type Query {
  node(id: ID!): Node
  codeDiscountNodeByCode(code: String!): DiscountCodeNode
  currentAppInstallation: AppInstallation!
  customers(query: String): CustomerConnection!
  products(query: String): ProductConnection!
  orders(query: String): OrderConnection!
  abandonedCheckouts(query: String): CheckoutConnection!
}
input DiscountCustomersInput { add: [ID!] remove: [ID!] }
input DiscountContextInput { all: Boolean customers: DiscountCustomersInput }
input DiscountAmountInput { amount: Decimal appliesOnEachItem: Boolean }
input DiscountCustomerGetsValueInput { percentage: Float discountAmount: DiscountAmountInput }
input DiscountItemsInput { all: Boolean }
input DiscountCustomerGetsInput { items: DiscountItemsInput value: DiscountCustomerGetsValueInput }
input DiscountCodeBasicInput {
  title: String code: String startsAt: DateTime endsAt: DateTime usageLimit: Int appliesOncePerCustomer: Boolean
  context: DiscountContextInput customerGets: DiscountCustomerGetsInput
}
type DiscountBuyerAll { all: String! } type DiscountCustomers { customers: [Customer!]! }
union DiscountContext = DiscountBuyerAll | DiscountCustomers
type DiscountCodeBasic { title: String! context: DiscountContext! }
union DiscountCode = DiscountCodeBasic
type DiscountCodeNode implements Node { id: ID! codeDiscount: DiscountCode! }
enum DiscountErrorCode { BLANK INVALID TAKEN VALUE_OUTSIDE_RANGE }
type DiscountUserError { field: [String!] message: String! code: DiscountErrorCode }
type DiscountPayload { codeDiscountNode: DiscountCodeNode userErrors: [DiscountUserError!]! }
type UserError { field: [String!] message: String! code: String }
type BulkPayload { bulkOperation: BulkOperation userErrors: [UserError!]! }
type Payload { userErrors: [UserError!]! }
input MetafieldsSetInput { ownerId: ID! namespace: String key: String! type: String value: String! }
input MetafieldIdentifierInput { ownerId: ID! namespace: String! key: String! }
input EmailConsent { marketingState: EmailState! marketingOptInLevel: String consentUpdatedAt: DateTime }
input CustomerEmailMarketingConsentUpdateInput { customerId: ID! emailMarketingConsent: EmailConsent! }
type Mutation {
  bulkOperationRunQuery(query: String!, groupObjects: Boolean!): BulkPayload
  tagsAdd(id: ID!, tags: [String!]!): Payload
  tagsRemove(id: ID!, tags: [String!]!): Payload
  metafieldsSet(metafields: [MetafieldsSetInput!]!): Payload
  metafieldsDelete(metafields: [MetafieldIdentifierInput!]!): Payload
  customerEmailMarketingConsentUpdate(input: CustomerEmailMarketingConsentUpdateInput!): Payload
  discountCodeBasicCreate(basicCodeDiscount: DiscountCodeBasicInput!): DiscountPayload
  discountCodeBasicUpdate(id: ID!, basicCodeDiscount: DiscountCodeBasicInput!): DiscountPayload
  discountCodeDeactivate(id: ID!): DiscountPayload
}
""")


def gid(kind: str, number: int | str) -> str:
    return f"gid://shopify/{kind}/{number}"


def money(amount: str) -> Item:
    return {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}


class Shop:
    """What the shop has, what it did, and how it feels."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, Item]] = {
            name: {} for name in ("customers", "products", "orders", "abandonedCheckouts")
        }
        self.clock = datetime(2026, 1, 1, tzinfo=UTC)
        self.scopes = ["read_customers", "read_products", "read_orders", "read_all_orders"]
        self.metafields: dict[tuple[str, str], tuple[str, str]] = {}
        self.discounts = Discounts()
        self.files: dict[str, bytes] = {}
        self.operations: list[Item] = []
        self.looks = 1
        """How often an operation is looked at before it is done."""
        self.busy_elsewhere = 0
        """How often another operation is still under way."""
        self.throttled = 0
        self.fails_with: str | None = None
        self.breaks_off = False
        self.asked: list[str] = []
        self.tokens_at_files: list[str | None] = []
        self.url = ""

    # what a query resolves to

    def node(self, info: Any, id: str) -> Item | None:
        operation = next(one for one in self.operations if one["id"] == id)
        operation["left"] -= 1
        if operation["left"] <= 0:
            operation["status"] = "FAILED" if self.fails_with else "COMPLETED"
            operation["errorCode"] = self.fails_with
        return {**operation, "__typename": "BulkOperation"}

    def current_app_installation(self, info: Any) -> Item:
        return {"accessScopes": [{"handle": scope} for scope in self.scopes]}

    def found(self, name: str, query: str | None) -> Item:
        since = _SINCE.fullmatch(query) if query else None
        assert query is None or since is not None, f"no search that the shop knows: {query}"
        rows = [row for row in self.lists[name].values() if since is None or row["updatedAt"] >= since[1]]
        return {"edges": [{"node": row} for row in rows]}

    def bulk(self, info: Any, query: str, groupObjects: bool) -> Item:
        if self.busy_elsewhere:
            self.busy_elsewhere -= 1
            error = {"message": "A bulk query operation for this app and shop is already in progress"}
            return {"bulkOperation": None, "userErrors": [{**error, "code": "OPERATION_IN_PROGRESS"}]}
        result = graphql.graphql_sync(SCHEMA, query, self.root())
        if result.errors:
            return {"bulkOperation": None, "userErrors": [{"message": result.errors[0].message, "code": "INVALID"}]}
        assert groupObjects, "without grouping, lines need not follow their object"
        lines = [line for connection in (result.data or {}).values() for line in flat(connection)]
        number = len(self.operations) + 1
        self.files[f"/files/{number}"] = "".join(json.dumps(line) + "\n" for line in lines).encode()
        url = f"{self.url}/files/{number}?signature=s1gned" if lines else None
        operation = {"id": gid("BulkOperation", number), "status": "CREATED", "errorCode": None, "left": self.looks}
        self.operations.append({**operation, "url": url, "objectCount": len(lines)})
        return {"bulkOperation": self.operations[-1], "userErrors": []}

    # what is written

    def customer(self, id: str) -> Item | None:
        return self.lists["customers"].get(id)

    def tags(self, info: Any, id: str, tags: list[str], add: bool) -> Item:
        customer = self.customer(id)
        if customer is None:
            return {"userErrors": [{"message": "Customer does not exist"}]}
        kept = [tag for tag in customer["tags"] if tag not in tags]
        customer["tags"] = kept + (tags if add else [])
        return {"userErrors": []}

    def set_fields(self, info: Any, metafields: list[Item]) -> Item:
        for field in metafields:
            if self.customer(field["ownerId"]) is None:
                return {"userErrors": [{"message": "Owner does not exist"}]}
            self.metafields[field["ownerId"], field["key"]] = (field["type"], field["value"])
        return {"userErrors": []}

    def delete_fields(self, info: Any, metafields: list[Item]) -> Item:
        for field in metafields:
            self.metafields.pop((field["ownerId"], field["key"]), None)
        return {"userErrors": []}

    def consent(self, info: Any, input: Item) -> Item:
        customer = self.customer(input["customerId"])
        if customer is None or customer["defaultEmailAddress"] is None:
            return {"userErrors": [{"message": "Customer has no email address"}]}
        customer["defaultEmailAddress"]["marketingState"] = input["emailMarketingConsent"]["marketingState"]
        return {"userErrors": []}

    def root(self) -> Item:
        """Give the resolvers of both roots."""
        lists = {
            name: lambda info, query=None, name=name: self.found(name, query)
            for name in ("customers", "products", "orders", "abandonedCheckouts")
        }
        return {
            **lists,
            "node": self.node,
            "currentAppInstallation": self.current_app_installation,
            "bulkOperationRunQuery": self.bulk,
            "tagsAdd": lambda info, id, tags: self.tags(info, id, tags, add=True),
            "tagsRemove": lambda info, id, tags: self.tags(info, id, tags, add=False),
            "metafieldsSet": self.set_fields,
            "metafieldsDelete": self.delete_fields,
            "customerEmailMarketingConsentUpdate": self.consent,
            **self.discounts.resolvers(),
        }

    def answer(self, asked: Item) -> tuple[int, Item]:
        self.asked.append(asked["query"])
        if self.throttled:
            self.throttled -= 1
            status = {"maximumAvailable": 2000, "currentlyAvailable": 0, "restoreRate": 100}
            cost = {"requestedQueryCost": 10, "throttleStatus": status}
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return 200, {"errors": [error], "extensions": {"cost": cost}}
        result = graphql.graphql_sync(SCHEMA, asked["query"], self.root(), variable_values=asked["variables"])
        errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
        return 200, {"data": result.data, **errors}


def flat(connection: Item, parent: str | None = None) -> Iterator[Item]:
    """Write a connection as lines: each object, then the objects of the connections in it, with their parent."""
    for edge in connection["edges"]:
        inner = {name for name, value in edge["node"].items() if isinstance(value, dict) and "edges" in value}
        own = {name: value for name, value in edge["node"].items() if name not in inner}
        yield {**own, **({"__parentId": parent} if parent else {})}
        for name in sorted(inner):
            yield from flat(edge["node"][name], edge["node"]["id"])


@contextmanager
def shopify_server() -> Iterator[Shop]:
    """Serve a shop until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body go out together: else the second waits 40 ms for the first

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("X-Shopify-Access-Token") != TOKEN:
                self.give(401, b'{"errors":"[API] Invalid API key or access token"}')
            elif self.path != "/admin/api/2026-10/graphql.json":
                self.give(404, b'{"errors":"Not Found"}')
            else:
                status, said = shop.answer(json.loads(body))
                self.give(status, json.dumps(said).encode())

        def do_GET(self) -> None:
            shop.tokens_at_files.append(self.headers.get("X-Shopify-Access-Token"))
            path, _, query = self.path.partition("?")
            if query != "signature=s1gned" or path not in shop.files:
                self.give(403, b"<Error>AccessDenied</Error>")
                return
            self.give(200, shop.files[path], cut=shop.breaks_off)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(shop.clock, usegmt=True)

        def give(self, status: int, content: bytes, cut: bool = False) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = cut

        def log_message(self, format: str, *arguments: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop = Shop()
    shop.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
