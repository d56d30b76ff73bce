"""What goes back to a shop: tags, fields and coupons of customers, and who no longer wants e-mail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hub.contracts import Result, Row, Status, SyncBatch
from hub.errors import TemporaryError
from hub.in_turn import in_turn
from hub.outgoing import NoAnswerError, clean_reason
from plugins.sources.shopify.client import Client
from plugins.sources.shopify.coupons import COUPONS, write_coupon

BATCH = 25
"""Customers in one request: each adds its cost, and a request may cost 1,000 points at most."""
NAMESPACE = "hub"
CUSTOMERS = "customers"
MARKETING = "email_marketing"
_NUMBER = re.compile(r"(?:gid://shopify/Customer/|[\w-]+:)?([0-9]+)")
_ERRORS = "userErrors { message }"


def write(client: Client, batch: SyncBatch) -> list[Result]:
    """Write rows to customers by their numbers; one request for all of them, and one for each coupon."""
    if batch.target == COUPONS:
        return in_turn(batch.rows, lambda row: [row.key], lambda row: [_coupon(client, batch, row)])
    results: dict[str, Result] = {}
    parts, variables = [], {}
    going = []
    for place, row in enumerate(batch.rows):
        found = _NUMBER.fullmatch(row.key)
        refused = "the key is no number of a Shopify customer" if found is None else _refused(batch, row)
        if refused:
            results[row.key] = Result(row.key, "rejected", reason=refused)
            continue
        assert found is not None
        id_ = f"gid://shopify/Customer/{found[1]}"
        for name, (call, given) in enumerate(_calls(batch, row, id_)):
            alias = f"m{place}_{name}"
            declared, used = [], []
            for argument, (type_, value) in given.items():
                variables[f"{alias}_{argument}"] = value
                declared.append(f"${alias}_{argument}: {type_}")
                used.append(f"{argument}: ${alias}_{argument}")
            parts.append((alias, declared, f"{alias}: {call}({', '.join(used)}) {{ {_ERRORS} }}"))
        going.append((place, row))
    if parts:
        results |= _sent(client, parts, variables, going)
    return [results[row.key] for row in batch.rows]


def _coupon(client: Client, batch: SyncBatch, row: Row) -> Result:
    found = _NUMBER.fullmatch(row.key)
    if found is None:
        return Result(row.key, "rejected", reason="the key is no number of a Shopify customer")
    return write_coupon(client, batch.operation, row, f"gid://shopify/Customer/{found[1]}")


def _sent(
    client: Client,
    parts: Sequence[tuple[str, list[str], str]],
    variables: Mapping[str, Any],
    going: Sequence[tuple[int, Row]],
) -> dict[str, Result]:
    declared = ", ".join(one for _, names, _ in parts for one in names)
    document = f"mutation ({declared}) {{ {' '.join(call for _, _, call in parts)} }}"
    try:
        data, errors = client.once(document, dict(variables))
    except NoAnswerError as error:
        return _all(going, "unknown", str(error))
    except TemporaryError as error:
        return _all(going, "later", str(error), error.retry_after)
    told = {str(error["path"][0]): clean_reason(str(error.get("message"))) for error in errors if error.get("path")}
    results = {}
    for place, row in going:
        mine = [alias for alias, _, _ in parts if alias.startswith(f"m{place}_")]
        wrong = [told[alias] for alias in mine if alias in told]
        for alias in mine:
            wrong += [clean_reason(str(error["message"])) for error in (data.get(alias) or {}).get("userErrors", ())]
        if wrong:
            results[row.key] = Result(row.key, "rejected", reason="; ".join(wrong))
        elif all(data.get(alias) for alias in mine):
            results[row.key] = Result(row.key, "accepted")
        else:
            results[row.key] = Result(row.key, "unknown", reason="the answer says nothing about it")
    return results


def _all(
    going: Sequence[tuple[int, Row]], status: Status, reason: str, retry_after: float | None = None
) -> dict[str, Result]:
    return {row.key: Result(row.key, status, reason=reason, retry_after=retry_after) for _, row in going}


def _refused(batch: SyncBatch, row: Row) -> str:
    if batch.target != CUSTOMERS:
        return ""
    if row.fields.get(MARKETING) not in (None, False):
        return f"{MARKETING} can only be false: a yes is given in the shop"
    return ""


def _calls(batch: SyncBatch, row: Row, id_: str) -> Iterator[tuple[str, dict[str, tuple[str, Any]]]]:
    if batch.target != CUSTOMERS:
        call = "tagsRemove" if batch.operation in ("remove", "delete") else "tagsAdd"
        yield call, {"id": ("ID!", id_), "tags": ("[String!]!", [batch.target])}
        return
    fields = {name: value for name, value in row.fields.items() if name != MARKETING}
    kept = [_metafield(id_, name, value) for name, value in fields.items() if value is not None]
    gone = [{"ownerId": id_, "namespace": NAMESPACE, "key": name} for name, value in fields.items() if value is None]
    if kept:
        yield "metafieldsSet", {"metafields": ("[MetafieldsSetInput!]!", kept)}
    if gone:
        yield "metafieldsDelete", {"metafields": ("[MetafieldIdentifierInput!]!", gone)}
    if row.fields.get(MARKETING) is False:
        consent = {"customerId": id_, "emailMarketingConsent": {"marketingState": "UNSUBSCRIBED"}}
        yield (
            "customerEmailMarketingConsentUpdate",
            {"input": ("CustomerEmailMarketingConsentUpdateInput!", consent)},
        )


def _metafield(id_: str, name: str, value: Any) -> dict[str, str]:
    type_, text = _typed(value)
    return {"ownerId": id_, "namespace": NAMESPACE, "key": name, "type": type_, "value": text}


def _typed(value: Any) -> tuple[str, str]:
    """Give the type of a metafield and the value as Shopify writes it."""
    if isinstance(value, bool):
        return "boolean", str(value).lower()
    if isinstance(value, int):
        return "number_integer", str(value)
    if isinstance(value, Decimal | float):
        return "number_decimal", str(value)
    if isinstance(value, datetime):
        return "date_time", value.isoformat()
    if isinstance(value, date):
        return "date", value.isoformat()
    if isinstance(value, list | tuple | Mapping):
        return "json", json.dumps(value, default=str)
    return ("multi_line_text_field" if "\n" in str(value) else "single_line_text_field"), str(value)
