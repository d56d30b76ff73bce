"""Rows: what a call becomes in the lake. Every column is always there, as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from plugins.sources.events.values import as_json, part, text


def row_of(call: Mapping[str, Any], visitor: str, at: datetime, recognised: bool) -> tuple[str, dict[str, str]]:
    """Give the raw table of a call and its row there."""
    shared = {
        "user_id": text(call, "userId"),
        "device": text(call, "anonymousId") or visitor,
        "at": at.isoformat(),
        "recognised": "yes" if recognised else "no",
    }
    kind = call["type"]
    if kind == "identify":
        return "people", {**shared, **_person(call, shared)}
    if kind == "group":
        traits = part(call, "traits")
        return "groups", {
            **shared,
            "group_id": text(call, "groupId"),
            "name": text(traits, "name"),
            "traits": as_json(traits),
        }
    if kind == "alias":
        return "aliases", {**shared, "previous_id": text(call, "previousId")}
    return "events", {**shared, **_event(call)}


def _event(call: Mapping[str, Any]) -> dict[str, str]:
    properties, context = part(call, "properties"), part(call, "context")
    page, campaign = part(context, "page"), part(context, "campaign")
    return {
        "type": call["type"],
        "event": text(call, "event") if call["type"] == "track" else call["type"],
        "name": text(call, "name"),
        "url": text(properties, "url") or text(page, "url"),
        "title": text(properties, "title") or text(page, "title"),
        "referrer": text(properties, "referrer") or text(page, "referrer"),
        "search": text(properties, "query", "search"),
        "product_id": text(properties, "product_id", "productId", "sku"),
        "order_id": text(properties, "order_id", "orderId"),
        "value": text(properties, "value", "revenue", "total", "price"),
        "subject": text(properties, "subject", "topic", "form", "category"),
        "email": text(properties, "email") or text(part(context, "traits"), "email"),
        "campaign": text(campaign, "name"),
        "source": text(campaign, "source"),
        "medium": text(campaign, "medium"),
        "locale": text(context, "locale"),
        "library": text(part(context, "library"), "name"),
        "properties": as_json(properties),
    }


def _person(call: Mapping[str, Any], shared: Mapping[str, str]) -> dict[str, str]:
    traits = part(call, "traits") or part(call, "context", "traits")
    address, company = part(traits, "address"), part(traits, "company")
    known = {
        "email": text(traits, "email"),
        "phone": text(traits, "phone"),
        "first_name": text(traits, "firstName", "first_name"),
        "last_name": text(traits, "lastName", "last_name"),
        "name": text(traits, "name"),
        "gender": text(traits, "gender"),
        "birthday": text(traits, "birthday"),
        "city": text(address, "city"),
        "postcode": text(address, "postalCode", "postal_code"),
        "country": text(address, "country"),
        "company": text(company, "name"),
        "traits": as_json(traits),
    }
    # a library identifies the same person at every page: what is said again is one record
    said = "|".join([shared["user_id"], shared["device"], known["traits"]])
    return {**known, "said": sha256(said.encode()).hexdigest()[:32]}
