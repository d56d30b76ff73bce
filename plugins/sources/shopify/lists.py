"""The lists of a shop: how they are asked for, and the rows that they and the shop's pushes become.

Rows are the same whichever way they come, so one mapping reads both. Keys are Shopify's plain numbers. An answer of the
Admin API and a push (which has the older REST form) name things differently; here is the one place that knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plugins.sources.shopify.config import Name

Row = dict[str, Any]
Rows = Iterator[tuple[str, list[Row]]]

CONNECTIONS: Mapping[Name, str] = {
    "customers": "customers",
    "products": "products",
    "orders": "orders",
    "carts": "abandonedCheckouts",
}
SCOPES: Mapping[Name, str] = {
    "customers": "read_customers",
    "products": "read_products",
    "orders": "read_orders",
    "carts": "read_orders",
}
_MONEY = "shopMoney { amount currencyCode }"
FIELDS: Mapping[Name, str] = {
    "customers": """id firstName lastName locale tags createdAt updatedAt
      defaultEmailAddress { emailAddress marketingState marketingUpdatedAt }
      defaultPhoneNumber { phoneNumber marketingState marketingUpdatedAt }
      defaultAddress { address1 address2 zip city countryCodeV2 }""",
    "products": """id title productType vendor status tags updatedAt
      variants { edges { node { id sku title price } } }""",
    "orders": f"""id name email phone test createdAt updatedAt cancelledAt displayFinancialStatus sourceName
      discountCodes currentTotalPriceSet {{ {_MONEY} }} customer {{ id }}
      lineItems {{ edges {{ node {{ id sku name quantity variant {{ id }}
        originalTotalSet {{ {_MONEY} }} discountedTotalSet {{ {_MONEY} }} }} }} }}""",
    "carts": f"""id createdAt updatedAt completedAt abandonedCheckoutUrl totalPriceSet {{ {_MONEY} }} customer {{ id }}
      lineItems {{ edges {{ node {{ id quantity variant {{ id }} }} }} }}""",
}
TOPICS: Mapping[str, Name] = {
    "customers/create": "customers",
    "customers/update": "customers",
    "products/create": "products",
    "products/update": "products",
    "orders/create": "orders",
    "orders/updated": "orders",
    "orders/paid": "orders",
    "orders/cancelled": "orders",
}


def query_of(name: Name, since: str | None) -> str:
    """Write the query of a list, for a bulk operation: all of it, or what changed from a moment on."""
    found = f"(query: \"updated_at:>='{since}'\")" if since is not None else ""
    return f"{{ {CONNECTIONS[name]}{found} {{ edges {{ node {{ {FIELDS[name]} }} }} }} }}"


def grouped(lines: Iterator[Mapping[str, Any]], size: int) -> Iterator[list[Row]]:
    """Give objects in pages, each with the lines that follow it and name it as their parent under `children`."""
    page: list[Row] = []
    for line in lines:
        if "__parentId" in line:
            if not page or line["__parentId"] != page[-1]["id"]:
                raise ValueError("a line stands away from the object that it belongs to")
            page[-1]["children"].append(dict(line))
            continue
        if len(page) >= size:
            yield page
            page = []
        page.append({**line, "children": []})
    if page:
        yield page


def rows_of(name: Name, items: Sequence[Mapping[str, Any]]) -> Rows:
    """Give (table, rows) of objects of the Admin API."""
    if not items:
        return
    if name == "customers":
        yield name, [_customer(item) for item in items]
        return
    if name == "products":
        yield "variants", [_variant(item, child) for item in items for child in item["children"]]
        return
    yield name, [_order(item) if name == "orders" else _cart(item) for item in items]
    line = _order_line if name == "orders" else _cart_line
    table = "order_lines" if name == "orders" else "cart_lines"
    yield table, [line(item, child) for item in items for child in item["children"]]


def number(gid: Any) -> str | None:
    """Give the plain number of an id: 42 of gid://shopify/Customer/42, or of 42."""
    return str(gid).rpartition("/")[2].partition("?")[0] if gid is not None else None


def _customer(item: Mapping[str, Any]) -> Row:
    email, phone = item["defaultEmailAddress"] or {}, item["defaultPhoneNumber"] or {}
    address = item["defaultAddress"] or {}
    return {
        "id": number(item["id"]),
        "first_name": item["firstName"],
        "last_name": item["lastName"],
        "locale": item["locale"],
        "tags": ", ".join(item["tags"] or ()),
        "email": email.get("emailAddress"),
        "email_state": _small(email.get("marketingState")),
        "email_state_at": email.get("marketingUpdatedAt"),
        "phone": phone.get("phoneNumber"),
        "sms_state": _small(phone.get("marketingState")),
        "sms_state_at": phone.get("marketingUpdatedAt"),
        "street": address.get("address1"),
        "street_more": address.get("address2"),
        "postcode": address.get("zip"),
        "city": address.get("city"),
        "country": address.get("countryCodeV2"),
        "created_at": item["createdAt"],
        "updated_at": item["updatedAt"],
    }


def _variant(item: Mapping[str, Any], child: Mapping[str, Any]) -> Row:
    return {
        "id": number(child["id"]),
        "product_id": number(item["id"]),
        "sku": child["sku"],
        "name": item["title"],
        "variant": child["title"],
        "category": item["productType"],
        "brand": item["vendor"],
        "status": _small(item["status"]),
        "price": child["price"],
        "updated_at": item["updatedAt"],
    }


def _order(item: Mapping[str, Any]) -> Row:
    total = item["currentTotalPriceSet"]["shopMoney"]
    return {
        "id": number(item["id"]),
        "name": item["name"],
        "customer_id": number((item["customer"] or {}).get("id")),
        "email": item["email"],
        "phone": item["phone"],
        "test": item["test"],
        "status": _small(item["displayFinancialStatus"]),
        "source": item["sourceName"],
        "coupon": (item["discountCodes"] or [None])[0],
        "total": total["amount"],
        "currency": total["currencyCode"],
        "ordered_at": item["createdAt"],
        "cancelled_at": item["cancelledAt"],
        "updated_at": item["updatedAt"],
    }


def _order_line(item: Mapping[str, Any], child: Mapping[str, Any]) -> Row:
    return {
        "id": number(child["id"]),
        "order_id": number(item["id"]),
        "variant_id": number((child["variant"] or {}).get("id")),
        "sku": child["sku"],
        "name": child["name"],
        "quantity": child["quantity"],
        "price": child["originalTotalSet"]["shopMoney"]["amount"],
        "amount": child["discountedTotalSet"]["shopMoney"]["amount"],
        "ordered_at": item["createdAt"],
        "test": item["test"],
        "updated_at": item["updatedAt"],
    }


def _cart(item: Mapping[str, Any]) -> Row:
    return {
        "id": number(item["id"]),
        "customer_id": number((item["customer"] or {}).get("id")),
        "total": item["totalPriceSet"]["shopMoney"]["amount"],
        "completed_at": item["completedAt"],
        "url": item["abandonedCheckoutUrl"],
        "created_at": item["createdAt"],
        "updated_at": item["updatedAt"],
    }


def _cart_line(item: Mapping[str, Any], child: Mapping[str, Any]) -> Row:
    return {
        "id": number(child["id"]),
        "cart_id": number(item["id"]),
        "variant_id": number((child["variant"] or {}).get("id")),
        "quantity": child["quantity"],
        "updated_at": item["updatedAt"],
    }


def _small(state: Any) -> str | None:
    return str(state).lower() if state is not None else None
