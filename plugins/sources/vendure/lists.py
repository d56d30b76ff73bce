"""What is read from a shop: a query per list, and the tables that its items become."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_ADDRESS = "fullName company streetLine1 streetLine2 postalCode city province phoneNumber"
FIELDS: Mapping[str, str] = {
    "customers": f"""title firstName lastName emailAddress phoneNumber groups {{ name }} user {{ verified }}
        addresses {{ id {_ADDRESS} country {{ code }} defaultShippingAddress defaultBillingAddress }}""",
    "orders": f"""code state active orderPlacedAt currencyCode totalQuantity totalWithTax couponCodes
        customer {{ id emailAddress }} shippingAddress {{ {_ADDRESS} countryCode }}
        lines {{ id quantity linePriceWithTax discountedLinePriceWithTax productVariant {{ id sku name }} }}""",
    "variants": """sku name priceWithTax currencyCode enabled stockLevel
        product { id name slug enabled facetValues { code facet { code } } collections { name } }""",
}
"""The fields of each list, beside id, createdAt and updatedAt."""

_QUERIES: Mapping[str, tuple[str, str]] = {
    "customers": ("customers", "CustomerListOptions"),
    "orders": ("orders", "OrderListOptions"),
    "variants": ("productVariants", "ProductVariantListOptions"),
}


def query_of(name: str, custom: Sequence[str] = ()) -> tuple[str, str]:
    """Give the query of a list, and the name under which it answers."""
    field, options = _QUERIES[name]
    wanted = f"id createdAt updatedAt {FIELDS[name]}"
    if custom:
        wanted += f" customFields {{ {' '.join(custom)} }}"
    return f"query ($options: {options}) {{ {field}(options: $options) {{ items {{ {wanted} }} }} }}", field


def tables_of(
    name: str, items: Sequence[Mapping[str, Any]], custom: Sequence[str] = ()
) -> Iterator[tuple[str, pa.Table]]:
    """Give the tables that items become: what an item holds several of, is a table of its own."""
    own = {field: [_text(item["customFields"][field]) for item in items] for field in custom}
    if name == "customers":
        yield "customers", _table(_CUSTOMER, [_customer(item) for item in items], own)
        yield "addresses", _table(_PLACE, [_place(item, address) for item in items for address in item["addresses"]])
    elif name == "orders":
        yield "orders", _table(_ORDER, [_order(item) for item in items], own)
        yield "order_lines", _table(_LINE, [_line(item, line) for item in items for line in item["lines"]])
    else:
        yield "variants", _table(_VARIANT, [_variant(item) for item in items], own)


def moment(text: str | None) -> datetime | None:
    """Read a moment: ISO, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


_STAMPS = {"id": "integer", "created_at": "moment", "updated_at": "moment"}
_CUSTOMER = {
    **_STAMPS,
    **dict.fromkeys(("title", "first_name", "last_name", "email_address", "phone_number", "groups"), "text"),
    "registered": "boolean",
    "verified": "boolean",
}
_ADDRESS_COLUMNS = {
    "full_name": "fullName",
    "company": "company",
    "street_line1": "streetLine1",
    "street_line2": "streetLine2",
    "postal_code": "postalCode",
    "city": "city",
    "province": "province",
    "phone_number": "phoneNumber",
}
_WHERE = dict.fromkeys([*_ADDRESS_COLUMNS, "country_code"], "text")
_PLACE = {
    "id": "integer",
    "customer_id": "integer",
    "updated_at": "moment",
    **_WHERE,
    "default_shipping": "boolean",
    "default_billing": "boolean",
}
_ORDER = {
    **_STAMPS,
    **dict.fromkeys(("code", "state", "currency_code", "coupon_codes", "customer_email"), "text"),
    "active": "boolean",
    "order_placed_at": "moment",
    "customer_id": "integer",
    "total_quantity": "integer",
    "total_with_tax": "integer",
    **{f"shipping_{name}": kind for name, kind in _WHERE.items()},
}
_LINE = {
    "id": "integer",
    "order_id": "integer",
    "variant_id": "integer",
    "updated_at": "moment",
    "order_placed_at": "moment",
    **dict.fromkeys(("state", "sku", "name"), "text"),
    **dict.fromkeys(("quantity", "line_price_with_tax", "discounted_line_price_with_tax"), "integer"),
}
_VARIANT = {
    **_STAMPS,
    **dict.fromkeys(
        ("sku", "name", "currency_code", "stock_level", "product_name", "slug", "facets", "collections"), "text"
    ),
    "product_id": "integer",
    "price_with_tax": "integer",
    "enabled": "boolean",
}


