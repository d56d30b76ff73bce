"""What a shop pushes: the older REST form of its things, as rows that are the same as those of its lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from hub.errors import RejectedError
from plugins.sources.shopify.config import Name
from plugins.sources.shopify.lists import Row

Pushed = Mapping[str, Any]

DELETED: Mapping[str, str] = {
    "customers/delete": "deleted_customers",
    "customers/redact": "deleted_customers",
    "orders/delete": "deleted_orders",
    "products/delete": "deleted_products",
}
"""Where it lands that something is gone, by topic; `redact` asks those who have data of a customer to erase it."""


def pushed_rows(name: Name, item: Pushed) -> dict[str, list[Row]]:
    """Give rows by table. Raises RejectedError for what is no such thing."""
    try:
        if name == "customers":
            return {"customers": [_customer(item)]}
        if name == "products":
            return {"variants": [_variant(item, one) for one in item["variants"]]}
        lines = [_order_line(item, one) for one in item["line_items"]]
        return {"orders": [_order(item)], "order_lines": lines}
    except (KeyError, TypeError, AttributeError, InvalidOperation):
        raise RejectedError(f"the body is none of Shopify's {name}") from None


def deleted_row(item: Pushed, at: str) -> Row:
    """Give the number of what is gone, and when it went. Raises RejectedError for what names nothing."""
    id_ = (item.get("customer") or item).get("id")
    if id_ is None:
        raise RejectedError("the body names nothing that is gone")
    return {"id": str(id_), "at": at}


def _customer(item: Pushed) -> Row:
    email, sms = item.get("email_marketing_consent") or {}, item.get("sms_marketing_consent") or {}
    address = item.get("default_address") or {}
    return {
        "id": str(item["id"]),
        "first_name": item["first_name"],
        "last_name": item["last_name"],
        "locale": item.get("locale"),
        "tags": item.get("tags"),
        "email": item["email"],
        "email_state": email.get("state"),
        "email_state_at": email.get("consent_updated_at"),
        "phone": item["phone"],
        "sms_state": sms.get("state"),
        "sms_state_at": sms.get("consent_updated_at"),
        "street": address.get("address1"),
        "street_more": address.get("address2"),
        "postcode": address.get("zip"),
        "city": address.get("city"),
        "country": address.get("country_code"),
        "created_at": item["created_at"],
        "updated_at": item["updated_at"],
    }


def _variant(item: Pushed, one: Pushed) -> Row:
    return {
        "id": str(one["id"]),
        "product_id": str(item["id"]),
        "sku": one["sku"],
        "name": item["title"],
        "variant": one["title"],
        "category": item["product_type"],
        "brand": item["vendor"],
        "status": item["status"],
        "price": one["price"],
        "updated_at": item["updated_at"],
    }


def _order(item: Pushed) -> Row:
    codes: Sequence[Pushed] = item.get("discount_codes") or []
    return {
        "id": str(item["id"]),
        "name": item["name"],
        "customer_id": _text((item.get("customer") or {}).get("id")),
        "email": item["email"],
        "phone": item["phone"],
        "test": item["test"],
        "status": item["financial_status"],
        "source": item["source_name"],
        "coupon": codes[0]["code"] if codes else None,
        "total": item["current_total_price"],
        "currency": item["currency"],
        "ordered_at": item["created_at"],
        "cancelled_at": item["cancelled_at"],
        "updated_at": item["updated_at"],
    }


def _order_line(item: Pushed, one: Pushed) -> Row:
    price = Decimal(one["price"]) * one["quantity"]
    discount = sum((Decimal(part["amount"]) for part in one.get("discount_allocations") or ()), Decimal(0))
    return {
        "id": str(one["id"]),
        "order_id": str(item["id"]),
        "variant_id": _text(one["variant_id"]),
        "sku": one["sku"],
        "name": one["name"],
        "quantity": one["quantity"],
        "price": str(price),
        "amount": str(price - discount),
        "ordered_at": item["created_at"],
        "test": item["test"],
        "updated_at": item["updated_at"],
    }


def _text(id_: Any) -> str | None:
    return str(id_) if id_ is not None else None
