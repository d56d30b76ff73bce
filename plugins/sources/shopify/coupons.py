"""Coupons: a discount code of a customer's own, made, changed and ended in the shop.

A row is a customer, with `code` and either `percentage` (10 for 10%) or `amount` (in the shop's currency); `title`,
`starts_at`, `ends_at` and `uses` (once, if not said) may go with it. A code is the shop's idempotency: one that is
there already for that customer is the same coupon.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from hub.contracts import Operation, Result, Row
from hub.errors import RejectedError
from hub.outgoing import clean_reason
from plugins.sources.shopify.client import Client

COUPONS = "coupons"
FIELDS = frozenset({"code", "percentage", "amount", "title", "starts_at", "ends_at", "uses"})

_DONE = "{ codeDiscountNode { id } userErrors { code message } }"
_CREATE = f"""mutation ($given: DiscountCodeBasicInput!) {{
  done: discountCodeBasicCreate(basicCodeDiscount: $given) {_DONE}
}}"""
_CHANGE = f"""mutation ($id: ID!, $given: DiscountCodeBasicInput!) {{
  done: discountCodeBasicUpdate(id: $id, basicCodeDiscount: $given) {_DONE}
}}"""
_END = f"mutation ($id: ID!) {{ done: discountCodeDeactivate(id: $id) {_DONE} }}"
_FIND = """query ($code: String!) {
  codeDiscountNodeByCode(code: $code) {
    id codeDiscount { ... on DiscountCodeBasic { context { ... on DiscountCustomers { customers { id } } } } }
  }
}"""


def write_coupon(client: Client, operation: Operation, row: Row, customer: str) -> Result:
    """Make, change or end the coupon of one customer (`gid://shopify/Customer/42`). Raises as `Client.once` does.

    Raises RejectedError where it can't be.
    """
    if operation in ("remove", "delete"):
        return _ended(client, row)
    given = _given(row.fields, customer)
    if row.remote_id:
        return _told(row, _asked(client, _CHANGE, {"id": row.remote_id, "given": given}))
    return _made(client, row, given, customer)


def _made(client: Client, row: Row, given: dict[str, Any], customer: str) -> Result:
    """Make it, unless it is there: an earlier answer may have been lost. It begins now, by the shop's clock."""
    found = client.ask(_FIND, code=given["code"])["codeDiscountNodeByCode"]
    if found is None:
        return _told(row, _asked(client, _CREATE, {"given": {"startsAt": client.clock.isoformat(), **given}}))
    context = found["codeDiscount"].get("context") or {}
    if customer not in {one["id"] for one in context.get("customers", ())}:
        raise RejectedError("the code belongs to another discount of the shop")
    return _told(row, _asked(client, _CHANGE, {"id": found["id"], "given": given}))


def _ended(client: Client, row: Row) -> Result:
    if not row.remote_id:
        raise RejectedError("the hub does not know the coupon's number: end it in the shop")
    return _told(row, _asked(client, _END, {"id": row.remote_id}))


def _asked(client: Client, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Ask once: what was done. Raises RejectedError for an error about a part."""
    data, errors = client.once(document, variables)
    if errors or not data.get("done"):
        raise RejectedError("; ".join(clean_reason(str(error.get("message"))) for error in errors) or "no answer to it")
    done: dict[str, Any] = data["done"]
    return done


def _told(row: Row, done: Mapping[str, Any]) -> Result:
    wrong = [clean_reason(str(error["message"])) for error in done["userErrors"]]
    if wrong:
        return Result(row.key, "rejected", row.remote_id, "; ".join(wrong))
    return Result(row.key, "accepted", str(done["codeDiscountNode"]["id"]))


def _given(fields: Mapping[str, Any], customer: str) -> dict[str, Any]:
    """Write a row as the shop's input. Raises RejectedError where it is none."""
    if unknown := sorted(fields.keys() - FIELDS):
        raise RejectedError(f"a coupon has no field '{unknown[0]}': it has {', '.join(sorted(FIELDS))}")
    code = str(fields.get("code") or "").strip()
    if not code:
        raise RejectedError("a coupon needs a `code`")
    given: dict[str, Any] = {
        "title": str(fields.get("title") or code),
        "code": code,
        "context": {"customers": {"add": [customer]}},
        "customerGets": {"items": {"all": True}, "value": _value(fields)},
        "appliesOncePerCustomer": fields.get("uses") in (None, 1),
        "usageLimit": int(fields.get("uses") or 1),
    }
    for name, theirs in (("starts_at", "startsAt"), ("ends_at", "endsAt")):
        if fields.get(name) is not None:
            moment = fields[name]
            given[theirs] = moment.isoformat() if isinstance(moment, date | datetime) else str(moment)
    return given


def _value(fields: Mapping[str, Any]) -> dict[str, Any]:
    percentage, amount = (_number(fields.get(name)) for name in ("percentage", "amount"))
    if percentage is not None and amount is None and 0 < percentage <= 100:
        return {"percentage": float(percentage / 100)}
    if amount is not None and percentage is None and amount > 0:
        return {"discountAmount": {"amount": str(amount), "appliesOnEachItem": False}}
    raise RejectedError("a coupon needs either a `percentage` above 0, up to 100, or an `amount` above 0")


def _number(value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise RejectedError("`percentage` and `amount` are numbers") from None