def _stamps(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": int(item["id"]), "created_at": moment(item["createdAt"]), "updated_at": moment(item["updatedAt"])}


def _customer(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_stamps(item),
        "title": item["title"],
        "first_name": item["firstName"],
        "last_name": item["lastName"],
        "email_address": item["emailAddress"],
        "phone_number": item["phoneNumber"],
        "groups": _list(group["name"] for group in item["groups"]),
        "registered": item["user"] is not None,
        "verified": item["user"]["verified"] if item["user"] else None,
    }


def _where(address: Mapping[str, Any], country: str | None) -> dict[str, Any]:
    given = {column: address.get(field) for column, field in _ADDRESS_COLUMNS.items()}
    return {**given, "country_code": country}


def _place(item: Mapping[str, Any], address: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": int(address["id"]),
        "customer_id": int(item["id"]),
        "updated_at": moment(item["updatedAt"]),
        **_where(address, (address["country"] or {}).get("code")),
        "default_shipping": address["defaultShippingAddress"],
        "default_billing": address["defaultBillingAddress"],
    }


def _order(item: Mapping[str, Any]) -> dict[str, Any]:
    customer, address = item["customer"] or {}, item["shippingAddress"] or {}
    return {
        **_stamps(item),
        "code": item["code"],
        "state": item["state"],
        "active": item["active"],
        "order_placed_at": moment(item["orderPlacedAt"]),
        "currency_code": item["currencyCode"],
        "total_quantity": item["totalQuantity"],
        "total_with_tax": item["totalWithTax"],
        "coupon_codes": ", ".join(item["couponCodes"]) or None,
        "customer_id": int(customer["id"]) if customer else None,
        "customer_email": customer.get("emailAddress"),
        **{f"shipping_{name}": value for name, value in _where(address, address.get("countryCode")).items()},
    }


def _line(item: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": int(line["id"]),
        "order_id": int(item["id"]),
        "variant_id": int(line["productVariant"]["id"]),
        "updated_at": moment(item["updatedAt"]),
        "order_placed_at": moment(item["orderPlacedAt"]),
        "state": item["state"],
        "sku": line["productVariant"]["sku"],
        "name": line["productVariant"]["name"],
        "quantity": line["quantity"],
        "line_price_with_tax": line["linePriceWithTax"],
        "discounted_line_price_with_tax": line["discountedLinePriceWithTax"],
    }


def _variant(item: Mapping[str, Any]) -> dict[str, Any]:
    product = item["product"]
    return {
        **_stamps(item),
        "sku": item["sku"],
        "name": item["name"],
        "currency_code": item["currencyCode"],
        "price_with_tax": item["priceWithTax"],
        "enabled": item["enabled"] and product["enabled"],
        "stock_level": item["stockLevel"],
        "product_id": int(product["id"]),
        "product_name": product["name"],
        "slug": product["slug"],
        "facets": _list(f"{value['facet']['code']}:{value['code']}" for value in product["facetValues"]),
        "collections": _list(each["name"] for each in product["collections"]),
    }


def _list(values: Iterator[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], own: Mapping[str, Sequence[str | None]] | None = None
) -> pa.Table:
    import pyarrow as pa

    from hub import arrow

    types = {
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "moment": pa.timestamp("us", "UTC"),
        "text": pa.string(),
    }
    made = {name: arrow.column([row[name] for row in rows], types[kind]) for name, kind in columns.items()}
    return pa.table({**made, **{name: arrow.column(values, pa.string()) for name, values in (own or {}).items()}})
